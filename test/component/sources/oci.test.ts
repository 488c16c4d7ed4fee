import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';

import { load } from 'js-yaml';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';

import { runFetch } from '../../../src/sources/fetch.ts';
import { parseFetchOptions, parseResolveOptions } from '../../../src/sources/options.ts';
import { runResolve } from '../../../src/sources/resolve.ts';
import { dockerConfig, READER, registryBench, tokenRealm, type RegistryBench, type TokenRealm } from '../../support/registry.ts';
import {
  DEPENDENCIES,
  digestOf,
  failureIn,
  REQUIREMENTS,
  resolvedIn,
  serve,
  sha256,
  tarGzOf,
  tarOf,
  workplace,
  zipOf,
} from './fixtures.ts';
import type { Workplace } from './fixtures.ts';

// Real programs, which take their time where much else runs.
jest.setTimeout(60_000);

const MODEL = 'digits, version one\n';
const OTHER = 'digits, version two\n';

let bench: RegistryBench;
let place: Workplace;
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  bench = await registryBench();
}, 600_000);

afterAll(() => bench.stop());

beforeEach(async () => {
  place = await workplace();
});

afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
  await place.remove();
});

type Keys = Readonly<Record<string, string>>;

/** The folder of a mounted Secret. */
async function secretOf(keys: Keys): Promise<string> {
  const folder = await mkdtemp(join(place.folder, 'access-'));
  for (const [key, value] of Object.entries(keys)) await writeFile(join(folder, key), value);
  return folder;
}

interface Given {
  readonly source?: Readonly<Record<string, unknown>>;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly secret?: Keys;
}

/** Resolves a reference and returns what the operator would read. */
async function resolve(reference: string, { source = {}, options = {}, secret }: Given = {}) {
  const oci = { reference, plainHTTP: true, ...source };
  const access = secret === undefined ? {} : { accessDir: await secretOf(secret) };
  await runResolve(parseResolveOptions(JSON.stringify({ source: { oci }, ...access, timeouts: { retryMs: 1 }, ...options })), place.io);
  const termination = await place.termination();
  if (!termination.ok) throw new Error(`the termination message ${termination.problem}`);
  return termination.value;
}

const resolved = async (...given: Parameters<typeof resolve>) => resolvedIn(await resolve(...given));
const failure = async (...given: Parameters<typeof resolve>) => failureIn(await resolve(...given));

