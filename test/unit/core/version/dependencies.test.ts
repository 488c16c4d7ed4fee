import { describe, expect, test } from '@jest/globals';
import { FAILSAFE_SCHEMA, load } from 'js-yaml';
import {
  aboutTheModel,
  boundDependencies,
  dependencyFile,
  readDependencies,
  type DependencyContents,
} from '../../../../src/core/version/dependencies.ts';

const yaml = (text: string): unknown => load(text, { schema: FAILSAFE_SCHEMA });

/** Files as MLflow 3.17.2 wrote them for a model of scikit-learn; the version of Python is shortened nowhere. */
const MLFLOW: DependencyContents = {
  'requirements.txt': 'mlflow==3.17.2\nscikit-learn==1.9.1',
  'conda.yaml': yaml(
    'channels:\n- conda-forge\ndependencies:\n- python=3.10.0\n- pip<=23.2.1\n- pip:\n  - mlflow==3.17.2\n  - scikit-learn==1.9.1\nname: mlflow-env\n',
  ),
  'python_env.yaml': yaml(
    'python: 3.10.0\nbuild_dependencies:\n- pip==23.2.1\n- setuptools==65.5.0\n- wheel\ndependencies:\n- -r requirements.txt\n',
  ),
  MLmodel: yaml(
    'flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    python_version: 3.10.0\n  sklearn:\n    code: null\n    sklearn_version: 1.9.1\nmlflow_version: 3.17.2\n',
  ),
};

describe('the files of a model that MLflow wrote', () => {
  test('say the same, once', () => {
    expect(readDependencies(MLFLOW)).toEqual({
      python: '3.10.0',
      packages: [
        { name: 'scikit-learn', specifier: '==1.9.1', from: 'requirements.txt' },
        { name: 'mlflow', specifier: '==3.17.2', from: 'requirements.txt', optional: true },
      ],
    });
  });

  test.each<[file: keyof DependencyContents, from: string]>([
    ['requirements.txt', 'requirements.txt'],
    ['conda.yaml', 'conda.yaml'],
    ['MLmodel', 'MLmodel'],
  ])('%s alone names the library that wrote the model', (file, from) => {
    expect(readDependencies({ [file]: MLFLOW[file] })?.packages).toContainEqual({ name: 'scikit-learn', specifier: '==1.9.1', from });
  });

  test('a python_env.yaml alone says what is not beside it', () => {
    expect(readDependencies({ 'python_env.yaml': MLFLOW['python_env.yaml'] })).toEqual({
      python: '3.10.0',
      omitted: 1,
      notCompared: ['another file of requirements (-r)'],
    });
  });

  test("a requirement of a person's counts more than the version that was there when the model was made", () => {
    const { packages } = readDependencies({ 'requirements.txt': 'scikit-learn>=1.5', MLmodel: MLFLOW.MLmodel }) ?? {};
    expect(packages).toEqual([{ name: 'scikit-learn', specifier: '>=1.5', from: 'requirements.txt' }]);
  });

  test('of other flavors name their packages, whatever build they are', () => {
    const model = yaml(
      'flavors:\n  pytorch: {pytorch_version: 2.5.1+cu121}\n  xgboost: {xgb_version: 3.0.1}\n  mine: {code_version: 1.0, xgb_version: .nan}\n',
    );
    expect(readDependencies({ MLmodel: model })?.packages?.map(({ name, specifier }) => `${name}${specifier}`)).toEqual([
      'torch==2.5.1',
      'xgboost==3.0.1',
    ]);
  });
});

