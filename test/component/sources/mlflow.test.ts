import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { load } from 'js-yaml';

import type { Pins } from '../../../src/core/version/pins.ts';
import { runFetch } from '../../../src/sources/fetch.ts';
import type { JobIo } from '../../../src/sources/job.ts';
import { parseFetchOptions, parseResolveOptions, parseTagOptions } from '../../../src/sources/options.ts';
import { runResolve } from '../../../src/sources/resolve.ts';
import { runTag } from '../../../src/sources/tag.ts';
import { hashTree, removeTree } from '../../../src/sources/tree.ts';
import { makeCertificates } from '../../support/certificates.ts';
import { ADMIN, startMlflow, type Mlflow, type Trained } from '../../support/mlflow.ts';
import { startMoto, type Moto } from '../../support/moto.ts';
import { jsonReply, startProxy, type Exchange, type ReverseProxy } from '../../support/reverseProxy.ts';
import { digestOf, sha256, workplace } from './fixtures.ts';
import type { Workplace } from './fixtures.ts';

/** By requirements.txt, conda.yaml, python_env.yaml and MLmodel, as MLflow wrote all four. */
const DEPENDENCIES = {
  python: expect.stringMatching(/^3\.11\./) as unknown as string,
  packages: [
    { name: 'scikit-learn', specifier: '==1.9.1', from: 'requirements.txt' },
    { name: 'mlflow', specifier: '==3.17.2', from: 'requirements.txt', optional: true },
  ],
};

const REGISTRY = '/api/2.0/mlflow/';
const ARTIFACTS = '/api/2.0/mlflow-artifacts/artifacts';

let mlflow: Mlflow;
let trained: Trained;
let moto: Moto;
let place: Workplace;
const proxies: ReverseProxy[] = [];

// The first run on a machine installs both servers.
beforeAll(async () => {
  moto = await startMoto();
  await moto.bucket('models');
  mlflow = await startMlflow({ s3Endpoint: moto.url });
  trained = mlflow.trained;
}, 900_000);

afterAll(async () => {
  // There is none if it did not start, which is then what is told.
  await (mlflow as Mlflow | undefined)?.stop();
  await (moto as Moto | undefined)?.stop();
}, 30_000);

beforeEach(async () => {
  place = await workplace();
});

afterEach(async () => {
  // Whatever happened, nothing that a person can read holds a credential.
  const said = JSON.stringify([place.lines, await readFile(place.io.terminationLog, 'utf8').catch(() => '')]);
  expect(said).not.toMatch(/hush|correct-horse|aHVzaC|YWRtaW46/);
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
  await removeTree(join(place.folder, 'models'));
  await place.remove();
});

async function secret(keys: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(place.folder, 'access-'));
  for (const [key, value] of Object.entries(keys)) await writeFile(join(folder, key), value);
  return folder;
}

interface Asked {
  readonly server?: string;
  readonly keys?: Readonly<Record<string, string>> | undefined;
  readonly pins?: Pins | undefined;
  readonly timeouts?: object;
  readonly limits?: object;
  readonly io?: Partial<JobIo>;
}

/** Resolves as the Job does, as the administrator unless `keys` says otherwise; returns what the operator would read. */
async function resolve(pointer: object, { server = mlflow.url, keys = ADMIN, io, ...more }: Asked = {}) {
  const options = { source: { mlflow: { server, ...pointer } }, accessDir: await secret(keys), ...more };
  const code = await runResolve(parseResolveOptions(JSON.stringify(options)), { ...place.io, ...io });
  const termination = await place.termination();
  if (!termination.ok) throw new Error(`the termination message ${termination.problem}`);
  return { code, ...termination.value };
}

async function found(...given: Parameters<typeof resolve>) {
  const outcome = await resolve(...given);
  if (outcome.kind !== 'resolved') throw new Error(`failed: ${JSON.stringify(outcome.failure)}`);
  return outcome;
}

async function failure(...given: Parameters<typeof resolve>) {
  const outcome = await resolve(...given);
  if (outcome.kind !== 'failed') throw new Error(`resolved: ${JSON.stringify(outcome.resolved)}`);
  expect(outcome.code).toBe(1);
  return outcome.failure;
}

/** Fetches as the init container of a pod does; returns the digest of what is then served. */
async function fetchedDigest(pointer: object, digest: string, pins: Pins | undefined, server = mlflow.url): Promise<string> {
  const to = join(place.folder, 'models');
  await mkdir(to, { recursive: true });
  const source = { mlflow: { server, ...pointer } };
  const job = {
    source,
    digest,
    pins,
    accessDir: await secret(ADMIN),
    model: 'fraud',
    version: '1',
    format: 'sklearn',
    preset: 'mlserver',
    to,
  };
  expect([await runFetch(parseFetchOptions(JSON.stringify(job)), place.io), place.lines.at(-1)]).toEqual([0, `verified ${digest}`]);
  const files = await hashTree(join(to, 'model'));
  return `sha256:${sha256((files ?? []).map((file) => `${file.sha256}  ${file.path}\n`).join(''))}`;
}

/** Stands between, and does what `act` says; where that returns nothing, the request goes on to the real server. */
async function between(act: (exchange: Exchange) => Promise<boolean> | boolean): Promise<ReverseProxy> {
  const proxy = await startProxy(mlflow.url, async (exchange) => {
    if (!(await act(exchange))) exchange.reply(await exchange.forward());
  });
  proxies.push(proxy);
  return proxy;
}

