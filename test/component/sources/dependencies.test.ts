// What a version needs comes along from its files, whatever brought them; the sources of the other tests bring theirs the same way.

import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { parseResolveOptions } from '../../../src/sources/options.ts';
import { runResolve } from '../../../src/sources/resolve.ts';
import { removeTree } from '../../../src/sources/tree.ts';
import { serve, tarOf, workplace, type TestServer, type Workplace } from './fixtures.ts';

const LIMIT = 256 * 1024;
const FILES: Readonly<Record<string, string>> = {
  MLmodel: 'flavors:\n  python_function:\n    python_version: 3.10.0\n  sklearn:\n    sklearn_version: 1.9.1\n',
  'conda.yaml': 'dependencies:\n- python=3.10.0\n- pip:\n  - numpy==2.3.1\n',
  'model.pkl': 'm'.repeat(100_000),
  'python_env.yaml': 'python: 3.10.0\ndependencies:\n- -r requirements.txt\n',
  'requirements.txt': 'scikit-learn==1.9.1\n',
};
const NEEDS = {
  python: '3.10.0',
  packages: [
    { name: 'scikit-learn', specifier: '==1.9.1', from: 'requirements.txt' },
    { name: 'numpy', specifier: '==2.3.1', from: 'conda.yaml' },
  ],
};

let place: Workplace;
let server: TestServer | undefined;
let claim: string;

beforeEach(async () => {
  place = await workplace();
  claim = await mkdtemp('/dev/shm/plimsoll-claim-');
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  await removeTree(claim);
  await place.remove();
});

/** What is known of the dependencies of a version once it is resolved. */
async function dependenciesOf(options: object): Promise<unknown> {
  await runResolve(parseResolveOptions(JSON.stringify(options)), place.io);
  const said = await place.termination();
  if (!said.ok || said.value.kind !== 'resolved') throw new Error(JSON.stringify(said));
  return said.value.metadata?.dependencies;
}

async function inClaim(files: Readonly<Record<string, string | Buffer>>): Promise<unknown> {
  const folder = await mkdtemp(join(claim, 'version-'));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return dependenciesOf({ source: { pvc: { claim: 'models', path: folder.slice(claim.length + 1) } }, sourceDir: claim });
}

async function archive(): Promise<object> {
  const body = await tarOf(Object.entries(FILES).map(([name, content]) => ({ name, content: Buffer.from(content) })));
  server = await serve((_, response) => response.end(body));
  return { source: { http: { url: `${server.url}/fraud.tar` } } };
}

describe('what a version needs', () => {
  test('comes from a folder in a claim', async () => {
    expect(await inClaim(FILES)).toEqual(NEEDS);
  });

  test('comes from an archive', async () => {
    expect(await dependenciesOf(await archive())).toEqual(NEEDS);
  });

  test('comes from what is copied, and from a copy that is there already', async () => {
    const storage = { claim: 'copies', mountedAt: claim };
    const options = await archive();
    expect(await dependenciesOf({ ...options, storage })).toEqual(NEEDS);
    const said = await place.termination();
    const digest = said.ok && said.value.kind === 'resolved' ? said.value.resolved.digest : '';
    await server?.close();
    expect(await dependenciesOf({ ...options, storage, digest })).toEqual(NEEDS);
    expect(place.lines).toContain('claim copies holds a whole copy already');
  });

  test('comes from beside the MLmodel where nothing is at the root', async () => {
    const below = Object.fromEntries(Object.entries(FILES).map(([path, content]) => [`model/${path}`, content]));
    expect(await inClaim({ ...below, 'code/requirements.txt': 'flask==1.0' })).toEqual(NEEDS);
  });

  test('is read when PowerShell wrote it', async () => {
    const text = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('numpy==2.3.1\r\n', 'utf16le')]);
    expect(await inClaim({ 'requirements.txt': text })).toEqual({
      packages: [{ name: 'numpy', specifier: '==2.3.1', from: 'requirements.txt' }],
    });
  });

  test('is unknown where no file says it', async () => {
    expect(await inClaim({ 'model.pkl': 'm' })).toBeUndefined();
  });
});

describe('a file that cannot be used', () => {
  test.each<[title: string, files: Readonly<Record<string, string>>, notes: readonly string[]]>([
    ['no YAML', { 'conda.yaml': 'dependencies: [' }, ['conda.yaml, which is no YAML that can be read']],
    ['a bomb of aliases', { 'conda.yaml': 'a: &a [1]\ndependencies: [*a, *a]' }, ['conda.yaml, which is no YAML that can be read']],
    ['endless depth', { 'python_env.yaml': '['.repeat(100_000) }, ['python_env.yaml, which is no YAML that can be read']],
    ['too long', { 'requirements.txt': `numpy==1\n${'#'.repeat(LIMIT)}` }, ['requirements.txt, which has more than 256 KiB']],
  ])('because it is %s fails nothing, and is told of', async (_, files, notes) => {
    expect(await inClaim({ 'model.pkl': 'm', ...files })).toEqual({ omitted: 1, notCompared: notes });
  });

  test('of exactly 256 KiB is none', async () => {
    const text = `numpy==1\n#${'x'.repeat(LIMIT - 10)}`;
    expect(await inClaim({ 'requirements.txt': text })).toMatchObject({ packages: [{ name: 'numpy' }] });
  });

  test('because there are very many of them fails nothing', async () => {
    const files = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`f${index}/requirements.txt`, `p${index}`]));
    expect(await inClaim(files)).toBeUndefined();
  });

  test('because it names more than a termination message holds, keeps the first and counts the rest', async () => {
    const names = Array.from(
      { length: 500 },
      (_, index) => `package-${Math.sin(index).toString(36).slice(3)}==${Math.abs(Math.cos(index)).toFixed(9)}`,
    );
    const found = (await inClaim({ 'requirements.txt': names.join('\n') })) as {
      readonly packages: readonly unknown[];
      readonly omitted: number;
    };
    expect(found.packages.length).toBeGreaterThan(40);
    expect(found.packages.length + found.omitted).toBe(500);
  });
});
