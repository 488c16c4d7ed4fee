import { describe, expect, test } from '@jest/globals';

import { inFolder, isWithin, outsOf, parseFolder, pipelineOf, type Out, type Pipeline } from '../../../../src/core/version/dvc.ts';
import { metadataOf } from '../../../../src/core/version/dvcMetadata.ts';
import { readYaml } from '../../../../src/sources/yaml.ts';

const MD5 = '12345678901234567890123456789e12';
const OTHER = '0cc175b9c0f1b6a831c399e269772661';

function outs(file: string, text: string): readonly Out[] {
  const read = outsOf(file, readYaml(text));
  if (!read.ok) throw new Error(read.failure.message);
  return read.value;
}

function pipeline(yaml: string, lock?: string, file = 'train/dvc.yaml'): Pipeline {
  const read = pipelineOf(file, readYaml(yaml), lock === undefined ? undefined : readYaml(lock));
  if (!read.ok) throw new Error(read.failure.message);
  return read.value;
}

function refusal(read: { readonly ok: boolean; readonly failure?: { readonly message: string } }): string {
  return read.failure?.message ?? 'taken';
}

describe('a .dvc file', () => {
  test('of DVC 3 names a file or a folder beside it', () => {
    expect(outs('m/a.pkl.dvc', `outs:\n- md5: ${MD5}\n  size: 5\n  hash: md5\n  path: a.pkl\n`)).toEqual([
      {
        path: 'm/a.pkl',
        object: { md5: MD5, isFolder: false, isLegacy: false },
        cloud: undefined,
        files: undefined,
        remote: undefined,
        importedFrom: undefined,
        stage: undefined,
      },
    ]);
    expect(outs('a.dvc', `outs:\n- md5: ${MD5}.dir\n  nfiles: 2\n  hash: md5\n  path: a\n  remote: Store\n`)).toMatchObject([
      { path: 'a', object: { md5: MD5, isFolder: true }, remote: 'Store' },
    ]);
  });

  test('of DVC 2 is told by what it does not say', () => {
    expect(outs('a.dvc', `outs:\n- md5: ${MD5}\n  path: a\n`)).toMatchObject([{ object: { md5: MD5, isLegacy: true } }]);
  });

  test('may work in another folder, but not outside of the repository', () => {
    expect(outs('m/x/a.dvc', `wdir: ../..\nouts:\n- md5: ${MD5}\n  path: ./out//a\n`)).toMatchObject([{ path: 'out/a' }]);
    expect(outs('a.dvc', `wdir: ../..\nouts:\n- md5: ${MD5}\n  path: a\n`)).toEqual([]);
    for (const path of ['/etc/passwd', '../a', 's3://bucket/a']) {
      expect(outs('a.dvc', `outs:\n- md5: ${MD5}\n  path: ${path}\n`)).toEqual([]);
    }
  });

  test('whose out has no md5 has none', () => {
    expect(outs('a.dvc', 'outs:\n- path: a\n')).toMatchObject([{ object: undefined }]);
    expect(outs('a.dvc', `outs:\n- path: a\n  md5: ${MD5.toUpperCase()}\n`)).toMatchObject([{ object: undefined }]);
    expect(outs('a.dvc', `outs:\n- path: a\n  hash: blake3\n  md5: ${MD5}\n`)).toMatchObject([{ object: undefined }]);
    expect(outs('a.dvc', 'outs:\n- path: a\n  md5: ../../etc/passwd\n')).toMatchObject([{ object: undefined }]);
  });

  test('of an import names where it comes from', () => {
    const dependency = 'deps:\n- path: m\n  repo:\n    url: https://example.com/r\n    rev_lock: abc\n';
    expect(outs('m.dvc', `${dependency}outs:\n- md5: ${MD5}\n  hash: md5\n  path: m\n`)).toMatchObject([
      { path: 'm', importedFrom: 'https://example.com/r', stage: undefined },
    ]);
  });

  test('of a bucket that keeps versions names them', () => {
    const file = `outs:\n- path: a\n  hash: md5\n  md5: ${MD5}\n  cloud:\n    Store:\n      etag: x\n      version_id: v1\n`;
    expect(outs('a.dvc', file)).toMatchObject([{ cloud: { remote: 'store', versionId: 'v1' } }]);
    const entry = (path: string): string => `  - relpath: ${path}\n    md5: ${MD5}\n    cloud:\n      store:\n        version_id: v2\n`;
    expect(outs('a.dvc', `outs:\n- path: a\n  hash: md5\n  files:\n${entry('x/y')}`)).toMatchObject([
      { files: [{ path: 'x/y', object: { md5: MD5, isLegacy: false }, cloud: { versionId: 'v2' } }] },
    ]);
    expect(refusal(outsOf('a.dvc', readYaml(`outs:\n- path: a\n  hash: md5\n  files:\n${entry('../x')}`)))).toBe(
      "'a.dvc' lists the file '../x', which leads out of the model by '..'.",
    );
  });

  test.each(['', '- a', 'a', '[[[', 'a: 1\na: 2', '!!python/object:os.system x'])('that is none is refused: %j', (text) => {
    expect(refusal(outsOf('a.dvc', readYaml(text)))).toBe("'a.dvc' is no YAML of DVC.");
  });

  test('that is odd has no outs', () => {
    for (const text of ['a: 1', 'outs: x', 'outs: {path: x}', 'outs: [x, [y]]']) expect(outs('a.dvc', text)).toEqual([]);
    expect(refusal(outsOf('a.dvc', readYaml('outs: [{md5: x}]')))).toBe("'a.dvc' has an out without a path.");
  });
});