/** Changes the documents that the real server answers below a path. */
function rewriting(path: string, change: (document: Record<string, unknown>) => unknown): Promise<ReverseProxy> {
  return between(async (exchange) => {
    if (!exchange.path.startsWith(path)) return false;
    const { body } = await exchange.forward();
    exchange.reply(jsonReply(change(JSON.parse(body.toString()) as Record<string, unknown>)));
    return true;
  });
}

const ONCE = { timeouts: { retryMs: 1 } };

describe('a version in the registry', () => {
  test('has the bytes that MLflow’s own client gets, is pinned to their place, and brings along what MLflow knows', async () => {
    const { code, resolved, metadata } = await found({ model: trained.model, version: '1' });
    expect(code).toBe(0);
    const artifacts = `mlflow-artifacts:/1/models/${trained.logged}/artifacts`;
    expect(resolved).toMatchObject({
      digest: digestOf(trained.files.first),
      files: Object.keys(trained.files.first).length,
      uri: `${mlflow.url}${ARTIFACTS}/1/models/${trained.logged}/artifacts`,
      pins: { model: 'Fraud%20Detection%20(EU)', version: '1', artifacts },
    });
    expect(metadata).toEqual({
      code: { repository: 'https://git.example.com/fraud.git', commit: '4f0c2a7d9be1e3a5c7d9f0b2a4c6e8f0a1b3c5d7' },
      data: [{ name: 'transactions', uri: 'https://data.example.com/tx.parquet', digest: expect.stringMatching(/^[0-9a-f]{8}$/) }],
      training: { pipeline: 'fraud', run: trained.run, user: expect.any(String), parameters: { C: '1.0', solver: 'lbfgs' } },
      metrics: { auc: '0.947' },
      tags: { team: 'risk' },
      model: {
        flavors: { python_function: expect.stringMatching(/^3\.11\./), sklearn: '1.9.1' },
        signature: expect.stringContaining('"inputs":[{"type":"double","name":"amount","required":true}'),
      },
      dependencies: DEPENDENCIES,
    });
    expect(place.lines).toContain(`${sha256(trained.files.first['MLmodel']!)}  MLmodel`);
  });

  test.each([
    ['an alias', () => ({ model: trained.model, alias: 'champion' }), 'first'],
    ['models:/<model>/<version>', () => ({ uri: `models:/${trained.model}/2` }), 'second'],
    ['models:/<model>@<alias>', () => ({ uri: `models:/${trained.model}@champion` }), 'first'],
    ['models:/<model>/latest', () => ({ uri: `models:/${trained.model}/latest` }), 'second'],
    ['models:/m-<id>', () => ({ uri: `models:/${trained.logged}` }), 'first'],
    ['runs:/<run id>/<model>, which MLflow 3 keeps apart from the run', () => ({ uri: `runs:/${trained.run}/model` }), 'first'],
    ['runs:/<run id>/<folder>', () => ({ uri: `runs:/${trained.run}/export` }), 'export'],
    ['a version that was copied from another model', () => ({ model: 'copied', version: '1' }), 'first'],
  ] as const)('may be named by %s', async (_what, pointer, files) => {
    const { resolved, metadata } = await found(pointer());
    expect(resolved.digest).toBe(digestOf(trained.files[files]));
    expect(metadata).toMatchObject({ training: { run: files === 'second' ? trained.second : trained.run }, metrics: { auc: '0.947' } });
  });

  test('may be one file that a run logged', async () => {
    const { resolved } = await found({ uri: `runs:/${trained.run}/export/model.joblib` });
    expect(resolved).toMatchObject({ files: 1, digest: digestOf({ 'model.joblib': trained.files.export['model.joblib']! }) });
    const pointer = { uri: `runs:/${trained.run}/export/model.joblib` };
    expect(await fetchedDigest(pointer, resolved.digest, resolved.pins)).toBe(resolved.digest);
  });

  test('has a name in MLflow that Kubernetes cannot hold, and another one here', async () => {
    const pointer = { model: trained.model, version: '1' };
    expect(await fetchedDigest(pointer, digestOf(trained.files.first), undefined)).toBe(digestOf(trained.files.first));
    expect(JSON.parse(await readFile(join(place.folder, 'models/model-settings.json'), 'utf8'))).toEqual({
      name: 'fraud',
      implementation: 'mlserver_sklearn.SKLearnModel',
      parameters: { uri: './model/model.pkl', version: '1' },
    });
  });
});

test('the lines in docs/sources/mlflow.md do what they say', async () => {
  const page = await readFile(join(import.meta.dirname, '../../../docs/sources/mlflow.md'), 'utf8');
  const lines = /```yaml\n([^`]*)/.exec(page)?.[1] ?? '';
  expect(lines.trim().split('\n')).toHaveLength(5);
  const { spec } = load(lines) as { readonly spec: { readonly source: { readonly mlflow: { readonly server: string } } } };
  const { server, ...pointer } = spec.source.mlflow;
  expect(server).toBe('https://mlflow.example.com');
  expect((await found(pointer)).resolved.digest).toBe(digestOf(trained.files.first));
});

