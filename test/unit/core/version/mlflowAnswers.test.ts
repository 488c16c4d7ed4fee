import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { boundMetadata } from '../../../../src/core/version/metadata.ts';
import {
  metadataOf,
  readArtifacts,
  readArtifactUri,
  readError,
  readExperimentName,
  readLoggedModel,
  readModelFile,
  readRun,
  readVersion,
} from '../../../../src/core/version/mlflowAnswers.ts';

const RUN_ID = '4e0c903ac06b4166897309ffb2aec190';
const MODEL_ID = 'm-3070c9161c4b4fe6ad2b823bf67cc212';
const pair = (key: string, value: unknown) => ({ key, value });

/** Answers of MLflow 3.17.2, shortened. */
const VERSION = {
  model_version: {
    name: 'fraud',
    version: '1',
    source: `models:/${MODEL_ID}`,
    run_id: RUN_ID,
    status: 'READY',
    tags: [pair('team', 'risk'), pair('mlflow.inner', 'x')],
    aliases: ['champion'],
  },
};
const RUN = {
  run: {
    info: {
      run_id: RUN_ID,
      experiment_id: '1',
      user_id: 'root',
      lifecycle_stage: 'active',
      artifact_uri: 'mlflow-artifacts:/1/r/artifacts',
    },
    data: {
      metrics: [pair('auc', 0.95), pair('loss', 'NaN'), { value: 1 }],
      params: [pair('C', '1.0')],
      tags: [
        pair('mlflow.user', 'ada'),
        pair('mlflow.source.git.commit', '4f0c2a7d9be1'),
        pair('mlflow.source.git.repoURL', 'https://oauth2:hush@git.example.com/fraud.git'),
        pair('stage', 'nightly'),
      ],
    },
    inputs: {
      dataset_inputs: [
        {
          dataset: {
            name: 'web',
            digest: '46c7',
            source_type: 'http',
            source: '{"url":"https://ada:hush@data.example.com/x.parquet?sig=hush"}',
          },
        },
        { dataset: { name: 'bucket', digest: 'a1', source: '{"uri": "s3://data/x.parquet"}' } },
        { dataset: { name: 'hub', source: '{"path": "org/set", "revision": "main"}' } },
        { dataset: { name: 'table', source: '{"delta_table_name": "prod.tx"}' } },
        { dataset: { name: 'code', digest: 'b2', source: 'no json' } },
        { dataset: { digest: 'nameless' } },
      ],
    },
    outputs: { model_outputs: [{ model_id: MODEL_ID, step: 0 }, { model_id: '../x' }] },
  },
};
const LOGGED = {
  model: {
    info: {
      model_id: MODEL_ID,
      name: 'model',
      artifact_uri: 'mlflow-artifacts:/1/models/m/artifacts',
      status: 'LOGGED_MODEL_READY',
      source_run_id: RUN_ID,
      creation_timestamp_ms: '1795803979005',
      tags: [pair('mlflow.user', 'eve'), pair('kind', 'tree')],
    },
    data: { params: [pair('C', '2.0')], metrics: [pair('auc', 0.9)] },
  },
};