const YAML = `
stages:
  train:
    cmd: python train.py
    wdir: ../work
    deps: [data]
    outs:
    - model.pkl:
        remote: store
    - plain
    metrics:
    - metrics.json:
        cache: false
  fold:
    foreach: [a, b]
    do:
      cmd: x
      outs:
      - \${item}.pkl
  away:
    cmd: x
    wdir: ../../..
metrics: [live/metrics.json, /abs]
params: [live/params.yaml]
artifacts:
  fraud:
    path: ../work/model.pkl
    type: model
    desc: finds fraud
    labels: [risk, eu]
  broken: {type: model}
`;
const LOCK = `
schema: '2.0'
stages:
  train:
    cmd: python train.py
    deps:
    - {path: data, hash: md5, md5: ${OTHER}.dir, nfiles: 3}
    - {path: train.py, hash: md5, md5: ${OTHER}}
    params:
      params.yaml: {lr: 0.10, model: {depth: 3, layers: [64, 32]}}
      other.json: {seed: 1}
    outs:
    - {path: model.pkl, hash: md5, md5: ${MD5}}
    - {path: plain, md5: ${MD5}.dir}
  fold@a:
    outs:
    - {path: a.pkl, hash: md5, md5: ${MD5}}
  gone:
    outs:
    - {path: gone.pkl, hash: md5, md5: ${MD5}}
  away:
    outs:
    - {path: x, hash: md5, md5: ${MD5}}
`;