describe('what was pinned is brought', () => {
  test('after the alias was moved, and without a question to the registry', async () => {
    const pointer = { model: trained.model, alias: 'mover' };
    const alias = (version: string) =>
      mlflow.ask('POST', '2.0/mlflow/registered-models/alias', { name: trained.model, alias: 'mover', version });
    await alias('1');
    const { resolved } = await found(pointer);
    await alias('2');
    const proxy = await between(() => false);
    expect(await fetchedDigest(pointer, resolved.digest, resolved.pins, proxy.url)).toBe(digestOf(trained.files.first));
    expect(proxy.paths.length).toBeGreaterThan(5);
    expect(proxy.paths.filter((path) => !path.startsWith(ARTIFACTS))).toEqual([]);
    expect((await found(pointer)).resolved.digest).toBe(digestOf(trained.files.second));
  });

  test('after the version was deleted from the registry', async () => {
    await mlflow.ask('POST', '2.0/mlflow/model-versions/create', {
      name: 'copied',
      source: `models:/${trained.logged}`,
      run_id: trained.run,
      model_id: trained.logged,
    });
    const pointer = { model: 'copied', version: '2' };
    const { resolved } = await found(pointer);
    await mlflow.ask('DELETE', '2.0/mlflow/model-versions/delete', { name: 'copied', version: '2' });
    const { reason, message } = await failure(pointer);
    expect([reason, message]).toEqual(['NotFound', `Model 'copied' has no version 2 on ${mlflow.url}: it was never made, or is deleted.`]);
    expect(await fetchedDigest(pointer, resolved.digest, resolved.pins)).toBe(digestOf(trained.files.first));
  });

  test('after the run was deleted', async () => {
    const pointer = { uri: `runs:/${trained.second}/model` };
    const { resolved } = await found(pointer);
    await mlflow.ask('POST', '2.0/mlflow/runs/delete', { run_id: trained.second });
    try {
      expect(await failure(pointer)).toMatchObject({
        reason: 'NotFound',
        message: expect.stringContaining('`mlflow runs restore` brings it back'),
      });
      expect(await fetchedDigest(pointer, resolved.digest, resolved.pins)).toBe(digestOf(trained.files.second));
    } finally {
      await mlflow.ask('POST', '2.0/mlflow/runs/restore', { run_id: trained.second });
    }
  });
});

describe('what is not there is said in a sentence:', () => {
  test.each([
    ['an alias', () => ({ model: trained.model, alias: 'nobody' }), "has no alias 'nobody' on http://"],
    ['a version', () => ({ model: trained.model, version: '99' }), 'has no version 99 on http://'],
    ['a model', () => ({ model: 'nothing', version: '1' }), "Model 'nothing' has no version 1 on http://"],
    ['a model with an alias', () => ({ model: 'nothing', alias: 'champion' }), "Model 'nothing' has no alias 'champion' on http://"],
    [
      'a run',
      () => ({ uri: 'runs:/0123456789abcdef0123456789abcdef/model' }),
      'There is no run 0123456789abcdef0123456789abcdef on http://',
    ],
    ['a LoggedModel', () => ({ uri: `models:/m-${'0'.repeat(32)}` }), `There is no LoggedModel m-${'0'.repeat(32)} on http://`],
  ])('%s', async (_what, pointer, words) => {
    expect(await failure(pointer())).toMatchObject({ reason: 'NotFound', retryable: false, message: expect.stringContaining(words) });
  });

  test('a folder that is empty, which MLflow does not tell from one that is not there', async () => {
    const { reason, retryable, message } = await failure({ model: 'odd', version: '1' });
    expect([reason, retryable]).toEqual(['EmptyModel', false]);
    expect(message).toMatch(/^Nothing is listed at http:.*\/artifacts\/nothing: the folder is empty, or not there\.$/);
  });

  test('a server, at an address that is another web server’s or lacks its prefix', async () => {
    const { reason, message } = await failure({ model: trained.model, version: '1' }, { server: `${mlflow.url}/prefix/` });
    expect([reason, message]).toEqual([
      'NotFound',
      `${mlflow.url}/prefix/api/2.0/mlflow/model-versions/get answered 404, and not as MLflow does. Check spec.source.mlflow.server.`,
    ]);
  });
});

describe('what cannot be used is refused before anything is asked:', () => {
  test.each([
    ['a stage', { uri: 'models:/fraud/Production' }, 'set an alias on the version and give that instead'],
    ['a reserved alias', { model: 'fraud', alias: 'v3' }, 'reserved by MLflow for versions. Give version: "3"'],
    [
      'credentials in the address',
      { server: 'https://ada:hush@mlflow.example.com/x', uri: 'models:/fraud/3' },
      'write https://mlflow.example.com/x',
    ],
    ['no web address', { server: 'sqlite:///mlflow.db', uri: 'models:/fraud/3' }, 'must be a URL that begins with http:// or https://'],
  ])('%s', async (_what, pointer, words) => {
    const io: Partial<JobIo> = {
      lookup: () => {
        throw new Error('a name was looked up');
      },
    };
    const asked = { server: 'http://mlflow.example.com', io };
    expect(await failure(pointer, asked)).toMatchObject({
      reason: 'InvalidSource',
      retryable: false,
      message: expect.stringContaining(words),
    });
  });

  test('pins that are no pins of this source', async () => {
    const { reason, message } = await failure({ uri: 'models:/fraud/3' }, { pins: { commit: '4f0c' } });
    expect([reason, message]).toEqual(['InvalidOptions', expect.stringContaining('pins.artifacts must be the artifact URI')]);
  });
});

