import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { describePointer, parseArtifacts, parsePointer, parseUri, readPin, writePin } from '../../../../src/core/version/mlflow.ts';
import { arePins } from '../../../../src/core/version/pins.ts';

const SERVER = 'https://mlflow.example.com/ml';
const NOTHING = { uri: undefined, model: undefined, version: undefined, alias: undefined };
const ID = '4e0c903ac06b4166897309ffb2aec190';

function refusal(outcome: ReturnType<typeof parsePointer> | ReturnType<typeof parseArtifacts>): string {
  if (outcome.ok) throw new Error(`taken: ${JSON.stringify(outcome.value)}`);
  expect(outcome.failure.retryable).toBe(false);
  return `${outcome.failure.reason}: ${outcome.failure.message}`;
}

describe('a pointer', () => {
  test.each([
    ['models:/fraud/3', { kind: 'version', model: 'fraud', version: '3' }],
    ['models:/Fraud Detection (EU)/12/', { kind: 'version', model: 'Fraud Detection (EU)', version: '12' }],
    ['models:/fraud@champion', { kind: 'alias', model: 'fraud', alias: 'champion' }],
    ['models:/a@b@champion', { kind: 'alias', model: 'a@b', alias: 'champion' }],
    ['models:/a@b/3', { kind: 'version', model: 'a@b', version: '3' }],
    ['models:/fraud/Latest', { kind: 'alias', model: 'fraud', alias: 'latest' }],
    ['models:/fraud%20eu/3', { kind: 'version', model: 'fraud%20eu', version: '3' }],
    [`models:/m-${ID}`, { kind: 'logged', id: `m-${ID}` }],
    [`runs:/${ID}/model`, { kind: 'run', run: ID, path: 'model' }],
    [`runs:/${ID}/exports/model 1/`, { kind: 'run', run: ID, path: 'exports/model 1' }],
  ])('by the uri %s is read as MLflow reads it', (uri, pointer) => {
    expect(parsePointer({ ...NOTHING, uri })).toEqual({ ok: true, value: pointer });
  });

  test.each([
    ['models:/fraud/Production', "The version 'Production' in spec.source.mlflow.uri must be a number"],
    ['models:/fraud/Production', 'set an alias on the version and give that instead (alias: champion, or models:/<model>@champion)'],
    ['models:/fraud/staging', 'Stages such as Production are deprecated'],
    ['models:/fraud/0', 'must be a number'],
    ['models:/fraud/03', 'must be a number'],
    ['models:/fraud', 'names no version. Give models:/<model>/<version> or models:/<model>@<alias>'],
    ['models:/fraud@', "The alias '' in spec.source.mlflow.uri may hold only"],
    ['models:/fraud@v3', 'is reserved by MLflow for versions. Give version: "3"'],
    ['models:/fraud@a b', 'may hold only letters'],
    ['models:/@champion', "The model name '' in spec.source.mlflow.uri"],
    ['models:/a:b@champion', "no '/' or ':'"],
    ['models:/fraud/3/data', 'has too many parts'],
    ['models://host/fraud/3', 'Give models:/<model>/<version>'],
    [`runs:/${ID}`, 'must go on with the path'],
    [`runs:/${ID}/`, 'must go on with the path'],
    [`runs:/${ID}/../x`, "leads out of the model by '..'"],
    [`runs:/${ID}//etc`, 'is absolute'],
    ['runs:/a b/model', 'has no run id'],
    ['s3://bucket/x', 'Give models:/<model>/<version>'],
    ['models:/a\nb/3', "'a\\u{a}b'"],
  ])('by the uri %j is refused', (uri, words) => {
    const said = refusal(parsePointer({ ...NOTHING, uri }));
    expect(said).toContain('InvalidSource: ');
    expect(said).toContain(words);
  });

  test('by its own fields is the same', () => {
    expect(parsePointer({ ...NOTHING, model: 'fraud', version: '3' })).toEqual(parseUri('models:/fraud/3'));
    expect(parsePointer({ ...NOTHING, model: 'fraud', alias: 'champion' })).toEqual(parseUri('models:/fraud@champion'));
    expect(refusal(parsePointer({ ...NOTHING, model: 'fraud', version: 'Production' }))).toContain('Stages such as Production');
    expect(refusal(parsePointer({ ...NOTHING, model: 'fraud', alias: 'V3' }))).toContain('Give version: "3"');
  });

  test.each([
    [{}, 'either uri, or model'],
    [{ uri: 'models:/fraud/3', model: 'fraud' }, 'either uri, or model'],
    [{ uri: 'models:/fraud/3', alias: 'champion' }, 'no version or alias beside uri'],
    [{ model: 'fraud' }, 'exactly one of version and alias'],
    [{ model: 'fraud', version: '3', alias: 'champion' }, 'exactly one of version and alias'],
    [{ version: '3' }, 'either uri, or model'],
  ])('is not made of %j', (fields, words) => {
    expect(refusal(parsePointer({ ...NOTHING, ...fields }))).toContain(words);
  });

  test('of any kind is described by a uri that leads back to it', () => {
    const name = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => parsePointer({ ...NOTHING, model: text, alias: 'x' }).ok);
    fc.assert(
      fc.property(name, fc.integer({ min: 1 }), (model, number) => {
        for (const by of [{ alias: 'champion' }, { version: String(number) }]) {
          const pointer = parsePointer({ ...NOTHING, model, ...by });
          if (pointer.ok) expect(parseUri(describePointer(pointer.value))).toEqual(pointer);
        }
      }),
    );
    for (const uri of [`models:/m-${ID}`, `runs:/${ID}/a/b`]) {
      const pointer = parseUri(uri);
      expect(pointer.ok && describePointer(pointer.value)).toBe(uri);
    }
  });
});