describe('an answer of MLflow', () => {
  test('is read where it has the shape that is needed', () => {
    expect(readVersion(VERSION)).toEqual({
      version: '1',
      state: 'ready',
      run: RUN_ID,
      tags: { team: 'risk', 'mlflow.inner': 'x' },
    });
    expect(readRun(RUN)).toMatchObject({
      id: RUN_ID,
      isDeleted: false,
      experiment: '1',
      models: [MODEL_ID],
      metrics: { auc: '0.95', loss: 'NaN' },
    });
    expect(readLoggedModel(LOGGED)).toMatchObject({
      id: MODEL_ID,
      name: 'model',
      run: RUN_ID,
      createdAt: 1795803979005,
      parameters: { C: '2.0' },
    });
    expect(readArtifactUri({ artifact_uri: 's3://b/x' })).toBe('s3://b/x');
    expect(readExperimentName({ experiment: { name: 'fraud' } })).toBe('fraud');
    expect(readError({ error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'gone' })).toEqual({
      code: 'RESOURCE_DOES_NOT_EXIST',
      message: 'gone',
    });
    expect(
      readArtifacts({
        files: [
          { path: 'data', is_dir: true },
          { path: 'a', is_dir: false, file_size: '983' },
        ],
      }),
    ).toEqual([
      { name: 'data', isFolder: true, bytes: undefined },
      { name: 'a', isFolder: false, bytes: 983 },
    ]);
    expect(readArtifacts({})).toEqual([]);
  });

  test.each([
    ['no object', readVersion, '<html>'],
    ['no version', readVersion, { model_version: { name: 'fraud' } }],
    ['a version that is no number', readVersion, { model_version: { version: '../../1' } }],
    ['an artifact URI that is none', readArtifactUri, { artifact_uri: 7 }],
    ['a run without artifacts', readRun, { run: { info: { run_id: RUN_ID } } }],
    ['a run id that would lead elsewhere', readRun, { run: { info: { run_id: '../x', artifact_uri: 'x' } } }],
    ['a model id that would lead elsewhere', readLoggedModel, { model: { info: { model_id: '../x', artifact_uri: 'x' } } }],
    ['files that are no list', readArtifacts, { files: { path: 'a' } }],
    ['a file without a name', readArtifacts, { files: [{ is_dir: false }] }],
    ['no error', readError, { message: 'x' }],
  ])('with %s is none', (_what, read, document) => {
    expect(read(document)).toBeUndefined();
  });

  test('of any shape throws nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        const document = { run: one, model: one, model_version: one, files: one, flavors: one, signature: other, experiment: one };
        for (const read of [
          readVersion,
          readRun,
          readLoggedModel,
          readArtifacts,
          readArtifactUri,
          readExperimentName,
          readError,
          readModelFile,
        ]) {
          read(document);
          read(one);
        }
      }),
    );
  });
});

describe('an MLmodel file', () => {
  test('gives flavors with their versions, and the signature with its JSON unpacked', () => {
    const file = {
      run_id: RUN_ID,
      flavors: {
        sklearn: { pickled_model: 'model.pkl', sklearn_version: '1.9.1' },
        python_function: { python_version: '3.11.2' },
        own: {},
        odd: 'x',
      },
      signature: { inputs: '[{"name": "amount", "type": "double"}]', outputs: 'no json', params: null },
    };
    expect(readModelFile(file)).toEqual({
      run: RUN_ID,
      flavors: { sklearn: '1.9.1', python_function: '3.11.2', own: 'unstated', odd: 'unstated' },
      signature: '{"inputs":[{"name":"amount","type":"double"}],"outputs":"no json"}',
    });
    expect(readModelFile(undefined)).toEqual({ run: undefined, flavors: {}, signature: undefined });
  });
});

describe('metadata', () => {
  test("are the run's, with the version's tags and the model's own files", () => {
    const findings = {
      version: readVersion(VERSION),
      run: readRun(RUN),
      logged: readLoggedModel(LOGGED),
      experiment: 'fraud',
      file: { flavors: { sklearn: '1.9.1' }, signature: '{}', run: undefined },
    };
    expect(boundMetadata(metadataOf(findings))).toEqual({
      code: { repository: 'https://git.example.com/fraud.git', commit: '4f0c2a7d9be1' },
      data: [
        { name: 'web', uri: 'https://data.example.com/x.parquet', digest: '46c7' },
        { name: 'bucket', uri: 's3://data/x.parquet', digest: 'a1' },
        { name: 'hub', uri: 'org/set' },
        { name: 'table', uri: 'prod.tx' },
        { name: 'code', digest: 'b2' },
      ],
      training: { pipeline: 'fraud', run: RUN_ID, user: 'ada', parameters: { C: '1.0' } },
      metrics: { auc: '0.95', loss: 'NaN' },
      tags: { team: 'risk' },
      model: { flavors: { sklearn: '1.9.1' }, signature: '{}' },
    });
    expect(JSON.stringify(metadataOf(findings))).not.toContain('hush');
  });

  test('of a LoggedModel whose run is gone are its own', () => {
    expect(boundMetadata(metadataOf({ logged: readLoggedModel(LOGGED) }))).toEqual({
      training: { run: RUN_ID, user: 'eve', parameters: { C: '2.0' } },
      metrics: { auc: '0.9' },
      tags: { kind: 'tree' },
    });
  });

  test('of nothing are nothing', () => {
    expect(boundMetadata(metadataOf({}))).toEqual({});
  });
});