describe('a place of artifacts that no pod can read is refused:', () => {
  test.each([
    ['/srv/mlruns/1/model', 'Start the server with --artifacts-destination'],
    ['mlflow-artifacts:/1/../../etc', "leads out of the model by '..'"],
    ['gs://bucket/model', "through the server's proxy"],
    ['https://files.example.com/model', 'a web address whose files cannot be listed'],
    ['models:/copied/2', 'has no version 2'],
    [`runs:/${'0'.repeat(32)}/x`, 'There is no run'],
  ])('%s', async (uri, words) => {
    const proxy = await rewriting(`${REGISTRY}model-versions/get-download-uri`, () => ({ artifact_uri: uri }));
    const { message, retryable } = await failure({ model: trained.model, version: '1' }, { server: proxy.url });
    expect(message).toContain(words);
    expect(retryable).toBe(false);
  });

  test('a pointer that leads in circles', async () => {
    const proxy = await rewriting(`${REGISTRY}model-versions/get-download-uri`, () => ({ artifact_uri: 'models:/copied/1' }));
    const { message } = await failure({ model: trained.model, version: '1' }, { server: proxy.url });
    expect(message).toContain('leads from pointer to pointer');
  });

  test('one that the server does not give out', async () => {
    const proxy = await between(({ path, reply }) => {
      if (!path.startsWith(`${ARTIFACTS}?`)) return false;
      // As MLflow 3.17 says it.
      const text =
        'Endpoint: /api/2.0/mlflow-artifacts/artifacts disabled due to the mlflow server running with `--no-serve-artifacts`. To';
      reply({ status: 503, headers: {}, body: Buffer.from(text) });
      return true;
    });
    const { reason, retryable } = await failure({ model: trained.model, version: '1' }, { server: proxy.url });
    expect([reason, retryable]).toEqual(['SourceRefused', false]);
  });

  test('another server, which gets no credentials to see', async () => {
    const seen: unknown[] = [];
    const other = await startProxy(mlflow.url, (exchange) => {
      seen.push(exchange.request.headers.authorization);
      exchange.reply(jsonReply({}));
      return Promise.resolve();
    });
    proxies.push(other);
    const proxy = await rewriting(`${REGISTRY}model-versions/get-download-uri`, () => ({
      artifact_uri: `${other.url.replace('http:', 'mlflow-artifacts:')}/1/x`,
    }));
    expect(await failure({ model: trained.model, version: '1' }, { server: proxy.url })).toMatchObject({ reason: 'EmptyModel' });
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.filter((header) => header !== undefined)).toEqual([]);
  });

  test('a link-local address', async () => {
    const proxy = await rewriting(`${REGISTRY}model-versions/get-download-uri`, () => ({
      artifact_uri: 'mlflow-artifacts://169.254.169.254/latest',
    }));
    expect(await failure({ model: trained.model, version: '1' }, { server: proxy.url })).toMatchObject({
      reason: 'AddressRefused',
      retryable: false,
    });
  });
});

describe('artifacts in a bucket', () => {
  const pointer = () => ({ model: 'in a bucket', version: '1', s3Endpoint: moto.url });
  let keys: Readonly<Record<string, string>>;

  beforeAll(async () => {
    keys = { ...ADMIN, ...(await moto.user('reader')) };
    await moto.mustSign(true);
  });

  test('are read from there with the keys of the Secret, also when the server is gone', async () => {
    const { resolved, metadata } = await found(pointer(), { keys, ...ONCE });
    expect(resolved.digest).toBe(digestOf(trained.files.bucket));
    expect(resolved.uri).toMatch(/^s3:\/\/models\/ml%20flow\/models\/m-\w+\/artifacts$/);
    expect(resolved.pins).toEqual({ model: 'in%20a%20bucket', version: '1', artifacts: resolved.uri });
    expect(metadata).toMatchObject({
      training: { pipeline: 'in a bucket' },
      model: { flavors: { sklearn: '1.9.1' } },
      dependencies: DEPENDENCIES,
    });
    const later = await found(pointer(), { keys, pins: resolved.pins, server: 'http://127.0.0.1:1', ...ONCE });
    expect(later.resolved.digest).toBe(resolved.digest);
    const one = await found(pointer(), { keys, pins: { artifacts: `${resolved.uri}/model.pkl` }, ...ONCE });
    expect(one.resolved.digest).toBe(digestOf({ 'model.pkl': trained.files.bucket['model.pkl']! }));
  });

  test('are not for everybody', async () => {
    const { reason, message } = await failure(pointer(), { keys: { ...keys, AWS_SECRET_ACCESS_KEY: 'hush-wrong' }, ...ONCE });
    expect([reason, message]).toEqual(['AccessDenied', expect.stringContaining('an AWS_SECRET_ACCESS_KEY that does not belong to')]);
  });

  test('that are not there any more are told', async () => {
    const artifacts = 's3://models/nothing';
    const { reason, message } = await failure(pointer(), { keys, pins: { artifacts }, ...ONCE });
    expect([reason, message]).toEqual(['EmptyModel', `Nothing is listed at ${artifacts}: the folder is empty, or not there.`]);
  });
});