describe('an artifact URI', () => {
  test.each([
    ['mlflow-artifacts:/1/abc/artifacts', { kind: 'proxy', server: SERVER, path: '1/abc/artifacts' }],
    ['mlflow-artifacts:1/abc', { kind: 'proxy', server: SERVER, path: '1/abc' }],
    ['mlflow-artifacts:///1/abc/', { kind: 'proxy', server: SERVER, path: '1/abc' }],
    ['mlflow-artifacts://other:8080/1/abc', { kind: 'proxy', server: 'https://other:8080/ml', path: '1/abc' }],
    ['http://other/api/2.0/mlflow-artifacts/artifacts/1/a b', { kind: 'proxy', server: 'http://other', path: '1/a b' }],
    ['https://other/x/api/2.0/mlflow-artifacts/artifacts/1', { kind: 'proxy', server: 'https://other/x', path: '1' }],
    ['s3://models/ml/flow/', { kind: 's3', bucket: 'models', prefix: 'ml/flow' }],
    [`models:/m-${ID}`, { kind: 'pointer', pointer: { kind: 'logged', id: `m-${ID}` } }],
    ['models:/fraud/3', { kind: 'pointer', pointer: { kind: 'version', model: 'fraud', version: '3' } }],
  ])('%s is a place', (uri, place) => {
    expect(parseArtifacts(uri, SERVER)).toEqual({ ok: true, value: place });
  });

  test.each([
    ['/srv/mlruns/1/abc', "a path on the MLflow server's own disk that no pod can read. Start the server with --artifacts-destination"],
    ['file:///srv/mlruns/1/abc', "on the MLflow server's own disk"],
    ['./mlruns/1', "on the MLflow server's own disk"],
    ['C:\\mlruns\\1', "on the MLflow server's own disk"],
    ['gs://bucket/x', "through the server's proxy (--artifacts-destination, whatever is behind it) or from s3://"],
    ['dbfs:/databricks/x', "through the server's proxy"],
    ['https://files.example.com/model', 'Use source http for a file on a web server'],
    ['https://ada:hush@other/api/2.0/mlflow-artifacts/artifacts/1', 'a web address with credentials in it'],
    ['mlflow-artifacts:/', 'whose path is empty'],
    ['mlflow-artifacts:/1/../../etc', "leads out of the model by '..'"],
    ['mlflow-artifacts://ada:hush@other/1', 'in which no host can be read'],
    ['ftp://ada:hush@other/1?key=hush', "'ftp://other/1'; artifacts are read through"],
    ['s3://Models/x', 'in which no bucket can be read'],
    ['s3://models', 'whose path is empty'],
    ['models:/fraud/Production', 'a pointer that is none'],
    ['mlflow-artifacts:/a\u202eb', 'does not print'],
    [`mlflow-artifacts:/${'x/'.repeat(600)}`, 'longer than 1024 characters'],
  ])('%j is refused', (uri, words) => {
    const said = refusal(parseArtifacts(uri, SERVER));
    expect(said).toContain('SourceRefused: MLflow says that the model is at ');
    expect(said).toContain(words);
    expect(said).not.toContain('hush');
  });

  test('is pinned as printable ASCII, and read back as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), (text) => {
        const pin = writePin(text);
        expect(arePins({ artifacts: pin })).toBe(true);
        expect(readPin(pin)).toBe(text);
      }),
    );
    expect(writePin('mlflow-artifacts:/1/abc/artifacts')).toBe('mlflow-artifacts:/1/abc/artifacts');
    expect(readPin('%zz')).toBeUndefined();
  });
});