describe('dvc.yaml and dvc.lock', () => {
  const read = pipeline(YAML, LOCK);

  test('say what the stages made, and by what', () => {
    expect(read.outs.map(({ path, object, remote, stage }) => [path, object?.isFolder, object?.isLegacy, remote, stage?.name])).toEqual([
      ['work/model.pkl', false, false, 'store', 'train/dvc.yaml:train'],
      ['work/plain', true, true, undefined, 'train/dvc.yaml:train'],
      ['train/a.pkl', false, false, undefined, 'train/dvc.yaml:fold@a'],
    ]);
    expect(read.outs[0]?.stage).toMatchObject({
      dependencies: [
        { path: 'work/data', md5: `${OTHER}.dir` },
        { path: 'work/train.py', md5: OTHER },
      ],
      metrics: ['work/metrics.json'],
    });
  });

  test('name artifacts, metrics and parameters', () => {
    expect([...read.artifacts]).toEqual([
      ['fraud', { path: 'work/model.pkl', tags: { type: 'model', description: 'finds fraud', labels: 'risk, eu' } }],
    ]);
    expect([read.metrics, read.parameters]).toEqual([['train/live/metrics.json'], ['train/live/params.yaml']]);
  });

  test('without a lock say nothing of outs', () => {
    expect(pipeline(YAML).outs).toEqual([]);
    expect(pipeline('stages: []', LOCK).outs).toEqual([]);
    expect(refusal(pipelineOf('dvc.yaml', 'x', undefined))).toBe("'dvc.yaml' is no YAML of DVC.");
  });

  test('become the history of what was made', () => {
    const metadata = metadataOf({
      repository: 'https://example.com/r',
      commit: 'c',
      stage: read.outs[0]?.stage,
      tags: { type: 'model' },
      metrics: [
        { path: 'm.json', document: readYaml('{"auc": 0.90, "n": NaN, "by": {"eu": 1}}') },
        { path: 'n.json', document: readYaml('{"n": 2}') },
      ],
      parameters: [{ path: 'p.yaml', document: readYaml('lr: 1\nbatch: 32') }],
      isCode: (path) => path.endsWith('.py'),
    });
    expect(metadata).toEqual({
      code: { repository: 'https://example.com/r', commit: 'c' },
      data: [{ name: 'work/data', digest: `md5:${OTHER}.dir` }],
      training: {
        pipeline: 'train/dvc.yaml:train',
        parameters: { lr: '0.10', 'model.depth': '3', 'model.layers': '[64, 32]', 'other.json:seed': '1', batch: '32' },
      },
      metrics: { auc: '0.90', 'm.json:n': 'NaN', 'by.eu': '1', 'n.json:n': '2' },
      tags: { type: 'model' },
    });
  });

  test('do not explode', () => {
    const lines = Array.from({ length: 60 }, (_, i) => `a${i + 1}: &a${i + 1} {x: *a${i}, y: *a${i}}`);
    const document = readYaml(`a0: &a0 {x: 1}\n${lines.join('\n')}`);
    expect(document).toBeDefined();
    const told = { repository: 'r', commit: 'c', stage: undefined, tags: {}, parameters: [], isCode: () => false };
    expect(Object.keys(metadataOf({ ...told, metrics: [{ path: 'm', document }] }).metrics ?? {}).length).toBeLessThanOrEqual(1000);
  });
});

describe('the object of a folder', () => {
  const object = { md5: MD5, isFolder: true, isLegacy: false };

  test('lists its files', () => {
    const text = `[{"md5": "${MD5}", "relpath": "a.bin"}, {"md5": "${OTHER}", "relpath": "b/c"}]`;
    expect(parseFolder(text, 'm', object)).toEqual({
      ok: true,
      value: [
        { path: 'a.bin', object: { md5: MD5, isFolder: false, isLegacy: false }, cloud: undefined },
        { path: 'b/c', object: { md5: OTHER, isFolder: false, isLegacy: false }, cloud: undefined },
      ],
    });
    expect(parseFolder(text, 'm', { ...object, isLegacy: true })).toMatchObject({ value: [{ object: { isLegacy: true } }, {}] });
  });

  test.each([
    ['{', "'m' is no JSON."],
    ['{}', "'m' is no list of files."],
    ['[1]', "'m' lists a file without a name."],
    [`[{"md5": "${MD5}", "relpath": "../x"}]`, "'m' lists the file '../x', which leads out of the model by '..'."],
    [`[{"md5": "${MD5}", "relpath": "a//x"}]`, "'m' lists the file 'a//x', which has an empty segment."],
    [`[{"md5": "${MD5}.dir", "relpath": "x"}]`, "'m' lists the file 'x' without an md5."],
    ['[{"md5": "a/../../b", "relpath": "x"}]', "'m' lists the file 'x' without an md5."],
  ])('that is broken is refused: %s', (text, message) => {
    expect(refusal(parseFolder(text, 'm', object))).toBe(message);
  });
});

describe('paths', () => {
  test('stay in the repository', () => {
    expect(['a', './a/../b', '..', '../..', 'a/../../..', '/a', 'file:///a', ''].map((path) => inFolder('x', path))).toEqual([
      'x/a',
      'x/b',
      '',
      undefined,
      undefined,
      undefined,
      undefined,
      'x',
    ]);
    expect([isWithin('a/b', 'a'), isWithin('ab', 'a'), isWithin('a', 'a'), isWithin('a', '')]).toEqual([true, false, true, true]);
  });
});