describe('credentials', () => {
  const pointer = () => ({ model: trained.model, version: '1' });

  test('that are missing or wrong are a sentence that names spec.access.secretRef', async () => {
    const none = await failure(pointer(), { keys: { 'ca.crt': '' } });
    expect(none).toMatchObject({ reason: 'AccessDenied', retryable: false });
    expect(none.message).toContain('/api/2.0/mlflow/model-versions/get answered 401.');
    const wrong = await failure(pointer(), { keys: { username: 'admin', password: 'hush-wrong' } });
    expect(wrong.message).toContain('The credentials of spec.access.secretRef are not enough for it.');
  });

  test('of somebody who may not read the model are refused with what MLflow answered', async () => {
    const eve = { username: 'eve', password: 'hush-hush-hush-hush' };
    await mlflow.ask('POST', '2.0/mlflow/users/create', eve);
    expect((await found(pointer(), { keys: eve })).resolved.files).toBe(Object.keys(trained.files.first).length);
    const denial = { username: 'eve', resource_type: 'registered_model', resource_id: trained.model, permission: 'DENY' };
    await mlflow.ask('POST', '3.0/mlflow/users/permissions/grant', denial);
    const { reason, message } = await failure(pointer(), { keys: eve });
    expect([reason, message]).toEqual(['AccessDenied', expect.stringContaining('answered 403')]);
  });

  test('by certificate and token are shown to a gateway in front, and needed', async () => {
    const pki = await makeCertificates(place.folder);
    const admin = `Basic ${Buffer.from(`${ADMIN.username}:${ADMIN.password}`).toString('base64')}`;
    const tls = { ca: pki.ca, cert: pki.server.certificate, key: pki.server.key, requestCert: true, rejectUnauthorized: true };
    const gateway = await startProxy(
      mlflow.url,
      async ({ request, forward, reply }) => {
        const isKnown = request.headers.authorization === 'Bearer hush-token';
        reply(isKnown ? await forward({ authorization: admin }) : { status: 401, headers: {}, body: Buffer.from('who are you?') });
      },
      tls,
    );
    proxies.push(gateway);
    const keys = { 'ca.crt': pki.ca, 'tls.crt': pki.client.certificate, 'tls.key': pki.client.key, token: 'hush-token' };
    const { resolved } = await found(pointer(), { server: gateway.url, keys });
    expect(resolved).toMatchObject({ digest: digestOf(trained.files.first), uri: expect.stringMatching(/^https:/) });
    const without = await failure(pointer(), { server: gateway.url, keys: { 'ca.crt': pki.ca, token: 'hush-token' }, ...ONCE });
    expect(without.reason).toBe('SourceUnreachable');
    const unknown = await failure(pointer(), { server: gateway.url, keys: { ...keys, token: 'hush-other' } });
    expect(unknown.reason).toBe('AccessDenied');
  });

  test('are not what is wrong when MLflow does not know its own host name', async () => {
    const { port } = new URL(mlflow.url);
    const lookup: JobIo['lookup'] = (_name, options, callback) => {
      if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
      else callback(null, '127.0.0.1', 4);
    };
    const { reason, message } = await failure(pointer(), { server: `http://mlflow.ml.svc:${port}`, io: { lookup } });
    expect([reason, message]).toEqual([
      'AccessDenied',
      expect.stringContaining(`Start the server with --allowed-hosts 'mlflow.ml.svc:${port}'`),
    ]);
  });
});