describe('files that oras has pushed', () => {
  test('are the version, under their names; the tag is pinned to the digest of its manifest', async () => {
    const files = { 'model.joblib': MODEL, 'conf/labels.txt': 'a b c' };
    const pushed = await bench.oras(['push', `${bench.open.host}/risk/fraud:1.4.0`, 'model.joblib', 'conf/labels.txt:text/plain'], files);
    expect(await resolved(`${bench.open.host}/risk/fraud:1.4.0`)).toMatchObject({
      digest: digestOf({ 'conf/labels.txt': 'a b c', 'model.joblib': MODEL }),
      files: 2,
      uri: `oci://${bench.open.host}/risk/fraud@${pushed}`,
      pins: { digest: pushed },
    });
    expect(place.lines).toContain(`${sha256(MODEL)}  model.joblib`);
    expect((await resolved(`${bench.open.host}/risk/fraud@${pushed}`)).pins).toEqual({ digest: pushed });
  });

  test('say what the version needs', async () => {
    const files = { 'model/MLmodel': 'flavors: {}', 'model/requirements.txt': REQUIREMENTS };
    await bench.oras(['push', `${bench.open.host}/needs:1`, 'model/'], files);
    expect((await resolved(`${bench.open.host}/needs:1`)).metadata?.dependencies).toEqual(DEPENDENCIES);
  });

  test('of a folder are unpacked, since oras packs it', async () => {
    await bench.oras(['push', `${bench.open.host}/folder:1`, 'model/'], { 'model/a.bin': MODEL, 'model/sub/b.bin': OTHER });
    const digest = digestOf({ 'model/a.bin': MODEL, 'model/sub/b.bin': OTHER });
    expect((await resolved(`${bench.open.host}/folder:1`)).digest).toBe(digest);
    const inFolder = await resolved(`${bench.open.host}/folder:1`, { source: { path: 'model/sub' } });
    expect(inFolder.digest).toBe(digestOf({ 'b.bin': OTHER }));
    expect(inFolder.uri).toMatch(/#model\/sub$/);
  });

  test.each([
    ['model.tar.gz', () => tarGzOf([{ name: 'a/model.bin', content: MODEL }])],
    ['model.tar', () => tarOf([{ name: 'a/model.bin', content: MODEL }])],
    ['model.zip', () => Promise.resolve(zipOf([{ name: 'a/model.bin', content: MODEL }]))],
  ])('as one archive %s are unpacked', async (name, pack) => {
    await bench.oras(['push', `${bench.open.host}/packed/${name}:1`, name], { [name]: await pack() });
    expect((await resolved(`${bench.open.host}/packed/${name}:1`)).digest).toBe(digestOf({ 'a/model.bin': MODEL }));
  });
});

test('the lines in docs/sources/oci.md do what they say', async () => {
  const page = (await readFile(join(import.meta.dirname, '../../../docs/sources/oci.md'), 'utf8')).replaceAll(
    'registry.example.com',
    bench.open.host,
  );
  const block = (language: string): string => new RegExp(`\`\`\`${language}\n([^\`]*)`).exec(page)?.[1] ?? '';
  const [program, ...args] = block('sh').trim().split(' ');
  expect(program).toBe('oras');
  const pushed = await bench.oras(args, { 'model.joblib': MODEL });
  const { spec } = load(block('yaml')) as { readonly spec: { readonly source: { readonly oci: { readonly reference: string } } } };
  const { digest, pins, uri } = await resolved(spec.source.oci.reference);
  expect({ digest, pins }).toEqual({ digest: digestOf({ 'model.joblib': MODEL }), pins: { digest: pushed } });
  expect(uri).toMatch(/@sha256:[0-9a-f]{64}$/);
});

describe('a model in a format for models', () => {
  test('ModelPack: weights in tars and as they are, without its datasets; what its config tells is kept', async () => {
    const config = {
      descriptor: { name: 'fraud', version: '1.4', sourceURL: 'https://git.example.com/fraud', revision: '4f0c2a7', licenses: ['MIT'] },
      config: { format: 'safetensors', precision: 'float16' },
      modelfs: { type: 'layers', diffIds: [] },
    };
    const annotations = {
      'w.bin': { 'org.cncf.model.filepath': 'weights/w.bin' },
      'd.bin': { 'org.cncf.model.filepath': 'data/train.csv' },
    };
    const files = {
      'config.json': JSON.stringify(config),
      'annotations.json': JSON.stringify(annotations),
      'm.tar': await tarOf([{ name: 'conf/config.json', content: '{}' }]),
      'doc.tar.gz': await tarGzOf([{ name: 'README.md', content: '# Fraud' }]),
      'w.bin': MODEL,
      'd.bin': 'amount,fraud\n',
    };
    await bench.oras(
      [
        ...['push', `${bench.open.host}/pack:1`, '--artifact-type', 'application/vnd.cncf.model.manifest.v1+json'],
        ...['--config', 'config.json:application/vnd.cncf.model.config.v1+json', '--annotation-file', 'annotations.json'],
        'w.bin:application/vnd.cncf.model.weight.v1.raw',
        'm.tar:application/vnd.cncf.model.weight.config.v1.tar',
        'doc.tar.gz:application/vnd.cncf.model.doc.v1.tar+gzip',
        'd.bin:application/vnd.cncf.model.dataset.v1.raw',
      ],
      files,
    );
    const { digest, metadata } = await resolved(`${bench.open.host}/pack:1`);
    expect(digest).toBe(digestOf({ 'README.md': '# Fraud', 'conf/config.json': '{}', 'weights/w.bin': MODEL }));
    expect(metadata).toMatchObject({
      code: { repository: 'https://git.example.com/fraud', commit: '4f0c2a7' },
      data: [{ name: 'data/train.csv', digest: `sha256:${sha256('amount,fraud\n')}` }],
      tags: { name: 'fraud', version: '1.4', licenses: 'MIT', format: 'safetensors', precision: 'float16' },
    });
  });

  const kit = async (repository: string, config: unknown, layers: Readonly<Record<string, Buffer>>): Promise<string> => {
    const kinds: Readonly<Record<string, string>> = {
      'model.tar.gz': 'model.v1.tar+gzip',
      'code.tar': 'code.v1.tar',
      'data.tar': 'dataset.v1.tar',
    };
    const named = Object.keys(layers).map((name) => `${name}:application/vnd.kitops.modelkit.${kinds[name] ?? ''}`);
    const args = [
      'push',
      `${bench.open.host}/${repository}`,
      '--config',
      'kit.json:application/vnd.kitops.modelkit.config.v1+json',
      ...named,
    ];
    return await bench.oras(args, { 'kit.json': JSON.stringify(config), ...layers });
  };

  test('ModelKit: model and code, without its datasets; what its Kitfile tells is kept', async () => {
    const data = await tarOf([{ name: 'data/train.csv', content: 'amount,fraud\n' }]);
    const config = {
      manifestVersion: '1.0.0',
      package: { name: 'fraud', authors: ['risk'] },
      model: { name: 'fraud', path: 'model', framework: 'sklearn', version: '1.4', parameters: { depth: 6 } },
      datasets: [{ name: 'transactions', path: 'data', digest: `sha256:${sha256(data)}` }],
    };
    await kit('kit:1', config, {
      'model.tar.gz': await tarGzOf([
        { name: 'model', type: 'directory' },
        { name: 'model/model.joblib', content: MODEL },
      ]),
      'code.tar': await tarOf([{ name: 'train.py', content: 'print()' }]),
      'data.tar': data,
    });
    const { digest, metadata } = await resolved(`${bench.open.host}/kit:1`);
    expect(digest).toBe(digestOf({ 'model/model.joblib': MODEL, 'train.py': 'print()' }));
    expect(metadata).toMatchObject({
      data: [{ name: 'transactions', digest: `sha256:${sha256(data)}` }],
      training: { parameters: { depth: '6' } },
      tags: { name: 'fraud', framework: 'sklearn', modelVersion: '1.4', authors: 'risk' },
    });
  });

  test('a ModelKit that takes its model from another one is refused by that one', async () => {
    await kit(
      'kit:2',
      { model: { path: 'registry.example.com/base:1' } },
      { 'code.tar': await tarOf([{ name: 'train.py', content: '' }]) },
    );
    const { message } = await failure(`${bench.open.host}/kit:2`);
    expect(message).toContain("takes its model from 'registry.example.com/base:1'. Name that one in spec.source.oci.reference");
  });
});

/** Pushes an image of these layers, the lowest first, as crane does. */
async function image(name: string, ...layers: readonly Buffer[]): Promise<string> {
  const reference = `${bench.open.host}/${name}`;
  for (const [i, layer] of layers.entries()) {
    await bench.crane(['append', ...(i === 0 ? [] : ['-b', reference]), '-f', 'layer.tar', '-t', reference], { 'layer.tar': layer });
  }
  return reference;
}

describe('an image', () => {
  test('is its layers on top of each other: later ones win, and what they remove is gone', async () => {
    const reference = await image(
      'layers:1',
      await tarOf([
        { name: 'models/model.joblib', content: 'old' },
        { name: 'models/removed.bin', content: 'x' },
        { name: 'models/old/a.bin', content: 'x' },
        { name: 'models/old/b.bin', content: 'x' },
        { name: 'models/emptied/a.bin', content: 'x' },
        { name: 'models/kept.bin', content: 'kept' },
        { name: 'models/becomes-folder', content: 'x' },
      ]),
      await tarOf([
        { name: './models/model.joblib', content: MODEL },
        { name: './models/.wh.removed.bin' },
        { name: './models/.wh.old' },
        { name: './models/emptied/.wh..wh..opq' },
        { name: './models/emptied/new.bin', content: 'new' },
        { name: './models/becomes-folder/', type: 'directory' },
      ]),
      await tarGzOf([
        { name: '/models/old/', type: 'directory' },
        { name: '/models/old/c.bin', content: 'c' },
      ]),
    );
    const files = { 'emptied/new.bin': 'new', 'kept.bin': 'kept', 'model.joblib': MODEL, 'old/c.bin': 'c' };
    expect((await resolved(reference, { source: { path: 'models' } })).digest).toBe(digestOf(files));
    const whole = Object.fromEntries(Object.entries(files).map(([path, content]) => [`models/${path}`, content]));
    expect((await resolved(reference)).digest).toBe(digestOf(whole));
  });

  test('of an operating system with a model in it is its folder path alone: links and odd names elsewhere do not matter', async () => {
    const reference = await image(
      'os:1',
      await tarOf([
        { name: 'bin/sh', type: 'symlink', linkname: 'busybox' },
        { name: 'etc/a\\x2db', content: 'x' },
        { name: 'dev/null', type: 'character-device' },
      ]),
      await tarOf([{ name: 'models/1/model.onnx', content: MODEL }]),
    );
    expect((await resolved(reference, { source: { path: '/models/' } })).digest).toBe(digestOf({ '1/model.onnx': MODEL }));
    expect((await failure(reference)).message).toContain("'bin/sh' is a symbolic link");
    expect((await failure(reference, { source: { path: 'model' } })).message).toMatch(/#model holds not one file\.$/);
  });

  test.each([
    ['../model.bin', "leads out of the model by '..'"],
    ['models/../../model.bin', "leads out of the model by '..'"],
  ])('with the entry %s is refused, wherever the model is', async (name, problem) => {
    const reference = await image(`hostile:${sha256(name).slice(0, 8)}`, await tarOf([{ name, content: MODEL }]));
    for (const source of [{}, { path: 'elsewhere' }]) {
      const found = await failure(reference, { source });
      expect(found).toMatchObject({ reason: 'ArchiveRefused', retryable: false });
      expect(found.message).toContain(problem);
    }
  });

  test('whose layers have more entries together than are allowed is refused', async () => {
    const many = (from: number) => tarOf([0, 1, 2].map((i) => ({ name: `${from + i}.bin`, content: 'x' })));
    const reference = await image('many:1', await many(0), await many(3));
    expect((await failure(reference, { options: { limits: { files: 2 } } })).reason).toBe('TooLarge');
    expect((await resolved(reference, { options: { limits: { files: 6 } } })).files).toBe(6);
  });
});

describe('an index', () => {
  const variant = async (name: string, platform: string, content: string): Promise<string> => {
    const reference = await image(name, await tarOf([{ name: 'model.bin', content }]));
    return await bench.crane(['mutate', reference, '--set-platform', platform, '-t', reference]);
  };

  test('leads to the manifest for linux/amd64, which is what is pinned', async () => {
    const amd = await variant('index:amd64', 'linux/amd64', MODEL);
    const arm = await variant('index:arm64', 'linux/arm64', OTHER);
    await bench.crane(['index', 'append', '-m', amd, '-m', arm, '-t', `${bench.open.host}/index:both`]);
    const { digest, pins } = await resolved(`${bench.open.host}/index:both`);
    expect({ digest, pins }).toEqual({ digest: digestOf({ 'model.bin': MODEL }), pins: { digest: amd.slice(amd.indexOf('sha256:')) } });
  });

  test('of one manifest leads to it; one of several for other platforms is refused by their names', async () => {
    const arm = await variant('index:arm', 'linux/arm64', OTHER);
    const power = await variant('index:ppc', 'linux/ppc64le', OTHER);
    await bench.crane(['index', 'append', '-m', arm, '-t', `${bench.open.host}/index:one`]);
    expect((await resolved(`${bench.open.host}/index:one`)).digest).toBe(digestOf({ 'model.bin': OTHER }));
    await bench.crane(['index', 'append', '-m', arm, '-m', power, '-t', `${bench.open.host}/index:two`]);
    expect((await failure(`${bench.open.host}/index:two`)).message).toContain("2 for 'linux/arm64', 'linux/ppc64le'");
  });
});

describe('a tag', () => {
  test('that moves after it was resolved changes nothing: pods fetch what was pinned', async () => {
    const reference = `${bench.open.host}/moving:prod`;
    await bench.oras(['push', reference, 'model.joblib'], { 'model.joblib': MODEL });
    const { digest, pins } = await resolved(reference);
    await bench.oras(['push', reference, 'model.joblib'], { 'model.joblib': OTHER });
    const to = join(place.folder, 'to');
    await mkdir(to);
    const job = { source: { oci: { reference, plainHTTP: true } }, digest, to, model: 'm', version: '1', preset: 'custom' };
    expect(await runFetch(parseFetchOptions(JSON.stringify({ ...job, pins })), place.io)).toBe(0);
    expect(await readFile(join(to, 'model/model.joblib'), 'utf8')).toBe(MODEL);
  });

  test('or a repository that is not there is said so', async () => {
    await bench.oras(['push', `${bench.open.host}/there:1`, 'a.bin'], { 'a.bin': MODEL });
    for (const reference of [`${bench.open.host}/there:2`, `${bench.open.host}/nowhere:1`]) {
      const found = await failure(reference);
      expect(found).toMatchObject({ reason: 'NotFound', retryable: false });
      expect(found.message).toContain(`has no ${reference}. Check spec.source.oci.reference.`);
    }
  });
});

describe('a manifest that a person has written', () => {
  const push = async (tag: string, manifest: unknown): Promise<string> => {
    await bench.oras(['blob', 'push', `${bench.open.host}/written`, 'blob', '--media-type', 'x/y'], { blob: '{}' });
    const args = ['manifest', 'push', `${bench.open.host}/written:${tag}`, 'manifest.json'];
    await bench.oras(args, { 'manifest.json': JSON.stringify(manifest) });
    return `${bench.open.host}/written:${tag}`;
  };
  const blob = { digest: `sha256:${sha256('{}')}`, size: 2 };
  const manifest = (layer: object) => ({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.empty.v1+json', ...blob },
    layers: [{ ...blob, ...layer }],
  });

  test.each([
    [
      { mediaType: 'application/vnd.example.weights' },
      "Layer 1 of REF has the media type 'application/vnd.example.weights', which is no tar",
    ],
    [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd' }, "is compressed with 'zstd', which is not unpacked"],
    [{ mediaType: 'application/vnd.cncf.model.weight.v1.tar+zstd' }, "is compressed with 'zstd', which is not unpacked"],
  ])('with a layer %j is refused by a sentence', async (layer, message) => {
    const reference = await push(sha256(JSON.stringify(layer)).slice(0, 8), manifest(layer));
    const found = await failure(reference);
    expect(found).toMatchObject({ reason: 'SourceRefused', retryable: false });
    expect(found.message.replace(/127\S+@sha256:[0-9a-f]+/, 'REF')).toContain(message);
  });

  test.each(['../model.bin', '/etc/passwd'])('with a file named %s is refused', async (title) => {
    const annotations = { 'org.opencontainers.image.title': title };
    const reference = await push(sha256(title).slice(0, 8), manifest({ mediaType: 'a/b', annotations }));
    expect((await failure(reference)).reason).toBe('ArchiveRefused');
  });

  test('with nothing but an empty layer is an empty model', async () => {
    const reference = await push('empty', manifest({ mediaType: 'application/vnd.oci.empty.v1+json' }));
    expect((await failure(reference)).reason).toBe('EmptyModel');
  });
});

type Handle = (request: IncomingMessage, response: ServerResponse, pass: () => void) => void;

/** A registry behind a proxy that handles what it likes. Returns its host and what it was asked. */
async function proxy(handle: Handle, behind = bench.open.host) {
  const asked: { readonly path: string; readonly headers: http.IncomingHttpHeaders }[] = [];
  const server = await serve((request, response) => {
    const { url: path = '', headers } = request;
    asked.push({ path, headers });
    handle(request, response, () => {
      http.get({ host: '127.0.0.1', port: behind.split(':')[1], path, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      });
    });
  });
  ends.push(server.close);
  return { host: new URL(server.url).host, asked };
}
describe('a registry that asks who is there', () => {
  let reference: (host: string) => string;

  beforeAll(async () => {
    await bench.oras(['push', `${bench.open.host}/private/fraud:1`, 'model.joblib'], { 'model.joblib': MODEL });
    reference = (host) => `${host}/private/fraud:1`;
  });

  const asking = async (how: 'password' | TokenRealm): Promise<string> => {
    const registry = await bench.asking(how);
    ends.push(registry.stop);
    return registry.host;
  };
  const realm = async (...given: Parameters<typeof tokenRealm>): Promise<TokenRealm> => {
    const made = await tokenRealm(...given);
    ends.push(made.stop);
    return made;
  };
  const digest = digestOf({ 'model.joblib': MODEL });

  test('for a password gets that of the Secret; credentials are in no log', async () => {
    const host = await asking('password');
    expect((await resolved(reference(host), { secret: READER })).digest).toBe(digest);
    expect((await resolved(reference(host), { secret: { '.dockerconfigjson': dockerConfig(host) } })).digest).toBe(digest);
    const wrong = await failure(reference(host), { secret: { ...READER, password: 'wrong-4711' } });
    expect(wrong).toMatchObject({ reason: 'AccessDenied', retryable: false });
    expect(wrong.message).toContain(`The credentials of spec.access.secretRef for ${host} are not enough`);
    expect(JSON.stringify([place.lines, wrong])).not.toMatch(/4711|c2VzYW1l|cmVhZGVy/);
  });

  test('and gets nothing says what to do', async () => {
    const host = await asking('password');
    const found = await failure(reference(host));
    expect(found).toMatchObject({ reason: 'AccessDenied', retryable: false });
    expect(found.message).toContain(`Put credentials for ${host} into a Secret`);
    const other = await failure(reference(host), { secret: { '.dockerconfigjson': dockerConfig('other.example.com') } });
    expect(other.message).toContain(`Put credentials for ${host} into a Secret`);
  });

  test('for a token that everybody gets is given one for this repository alone', async () => {
    const tokens = await realm({ isAnonymous: true });
    const host = await asking(tokens);
    expect((await resolved(reference(host))).digest).toBe(digest);
    expect(tokens.asked.map(({ url, username }) => [url.searchParams.get('scope'), url.searchParams.get('service'), username])).toEqual([
      ['repository:private/fraud:pull', 'test-registry', undefined],
    ]);
    expect(tokens.asked[0]?.url.searchParams.get('account')).toBe('test');
  });

  test.each<[string, (host: string) => Keys]>([
    ['username and password', () => READER],
    ['.dockerconfigjson', (host) => ({ '.dockerconfigjson': dockerConfig(host) })],
  ])('for a token is given one that was got with %s', async (_what, secret) => {
    const tokens = await realm();
    const host = await asking(tokens);
    expect((await resolved(reference(host), { secret: secret(host) })).digest).toBe(digest);
    expect(tokens.asked.map(({ username }) => username)).toEqual(['reader']);
    const wrong = await failure(reference(host), {
      secret: { '.dockerconfigjson': dockerConfig(host, { ...READER, password: 'wrong-4711' }) },
    });
    expect(wrong.reason).toBe('AccessDenied');
    expect(JSON.stringify([place.lines, wrong])).not.toMatch(/4711|eyJ/);
  });

  test('for a token is given one for the refresh token that docker has kept', async () => {
    const tokens = await realm();
    const host = await asking(tokens);
    const config = JSON.stringify({ auths: { [`http://${host}/`]: { identitytoken: 'refresh-4711' } } });
    expect((await resolved(reference(host), { secret: { '.dockerconfigjson': config } })).digest).toBe(digest);
    expect(tokens.asked).toMatchObject([{ method: 'POST' }]);
    expect(place.lines.join('\n')).not.toContain('4711');
  });

  test('again in the middle, since a token holds for no longer, is given another one', async () => {
    const tokens = await realm({ isAnonymous: true });
    const { host } = await proxy(
      (request, response, pass) => {
        const isLate = tokens.asked.length === 1 && request.url?.includes('/blobs/') === true;
        if (isLate) response.writeHead(401, { 'www-authenticate': `Bearer realm="${tokens.url}",service="test-registry"` }).end();
        else pass();
      },
      await asking(tokens),
    );
    expect((await resolved(reference(host))).digest).toBe(digest);
    expect(tokens.asked).toHaveLength(2);
  });

  test('and takes no token that it is given is asked no third time', async () => {
    const tokens = await realm({ isAnonymous: true, seconds: -120 });
    expect((await failure(reference(await asking(tokens)))).reason).toBe('AccessDenied');
    expect(tokens.asked).toHaveLength(1);
  });

  test.each([
    ['Bearer realm="http://169.254.169.254/token"', 'AddressRefused', 'link-local'],
    ['Bearer realm="ftp://127.0.0.1/token"', 'SourceRefused', 'at an address that is no http(s) URL'],
    ['Bearer service="x"', 'SourceRefused', 'at an address that is no http(s) URL'],
    ['Negotiate', 'SourceRefused', 'in a way that is not known'],
  ])('by %s is refused', async (challenge, reason, message) => {
    const server = await serve((_request, response) => response.writeHead(401, { 'www-authenticate': challenge }).end());
    ends.push(server.close);
    const found = await failure(reference(new URL(server.url).host), { secret: READER });
    expect(found).toMatchObject({ reason, retryable: false });
    expect(found.message).toContain(message);
  });
});

describe('a registry that misbehaves', () => {
  const big = Buffer.alloc(3_000_000, MODEL);
  const digest = digestOf({ 'model.bin': big });
  let pinnedAt: string;

  beforeAll(async () => {
    pinnedAt = await bench.oras(['push', `${bench.open.host}/big:1`, 'model.bin'], { 'model.bin': big });
  });

  const isBlob = ({ url = '' }: IncomingMessage): boolean => url.includes(`/blobs/sha256:${sha256(big)}`);

  test('and cuts a blob off is asked for the rest', async () => {
    let cuts = 0;
    const { host, asked } = await proxy((request, response, pass) => {
      if (!isBlob(request) || cuts > 0) {
        pass();
        return;
      }
      cuts += 1;
      response.writeHead(200, { 'content-length': big.length, 'accept-ranges': 'bytes', etag: `"sha256:${sha256(big)}"` });
      response.write(big.subarray(0, 1_000_000), () => response.destroy());
    });
    expect((await resolved(`${host}/big:1`)).digest).toBe(digest);
    expect(asked.at(-1)?.headers.range).toMatch(/^bytes=\d+-$/);
    expect(place.lines.join('\n')).toMatch(/Going on from byte \d+/);
  });

  test('and leads to an object store shows it no credentials, and goes on there where it was cut', async () => {
    let cuts = 0;
    const { host: store, asked } = await proxy((_request, response, pass) => {
      if (cuts > 0) {
        pass();
        return;
      }
      cuts += 1;
      response.writeHead(200, { 'content-length': big.length, 'accept-ranges': 'bytes', etag: `"sha256:${sha256(big)}"` });
      response.write(big.subarray(0, 1_000_000), () => response.destroy());
    });
    const { host, asked: askedHere } = await proxy((request, response, pass) => {
      if (request.headers.authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      else if (isBlob(request)) response.writeHead(307, { location: `http://${store}${request.url ?? ''}?signature=hush` }).end();
      else pass();
    });
    expect((await resolved(`${host}/big:1`, { secret: READER })).digest).toBe(digest);
    expect(askedHere.some(({ headers }) => headers.authorization !== undefined)).toBe(true);
    expect(asked.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
    expect(asked[1]?.headers.range).toMatch(/^bytes=\d+-$/);
    expect(JSON.stringify([place.lines, await place.termination()])).not.toContain('hush');
  });

  test.each<[string, (blob: Buffer) => Buffer]>([
    ['other bytes of the same length', (blob) => Buffer.from(blob).fill('x', 1000, 1001)],
    ['more bytes', (blob) => Buffer.concat([blob, Buffer.from('x')])],
    ['fewer bytes', (blob) => blob.subarray(1)],
  ])('and sends %s is found out', async (_what, change) => {
    const { host } = await proxy((request, response, pass) => {
      if (isBlob(request)) response.end(change(big));
      else pass();
    });
    const found = await failure(`${host}/big:1`);
    expect(found).toMatchObject({ reason: 'DigestMismatch', retryable: false });
    expect(found.message).toContain(`sha256:${sha256(big)}`);
  });

  test('and sends fewer bytes without saying how many is tried again', async () => {
    const { host } = await proxy((request, response, pass) => {
      if (!isBlob(request)) {
        pass();
        return;
      }
      response.writeHead(200, { 'transfer-encoding': 'chunked' }).end(big.subarray(1));
    });
    expect(await failure(`${host}/big:1`)).toMatchObject({ reason: 'Truncated', retryable: true });
  });

  test('and sends another manifest than was asked for is found out', async () => {
    const other = JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config: {}, layers: [] });
    const { host } = await proxy((_request, response) =>
      response.setHeader('content-type', 'application/vnd.oci.image.manifest.v1+json').end(other),
    );
    const found = await failure(`${host}/big@${pinnedAt}`);
    expect(found).toMatchObject({ reason: 'DigestMismatch', retryable: false });
    expect(found.message).toContain(pinnedAt);
  });

  test('and announces another digest for a tag than the manifest has is found out', async () => {
    const { host } = await proxy((_request, response) => response.setHeader('docker-content-digest', pinnedAt).end('{}'));
    expect((await failure(`${host}/big:1`)).reason).toBe('DigestMismatch');
  });

  test.each<[string, string | Buffer, string, string]>([
    ['a huge manifest', Buffer.alloc(5 * 1024 ** 2, ' '), 'SourceRefused', 'answered with more than 4194304 bytes'],
    ['a web page', '<html>log in</html>', 'SourceRefused', 'is no manifest'],
    ['a manifest of schema 1', '{"schemaVersion": 1, "fsLayers": []}', 'SourceRefused', 'no longer used'],
    [
      'a manifest that is an index as well',
      '{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [], "layers": []}',
      'SourceRefused',
      'neither a manifest with layers nor an index',
    ],
  ])('and sends %s is refused', async (_what, body, reason, message) => {
    const { host } = await proxy((_request, response) => response.end(body));
    const found = await failure(`${host}/big:1`);
    expect(found).toMatchObject({ reason, retryable: false });
    expect(found.message).toContain(message);
  });

  test('and is in trouble is tried again', async () => {
    const { host } = await proxy((_request, response) => response.writeHead(503).end());
    expect(await failure(`${host}/big:1`)).toMatchObject({ reason: 'SourceFailed', retryable: true });
  });

  test('and is not reached by https, unless plainHTTP is said', async () => {
    const found = await failure(`${bench.open.host}/big:1`, { source: { plainHTTP: false } });
    expect(found.reason).toBe('SourceUnreachable');
  });
});