describe('a conda.yaml', () => {
  test.each([
    ['numpy=1.26', '==1.26.*'],
    ['numpy=1.26.*', '==1.26.*'],
    ['numpy==1.26.4', '==1.26.4'],
    ['numpy=1.26.4=py311h64a7726_0', '==1.26.4'],
    ['numpy 1.26.4 py311h64a7726_0', '==1.26.4'],
    ['numpy 1.26.4', '==1.26.4.*'],
    ['conda-forge::numpy >=1.2,<2', '>=1.2,<2'],
    ['numpy >= 1.2', '>=1.2'],
    ['numpy', undefined],
  ])('%s', (spec, specifier) => {
    const [found] = readDependencies({ 'conda.yaml': { dependencies: [spec] } })?.packages ?? [];
    expect([found?.name, found?.specifier, found?.optional]).toEqual(['numpy', specifier, true]);
  });

  test.each(['openssl=1.1.1w', 'numpy=1.2|1.3', 'numpy[version=1]', '=1', ''])('%j is not compared', (spec) => {
    expect(readDependencies({ 'conda.yaml': { dependencies: [spec] } })).toEqual({
      omitted: 1,
      notCompared: ["a range in conda's own way"],
    });
  });

  test('gives the version of Python, and leaves pip out', () => {
    expect(readDependencies({ 'conda.yaml': { dependencies: ['python=3.11.9', 'pip<=23'] } })).toEqual({ python: '3.11.9' });
    expect(readDependencies({ 'conda.yaml': { dependencies: ['python>=3.10'] } })).toEqual({ python: '>=3.10' });
  });
});

describe('dependencies', () => {
  test('are what the files at the root say, or those beside the one MLmodel', () => {
    expect(aboutTheModel(['requirements.txt', 'code/requirements.txt', 'a/MLmodel'])).toEqual(['requirements.txt']);
    expect(aboutTheModel(['m/requirements.txt', 'm/MLmodel', 'code/requirements.txt'])).toEqual(['m/MLmodel', 'm/requirements.txt']);
    expect(aboutTheModel(['m/requirements.txt', 'm/MLmodel', 'n/MLmodel'])).toEqual([]);
    expect(aboutTheModel(['m/requirements.txt'])).toEqual([]);
    expect(['a/MLmodel', 'MLmodel', 'mlmodel', 'a/requirements.txt.bak'].map(dependencyFile)).toEqual([
      'MLmodel',
      'MLmodel',
      undefined,
      undefined,
    ]);
  });

  test('come with the most important first, and there are no more than 200', () => {
    const lines = ['anything', 'ranged>=1', ...Array.from({ length: 210 }, (_, index) => `p${index}==1`), 'xgboost>=2'];
    const { packages = [], omitted } =
      readDependencies({ 'requirements.txt': lines.join('\n'), MLmodel: yaml('flavors: {xgboost: {xgb_version: 3.0}}') }) ?? {};
    expect([packages.length, omitted, packages[0]?.name, packages[1]?.name]).toEqual([200, 13, 'xgboost', 'p0']);
    expect(packages.every(({ name }) => name !== 'anything' && name !== 'ranged')).toBe(true);
  });

  test.each<[title: string, contents: DependencyContents]>([
    ['nothing', {}],
    ['no text', { 'requirements.txt': 7 }],
    ['documents of other kinds', { MLmodel: 'x', 'conda.yaml': ['x'], 'python_env.yaml': null }],
    [
      'parts of other kinds',
      { MLmodel: { flavors: ['x'] }, 'conda.yaml': { dependencies: { pip: 'x' } }, 'python_env.yaml': { python: ['3'] } },
    ],
    ['inherited names', { MLmodel: { flavors: { a: { constructor: '1.0', toString: '1.0' } } } }],
  ])('are none in %s', (_, contents) => {
    expect(readDependencies(contents)).toBeUndefined();
  });

  test('of which nothing can be read are told of', () => {
    expect(readDependencies({}, ['conda.yaml, which is no YAML that can be read'])).toEqual({
      omitted: 1,
      notCompared: ['conda.yaml, which is no YAML that can be read'],
    });
  });

  test('from somebody who may write anything are bounded', () => {
    const good = { name: 'numpy', specifier: '==1', from: 'MLmodel' };
    const bad = [
      { ...good, name: 'Num Py' },
      { ...good, from: 'x' },
      { ...good, specifier: 'rm -rf' },
      { ...good, marker: 'x'.repeat(300) },
      7,
      null,
    ];
    expect(boundDependencies({ python: '3.11; rm', packages: [good, ...bad], omitted: -1, notCompared: ['a\u001b[2J', 7] })).toEqual({
      packages: [good],
      omitted: 6,
      notCompared: ['a [2J'],
    });
    expect(boundDependencies({ packages: 'x' })).toBeUndefined();
  });
});