describe('a server in trouble', () => {
  const pointer = () => ({ model: trained.model, alias: 'champion' });

  test('that answers 500 at each stage once is asked again', async () => {
    const stages = [
      `${REGISTRY}model-versions/get-download-uri`,
      `${ARTIFACTS}?`,
      `${ARTIFACTS}/1/models/${trained.logged}/artifacts/model.pkl`,
    ];
    const refused = new Set<string>();
    const proxy = await between(({ path, reply }) => {
      const stage = stages.find((start) => path.startsWith(start));
      if (stage === undefined || refused.has(stage)) return false;
      refused.add(stage);
      reply(jsonReply({ error_code: 'INTERNAL_ERROR', message: 'hush' }, 500));
      return true;
    });
    const { resolved } = await found(pointer(), { server: proxy.url });
    expect(resolved.digest).toBe(digestOf(trained.files.first));
    expect(place.lines.filter((line) => line.includes('answered 500: the server is in trouble. Trying again'))).toHaveLength(3);
  });

  test('that breaks off each file once is asked for the rest', async () => {
    const cut = new Set<string>();
    const proxy = await between(async ({ path, request, forward, reply }) => {
      if (!path.startsWith(`${ARTIFACTS}/`) || cut.has(path) || request.headers.range !== undefined || !path.endsWith('/model.pkl'))
        return false;
      cut.add(path);
      const whole = await forward();
      reply(whole, whole.body.length >> 1);
      return true;
    });
    const { resolved } = await found(pointer(), { server: proxy.url });
    expect(resolved.digest).toBe(digestOf(trained.files.first));
    const half = trained.files.first['model.pkl']!.length >> 1;
    expect(place.lines.join('\n')).toMatch(
      new RegExp(`announced ${trained.files.first['model.pkl']!.length} bytes, but ${half} came.*Going on from byte ${half}`),
    );
  });

  test('that breaks off an answer of its API is asked again, and given up in the end', async () => {
    const proxy = await between(async ({ path, forward, reply }) => {
      if (!path.startsWith(`${REGISTRY}model-versions/get-download-uri`)) return false;
      reply(await forward(), 5);
      return true;
    });
    expect(await failure(pointer(), { server: proxy.url, ...ONCE })).toMatchObject({ reason: 'SourceUnreachable', retryable: true });
  });

  test('that does not answer is given up after the time that is allowed', async () => {
    const proxy = await between(({ path }) => path.startsWith(`${ARTIFACTS}?`));
    const { reason, message } = await failure(pointer(), { server: proxy.url, timeouts: { retryMs: 1, idleMs: 300 } });
    expect([reason, message]).toEqual(['SourceUnreachable', expect.stringContaining('has sent nothing for 0.3 s')]);
  });

  test('whose files have other sizes than it listed is not believed', async () => {
    const proxy = await rewriting(`${ARTIFACTS}?`, ({ files }) => ({
      files: (files as { path: string; file_size: number }[]).map((file) => ({
        ...file,
        file_size: file.file_size + Number(file.path === 'model.pkl'),
      })),
    }));
    const size = trained.files.first['model.pkl']!.length;
    const { reason, retryable, message } = await failure(pointer(), { server: proxy.url, ...ONCE });
    expect([reason, retryable]).toEqual(['Truncated', true]);
    expect(message).toContain(`had ${size + 1} bytes when its folder was listed, and has ${size} now.`);
  });

  test.each([
    ['PENDING_REGISTRATION', 'SourceFailed', true, 'is still being registered or uploaded'],
    ['FAILED_REGISTRATION', 'SourceRefused', false, 'was never completed'],
  ])('with a version that is %s', async (status, reason, retryable, words) => {
    const proxy = await rewriting(`${REGISTRY}registered-models/alias`, ({ model_version }) => ({
      model_version: { ...(model_version as object), status },
    }));
    const outcome = await failure(pointer(), { server: proxy.url, ...ONCE });
    expect(outcome).toMatchObject({ reason, retryable, message: expect.stringContaining(words) });
  });

  test('without the run, or with more about it than is read, leaves the metadata without it', async () => {
    for (const answer of [
      jsonReply({ error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'x' }, 404),
      jsonReply({ x: 'x'.repeat(5_000_000) }),
    ]) {
      const proxy = await between(({ path, reply }) => {
        if (!path.startsWith(`${REGISTRY}runs/get`)) return false;
        reply(answer);
        return true;
      });
      const { metadata } = await found(pointer(), { server: proxy.url });
      expect(metadata).toMatchObject({ tags: { team: 'risk' }, training: { run: trained.run }, model: { flavors: { sklearn: '1.9.1' } } });
      expect(metadata).not.toHaveProperty('metrics');
      expect(place.lines.some((line) => line.endsWith("The version's metadata is without it."))).toBe(true);
    }
  });

  test('with an MLmodel that is no YAML, or far too long, leaves the metadata without it', async () => {
    for (const text of ['flavors: [', `a: &x [1]\nflavors: {sklearn: *x}`, 'x'.repeat(300 * 1024)]) {
      let times = 0;
      const proxy = await between(({ path, reply }) => {
        // Only what is read for metadata, not the file itself.
        if (!path.endsWith('/MLmodel') || (times += 1) > 1) return false;
        reply({ status: 200, headers: {}, body: Buffer.from(text) });
        return true;
      });
      const { metadata, resolved } = await found(pointer(), { server: proxy.url });
      expect(resolved.digest).toBe(digestOf(trained.files.first));
      expect([metadata?.model, metadata?.dependencies]).toEqual([undefined, DEPENDENCIES]);
    }
  });
});

describe('a hostile server', () => {
  const pointer = () => ({ model: trained.model, version: '1' });
  const file = (path: string) => ({ path, is_dir: false, file_size: 1 });

  test.each([
    ['a name that leads out', [file('..')], "lists '..' at"],
    ['a path in place of a name', [file('a/b')], 'has a slash in its name'],
    ['a name that does not print', [file('a\u202eb')], 'does not print'],
    ['an absolute name', [file('/etc/passwd')], 'has a slash in its name'],
    ['a name with a backslash', [file('a\\b')], 'holds a backslash'],
    ['files that are none', [{ is_dir: false }], "that is not MLflow's"],
  ])('that lists %s', async (_what, files, words) => {
    const proxy = await rewriting(`${ARTIFACTS}?`, () => ({ files }));
    const { reason, retryable, message } = await failure(pointer(), { server: proxy.url });
    expect([reason, retryable]).toEqual(['SourceRefused', false]);
    expect(message).toContain(words);
  });

  test('that lists folders without an end', async () => {
    const deep = await rewriting(`${ARTIFACTS}?`, () => ({ files: [{ path: 'more', is_dir: true }] }));
    expect((await failure(pointer(), { server: deep.url })).message).toContain('is nested more than 32 levels deep');
    const folders = Array.from({ length: 30 }, (_, i) => ({ path: `f${i}`, is_dir: true }));
    const wide = await between(({ path, reply }) => {
      if (!path.startsWith(`${ARTIFACTS}?`)) return false;
      reply(jsonReply({ files: path.includes('f0') ? [] : folders }));
      return true;
    });
    const { reason } = await failure(pointer(), { server: wide.url, limits: { files: 20 } });
    expect(reason).toBe('TooLarge');
  });

  test('that lists a file twice', async () => {
    const proxy = await rewriting(`${ARTIFACTS}?`, ({ files }) => ({ files: [...(files as object[]), ...(files as object[])] }));
    expect((await failure(pointer(), { server: proxy.url })).message).toContain('is there twice');
  });

  test.each([
    ['a web page', '<!doctype html><form>', "something that is not MLflow's"],
    ['JSON of another program', '{"items": []}', "something that is not MLflow's"],
    ['far too much', `{"x": "${'x'.repeat(5_000_000)}"}`, 'answered with more than'],
  ])('that answers %s', async (_what, text, words) => {
    const proxy = await between(({ reply }) => {
      reply({ status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from(text) });
      return true;
    });
    const { retryable, message } = await failure(pointer(), { server: proxy.url });
    expect(message).toContain(words);
    expect(retryable).toBe(false);
  });
});

describe('tags that say where a version is served', () => {
  const KEY = 'plimsoll.dev/risk/fraud';
  const serving = (weight: number) => `Serving ${weight}% (fraud-1.4.0)`;
  const of = () => ({ name: trained.model, version: '2' });

  /** Writes them as the Job does, as the administrator unless `keys` says otherwise; returns its exit code and why it failed. */
  async function tag(tags: Readonly<Record<string, string>>, { keys = ADMIN, ...more }: Asked & Readonly<Record<string, unknown>> = {}) {
    // As the pins have it.
    const model = 'Fraud%20Detection%20(EU)';
    const job = { server: mlflow.url, model, version: '2', owner: 'fraud-1.4.0', prefix: 'plimsoll.dev/risk/', tags, ...more };
    const code = await runTag(parseTagOptions(JSON.stringify({ ...job, accessDir: await secret(keys) })), place.io);
    const said = await place.termination();
    return { code, failure: said.ok && said.value.kind === 'failed' ? said.value.failure : undefined };
  }

  async function tagsInMlflow(): Promise<Readonly<Record<string, string>>> {
    const path = `2.0/mlflow/model-versions/get?${new URLSearchParams(of()).toString()}`;
    const { model_version: found } = (await mlflow.ask('GET', path)) as { readonly model_version: { readonly tags?: readonly Pair[] } };
    return Object.fromEntries((found.tags ?? []).map(({ key, value }) => [key, value]));
  }

  interface Pair {
    readonly key: string;
    readonly value: string;
  }

  const setTag = (key: string, value: string) => mlflow.ask('POST', '2.0/mlflow/model-versions/set-tag', { ...of(), key, value });

  test('are set, changed and removed; what others wrote stays, and so does every alias', async () => {
    await setTag('team', 'risk');
    await setTag('plimsoll.dev/risk/other', 'Serving 100% (fraud-1.3.0)');
    const others = await tagsInMlflow();
    const path = `2.0/mlflow/registered-models/get?${new URLSearchParams(of()).toString()}`;
    const aliases = async () => JSON.stringify(await mlflow.ask('GET', path));
    const [, before] = /"aliases":(\[.*?\])/.exec(await aliases()) ?? [];

    expect(await tag({ [KEY]: serving(100), 'plimsoll.dev/risk/shadow': 'Candidate 5% (fraud-1.4.0)' })).toMatchObject({ code: 0 });
    expect(await tagsInMlflow()).toEqual({ ...others, [KEY]: serving(100), 'plimsoll.dev/risk/shadow': 'Candidate 5% (fraud-1.4.0)' });
    expect(await tag({ [KEY]: serving(75) })).toEqual({ code: 0, failure: undefined });
    const written = place.lines.slice(-2);
    expect(await tagsInMlflow()).toEqual({ ...others, [KEY]: serving(75) });
    expect((await found({ model: trained.model, version: '2' })).metadata?.tags).toEqual({ team: 'risk' });
    expect(written).toEqual([`set '${KEY}' to 'Serving 75% (fraud-1.4.0)'`, "removed 'plimsoll.dev/risk/shadow'"]);
    expect(await tag({})).toEqual({ code: 0, failure: undefined });
    expect(await tagsInMlflow()).toEqual(others);
    expect(before).toContain('champion');
    expect(/"aliases":(\[.*?\])/.exec(await aliases())?.[1]).toBe(before);
  });

  test('are found by them in MLflow’s own search', async () => {
    await tag({ [KEY]: serving(100) });
    const query = new URLSearchParams({ filter: `name = '${trained.model}' AND tags.\`${KEY}\` LIKE 'Serving%'` });
    const answer = await mlflow.ask('GET', `2.0/mlflow/model-versions/search?${query.toString()}`);
    expect((answer as { readonly model_versions?: readonly object[] }).model_versions).toMatchObject([{ version: '2' }]);
    await tag({});
  });

  test('that are there already are not written again', async () => {
    await tag({ [KEY]: serving(100) });
    const proxy = await between(() => false);
    expect(await tag({ [KEY]: serving(100) }, { server: proxy.url })).toEqual({ code: 0, failure: undefined });
    expect(proxy.paths).toEqual([expect.stringMatching(/model-versions\/get\?/)]);
    await tag({});
  });

  test('take the permission EDIT: one who may only read is told so', async () => {
    const reader = { username: 'reader', password: 'hush-reader-correct-horse' };
    await mlflow.ask('POST', '2.0/mlflow/users/create', reader);
    const { code, failure: refused } = await tag({ [KEY]: serving(100) }, { keys: reader });
    expect([code, refused?.reason, refused?.retryable]).toEqual([1, 'AccessDenied', false]);
    expect(refused?.message).toBe(
      `${mlflow.url}/api/2.0/mlflow/model-versions/set-tag answered 403. The credentials of spec.access.secretRef are not enough for it. ` +
        'Tags are written with spec.access.tagSecretRef where it is given, and take the permission EDIT on the registered model.',
    );
    const permission = { username: 'reader', resource_type: 'registered_model', resource_id: trained.model, permission: 'EDIT' };
    await mlflow.ask('POST', '3.0/mlflow/users/permissions/grant', permission);
    expect(await tag({ [KEY]: serving(100) }, { keys: reader })).toMatchObject({ code: 0 });
    // To remove one takes MANAGE in MLflow, which is more than anybody should need for this.
    for (const lines of [1, 0]) {
      const before = place.lines.length;
      expect(await tag({}, { keys: reader })).toMatchObject({ code: 0 });
      expect(await tagsInMlflow()).toHaveProperty([KEY], 'NotServing 0% (fraud-1.4.0)');
      expect(place.lines.length - before).toBe(lines);
    }
    await tag({});
    expect(await tagsInMlflow()).not.toHaveProperty([KEY]);
  });

  test('by wrong credentials, or by none, are refused', async () => {
    const keys = { username: 'admin', password: 'hush-wrong' };
    expect((await tag({ [KEY]: serving(100) }, { keys })).failure).toMatchObject({ reason: 'AccessDenied', retryable: false });
    expect((await tag({ [KEY]: serving(100) }, { keys: {} })).failure).toMatchObject({ reason: 'AccessInvalid' });
  });

  test.each([
    ['a version that was deleted', 'Fraud%20Detection%20(EU)', '99', "Model 'Fraud Detection (EU)' has no version 99 on"],
    ['a model that was deleted', 'nothing', '1', "Model 'nothing' has no version 1 on"],
  ])('for %s have no place', async (_what, model, version, words) => {
    for (const tags of [{ [KEY]: serving(100) }, {}])
      expect((await tag(tags, { model, version })).failure).toMatchObject({
        reason: 'NotFound',
        retryable: false,
        message: expect.stringContaining(words),
      });
  });

  test('are written when a server in trouble comes back, and given up for now when it does not', async () => {
    let refused = 0;
    const proxy = await between(({ path, reply }) => {
      if (!path.endsWith('/set-tag') || (refused += 1) > 1) return false;
      reply(jsonReply({ error_code: 'INTERNAL_ERROR', message: 'hush' }, 500));
      return true;
    });
    expect(await tag({ [KEY]: serving(100) }, { server: proxy.url })).toMatchObject({ code: 0 });
    expect(await tagsInMlflow()).toHaveProperty([KEY], serving(100));
    await tag({});
    const away = await tag({ [KEY]: serving(100) }, { server: 'http://127.0.0.1:1', ...ONCE });
    expect(away).toMatchObject({ code: 1, failure: { reason: 'SourceUnreachable', retryable: true } });
  });

  test('of a hostile registry lead nowhere: what looks like ours is removed within bounds, and only there', async () => {
    const tags = Array.from({ length: 1000 }, (_, i) => ({ key: `plimsoll.dev/risk/d${i}`, value: serving(100) }));
    const removed: unknown[] = [];
    const proxy = await between(({ path, request, reply }) => {
      if (request.method === 'DELETE') removed.push(path);
      reply(jsonReply(path.includes('/get?') ? { model_version: { name: 'x', version: '2', status: 'READY', tags } } : {}));
      return true;
    });
    expect(await tag({}, { server: proxy.url })).toMatchObject({ code: 0 });
    expect([removed.length, new Set(removed).size]).toEqual([128, 1]);
    const elsewhere = await between(({ path, reply }) => {
      if (path.includes('/get?')) return false;
      reply({ status: 307, headers: { location: `${mlflow.url}${path}` }, body: Buffer.from('') });
      return true;
    });
    expect((await tag({ [KEY]: serving(100) }, { server: elsewhere.url })).failure).toMatchObject({ reason: 'RedirectRefused' });
    expect(await tagsInMlflow()).not.toHaveProperty([KEY]);
  });

  test.each([
    ['tags that are no texts', { tags: { [KEY]: 1 } }, `${KEY} must be a text`],
    ['a model that is no pin', { model: '100%' }, 'model must be a name as a pin has it'],
    ['a field that is not known', { alias: 'champion' }, "the field 'alias' is not known"],
  ])('from options with %s are not written', async (_what, change, words) => {
    const refused = await tag({}, change);
    expect(refused).toMatchObject({ code: 1, failure: { reason: 'InvalidOptions', message: expect.stringContaining(words) } });
  });
});

test('a server that is killed in the middle, and started again, is waited for', async () => {
  let restarted: Promise<void> | undefined;
  const proxy = await between(async ({ path }) => {
    if (path.startsWith(`${ARTIFACTS}/`) && restarted === undefined) {
      await mlflow.kill();
      restarted = mlflow.start();
    }
    return false;
  });
  const timeouts = { retryMs: 180_000 };
  const { resolved, metadata } = await found({ model: trained.model, alias: 'champion' }, { server: proxy.url, timeouts });
  await restarted;
  expect(resolved.digest).toBe(digestOf(trained.files.first));
  expect(metadata).toMatchObject({ metrics: { auc: '0.947' }, model: { flavors: { sklearn: '1.9.1' } } });
  expect(place.lines.some((line) => line.includes('Trying again'))).toBe(true);
}, 240_000);
