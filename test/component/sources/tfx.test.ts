import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { load } from 'js-yaml';

import { runFetch } from '../../../src/sources/fetch.ts';
import { parseFetchOptions, parseResolveOptions } from '../../../src/sources/options.ts';
import { runResolve } from '../../../src/sources/resolve.ts';
import { removeTree } from '../../../src/sources/tree.ts';
import { startMoto, type Moto, type MotoKeys } from '../../support/moto.ts';
import { pythonVenv } from '../../support/python.ts';
import { DEPENDENCIES, digestOf, failureIn, REQUIREMENTS, resolvedIn, sha256, workplace } from './fixtures.ts';
import type { Workplace } from './fixtures.ts';

// Real programs, which take their time where much else runs.
jest.setTimeout(60_000);

const HERE = join(import.meta.dirname, 'tfx');
/** Written once by tensorflow: see tfx/saved_model.py. */
const SAVED_MODEL = join(HERE, 'saved-model');
/** In the order in which the Pusher copies. */
const FILES = ['fingerprint.pb', 'variables/variables.data-00000-of-00001', 'variables/variables.index', 'saved_model.pb'];
const LAST = 'saved_model.pb';

let memory: ChildProcessByStdio<Writable, Readable, null>;
let answers: AsyncIterator<string, undefined>;
let place: Workplace;
let claim: string;
let digest: string;

beforeAll(async () => {
  const venv = await pythonVenv('tfx', await readFile(join(HERE, 'requirements.lock'), 'utf8'));
  memory = spawn(join(venv, 'bin/python'), [join(HERE, 'pipeline.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  answers = createInterface(memory.stdout)[Symbol.asyncIterator]();
  const contents = await Promise.all(FILES.toSorted().map(async (path) => [path, await readFile(join(SAVED_MODEL, path))] as const));
  digest = digestOf(Object.fromEntries(contents));
}, 600_000);

afterAll(async () => {
  const ended = once(memory, 'exit');
  memory.stdin.end();
  await ended;
});

beforeEach(async () => {
  place = await workplace();
  claim = await mkdtemp(join(tmpdir(), 'plimsoll-tfx-'));
});

afterEach(async () => {
  await removeTree(place.folder);
  await rm(claim, { recursive: true, force: true });
});

/** Copies the model as the Pusher does, and stops before a file if one is named. */
async function push(version: string, { base = 'fraud', until }: { base?: string; until?: string } = {}): Promise<void> {
  const to = join(claim, base, version);
  await mkdir(join(to, 'variables'), { recursive: true });
  for (const path of FILES) {
    if (path === until) return;
    await cp(join(SAVED_MODEL, path), join(to, path));
  }
}

/** The folder of a blessing with these empty files. */
async function bless(folder: string, ...marks: readonly string[]): Promise<void> {
  await mkdir(join(claim, folder), { recursive: true });
  for (const mark of marks) await writeFile(join(claim, folder, mark), '');
}

type Run = Readonly<Record<string, unknown>>;

/** A run of the pipeline as ML Metadata has it, in which all went well. */
const run = (more: Run = {}): Run => ({
  pipeline: 'fraud-weekly',
  run: '2026-11-24T10:00:00',
  version: '1764240000',
  destination: '/serving/fraud/1764240000',
  fingerprint: 'split:train,num_files:1,total_bytes:7,xor_checksum:1,sum_checksum:1',
  trainArgs: '{"num_steps": 100}',
  evaluator: 1,
  infraValidator: 1,
  ...more,
});

/** Writes metadata.sqlite with these runs, by ML Metadata itself. */
async function remember(...runs: readonly Run[]): Promise<void> {
  memory.stdin.write(`${JSON.stringify({ database: join(claim, 'metadata.sqlite'), runs })}\n`);
  const { value } = await answers.next();
  expect(value).toBe('written');
}

async function resolve(member: Run, options: Run = {}) {
  const source = { tfx: { claim: 'models', base: 'fraud', ...member } };
  await runResolve(parseResolveOptions(JSON.stringify({ source, sourceDir: claim, timeouts: { retryMs: 1 }, ...options })), place.io);
  const termination = await place.termination();
  if (!termination.ok) throw new Error(`the termination message ${termination.problem}`);
  return termination.value;
}

const resolved = async (...given: Parameters<typeof resolve>) => resolvedIn(await resolve(...given));
const failure = async (...given: Parameters<typeof resolve>) => failureIn(await resolve(...given));

const UNASKED = { requireBlessing: false };

describe('versions in the folder that a pipeline pushes to', () => {
  test('are numbers: 10 is newer than 9', async () => {
    for (const version of ['9', '10', '1']) await push(version);
    await mkdir(join(claim, 'fraud/tmp-11'));
    await writeFile(join(claim, 'fraud/12'), 'a file');
    expect(await resolved(UNASKED)).toMatchObject({ digest, files: 4, pins: { version: '10' }, uri: 'pvc://models/fraud/10' });
  });

  test('are the very files that tensorflow has written', async () => {
    await push('1764240000');
    await resolved(UNASKED);
    for (const path of FILES) expect(place.lines).toContain(`${sha256(await readFile(join(SAVED_MODEL, path)))}  ${path}`);
  });

  test('say in their files what they need', async () => {
    await push('9');
    await writeFile(join(claim, 'fraud/9/requirements.txt'), REQUIREMENTS);
    expect((await resolved(UNASKED)).metadata?.dependencies).toEqual(DEPENDENCIES);
  });

  test('that are half-copied are passed over, whichever file was the last to come', async () => {
    await push('100');
    for (const [i, until] of FILES.entries()) await push(String(200 + i), { until });
    expect((await resolved(UNASKED)).pins).toEqual({ version: '100' });
    expect(place.lines.join('\n')).toContain(`pvc://models/fraud/203 is not complete: it has no ${LAST}, which the Pusher copies last.`);
  });

  test('of which none is complete may be so a moment later', async () => {
    await push('200', { until: LAST });
    expect(await failure(UNASKED)).toMatchObject({ reason: 'NotFound', retryable: true });
    await push('200');
    expect((await resolved(UNASKED)).pins).toEqual({ version: '200' });
  });

  test('of which one is named are that one; it is waited for while it is copied', async () => {
    await push('9');
    await push('10');
    expect((await resolved({ ...UNASKED, version: '9' })).pins).toEqual({ version: '9' });
    await push('11', { until: LAST });
    const found = await failure({ ...UNASKED, version: '11' });
    expect(found).toMatchObject({ reason: 'NotFound', retryable: true });
    expect(found.message).toContain('pvc://models/fraud/11 is not complete');
    expect(await failure({ ...UNASKED, version: '12' })).toMatchObject({ reason: 'NotFound', retryable: false });
  });

  test('may lie in the root of the claim', async () => {
    await push('7', { base: '.' });
    expect((await resolved({ ...UNASKED, base: '.' })).uri).toBe('pvc://models/7');
  });

  test('are none where there is no number', async () => {
    await mkdir(join(claim, 'fraud'));
    const found = await failure(UNASKED);
    expect(found).toMatchObject({ reason: 'NotFound', retryable: false });
    expect(found.message).toContain('holds no version: no folder named by a number. Check spec.source.tfx.base.');
    expect((await failure({ ...UNASKED, base: 'nowhere' })).message).toContain('Check spec.source.tfx.base.');
  });

  test('are not looked for outside of the claim', async () => {
    await symlink(SAVED_MODEL, join(claim, 'away'));
    expect((await failure({ ...UNASKED, base: 'away' })).reason).toBe('SourceRefused');
    expect((await failure({ ...UNASKED, base: '../x' })).reason).toBe('InvalidSource');
    await mkdir(join(claim, 'fraud/5'), { recursive: true });
    await symlink(join(SAVED_MODEL, LAST), join(claim, 'fraud/5', LAST));
    expect((await failure(UNASKED)).reason).toBe('SourceRefused');
  });

  test('that come later change nothing: pods fetch what was pinned, and ask nobody whether it is blessed', async () => {
    await push('9');
    await bless('blessing', 'BLESSED');
    const member = { claim: 'models', base: 'fraud', version: '9', blessing: ['blessing'] };
    const { pins } = await resolved(member);
    await push('10');
    await rm(join(claim, 'blessing'), { recursive: true });
    const to = join(place.folder, 'to');
    await mkdir(to);
    const job = {
      source: { tfx: { claim: 'models', base: 'fraud' } },
      sourceDir: claim,
      pins,
      digest,
      to,
      model: 'm',
      version: '1',
      preset: 'custom',
    };
    expect(await runFetch(parseFetchOptions(JSON.stringify(job)), place.io)).toBe(0);
    expect(place.lines.join('\n')).toContain('pvc://models/fraud/9');
  });
});

describe('a blessing in folders', () => {
  beforeEach(() => push('1764240000'));
  const named = (...blessing: readonly string[]) => ({ version: '1764240000', blessing });

  test('of the Evaluator lets the model through, and so does one of the InfraValidator beside it', async () => {
    await bless('evaluator', 'BLESSED');
    await bless('infra', 'INFRA_BLESSED');
    expect((await resolved(named('evaluator'))).digest).toBe(digest);
    expect((await resolved(named('evaluator', 'infra'))).digest).toBe(digest);
  });

  test.each<[string, readonly string[], string]>([
    ['NOT_BLESSED', ['NOT_BLESSED'], 'the Evaluator has refused it (pvc://models/evaluator)'],
    ['neither, as without thresholds', [], 'says neither yes nor no, as when the Evaluator has no thresholds'],
    ['both', ['BLESSED', 'NOT_BLESSED'], 'the Evaluator has refused it'],
    ['INFRA_BLESSED alone', ['INFRA_BLESSED'], 'no blessing of an Evaluator is known for it'],
    ['a name in other letters', ['blessed'], 'says neither yes nor no'],
  ])('that is %s does not', async (_what, marks, why) => {
    await bless('evaluator', ...marks);
    const found = await failure(named('evaluator'));
    expect(found).toMatchObject({ reason: 'NotBlessed', retryable: false });
    expect(found.message).toContain(`pvc://models/fraud/1764240000 is not blessed: `);
    expect(found.message).toContain(why);
    expect((await resolved({ ...named('evaluator'), ...UNASKED })).digest).toBe(digest);
  });

  test('of the Evaluator is not enough where the InfraValidator has refused the model', async () => {
    await bless('evaluator', 'BLESSED');
    await bless('infra', 'INFRA_NOT_BLESSED');
    expect((await failure(named('evaluator', 'infra'))).message).toContain('the InfraValidator has refused it (pvc://models/infra)');
  });

  test('that are not there are said so', async () => {
    const found = await failure(named('evaluator'));
    expect(found).toMatchObject({ reason: 'NotFound', retryable: false });
    expect(found.message).toContain('Check spec.source.tfx.blessing.');
  });

  test('is asked for unless one says otherwise', async () => {
    const found = await failure({});
    expect(found.reason).toBe('NotBlessed');
    expect(found.message).toContain('no blessing of an Evaluator is known for it');
  });
});

describe('ML Metadata', () => {
  beforeEach(() => push('1764240000'));
  const METADATA = { metadata: 'metadata.sqlite' };

  test('says that the model is blessed, and from what it was made', async () => {
    await remember(run());
    const { metadata, pins } = await resolved(METADATA);
    expect(pins).toEqual({ version: '1764240000' });
    expect(metadata).toEqual({
      training: { pipeline: 'fraud-weekly', run: '2026-11-24T10:00:00', parameters: { seed: '42', train_args: '{"num_steps": 100}' } },
      data: [
        {
          name: 'fraud-weekly.CsvExampleGen',
          uri: '/pipelines/fraud-weekly/CsvExampleGen/examples/0',
          digest: 'split:train,num_files:1,total_bytes:7,xor_checksum:1,sum_checksum:1',
        },
      ],
      tags: { Evaluator: 'blessed', InfraValidator: 'blessed' },
    });
    expect((await resolved({ ...METADATA, ...UNASKED })).metadata).toEqual(metadata);
  });

  test('knows the examples from before a Transform', async () => {
    await remember(run({ transformed: true }));
    expect((await resolved(METADATA)).metadata?.data).toMatchObject([{ uri: '/pipelines/fraud-weekly/CsvExampleGen/examples/0' }]);
  });

  test.each<[string, Run, string]>([
    ['of an Evaluator that refused it', { evaluator: 0 }, 'the Evaluator has refused it (ModelBlessing 3 in pvc://models/metadata.sqlite)'],
    ['of an InfraValidator that refused it', { infraValidator: 0 }, 'the InfraValidator has refused it'],
    ['of an Evaluator without thresholds', { evaluator: 'silent' }, 'says neither yes nor no, as when the Evaluator has no thresholds'],
    ['without an Evaluator', { evaluator: undefined }, 'no blessing of an Evaluator is known for it'],
    ['of an InfraValidator that says nothing', { infraValidator: 'silent' }, 'says neither yes nor no'],
    ['of an Evaluator whose refusal the Pusher was not given', { evaluator: 0, pusherIsGiven: false }, 'the Evaluator has refused it'],
    [
      'of an InfraValidator whose refusal the Pusher was not given',
      { infraValidator: 0, pusherIsGiven: false },
      'the InfraValidator has refused it',
    ],
    [
      'of another version',
      { version: '1764240001', destination: '/serving/fraud/1764240001' },
      'no blessing of an Evaluator is known for it',
    ],
  ])('with the push %s does not let the model through', async (_what, more, why) => {
    await remember(run(more));
    const found = await failure(METADATA);
    expect(found).toMatchObject({ reason: 'NotBlessed', retryable: false });
    expect(found.message).toContain(why);
  });

  test('finds blessings that the Pusher was not given, and the model that only the InfraValidator was', async () => {
    await remember(run({ pusherIsGiven: false }));
    expect((await resolved(METADATA)).metadata?.tags).toEqual({ Evaluator: 'blessed', InfraValidator: 'blessed' });
    await rm(join(claim, 'metadata.sqlite'));
    await remember(run({ pusherIsGiven: 'infra' }));
    expect((await resolved(METADATA)).metadata?.training?.pipeline).toBe('fraud-weekly');
  });

  test('tells one push from another of the same second by where it went', async () => {
    const other = run({ pipeline: 'churn', destination: '/serving/churn/1764240000', evaluator: 0 });
    await remember(other, run(), other);
    expect((await resolved(METADATA)).metadata?.training?.pipeline).toBe('fraud-weekly');
  });

  test('with two pushes that both could be meant is refused', async () => {
    await remember(run({ destination: '/a/fraud/1764240000' }), run({ destination: '/b/fraud/1764240000', evaluator: 0 }));
    const found = await failure(METADATA);
    expect(found.reason).toBe('SourceRefused');
    expect(found.message).toContain("'/a/fraud/1764240000' and '/b/fraud/1764240000'");
  });

  test('that does not know the push is no reason to refuse a model that need not be blessed, or is by its folder', async () => {
    await remember(run({ version: '1', destination: '/serving/fraud/1' }));
    expect((await resolved({ ...METADATA, ...UNASKED })).metadata).toBeUndefined();
    expect(place.lines.join('\n')).toContain('knows no push of pvc://models/fraud/1764240000');
    await bless('evaluator', 'BLESSED');
    expect((await resolved({ ...METADATA, version: '1764240000', blessing: ['evaluator'] })).digest).toBe(digest);
  });

  test('that refuses the model is stronger than a folder', async () => {
    await remember(run({ evaluator: 0 }));
    await bless('evaluator', 'BLESSED');
    expect((await failure({ ...METADATA, version: '1764240000', blessing: ['evaluator'] })).reason).toBe('NotBlessed');
  });

  test('that is being written is read later', async () => {
    await remember(run());
    await writeFile(join(claim, 'metadata.sqlite-journal'), 'x');
    expect(await failure(METADATA)).toMatchObject({ reason: 'SourceFailed', retryable: true });
  });

  test('that was copied in the middle of a write is read again', async () => {
    await remember(run());
    const bytes = await readFile(join(claim, 'metadata.sqlite'));
    await writeFile(join(claim, 'metadata.sqlite'), bytes.subarray(0, 4096 * 2));
    expect(await failure(METADATA)).toMatchObject({ reason: 'SourceFailed', retryable: true });
  });

  test.each<[string, string | Buffer]>([
    ['empty', ''],
    ['a text', 'metadata'],
  ])('that is %s is refused', async (_what, content) => {
    await writeFile(join(claim, 'metadata.sqlite'), content);
    const found = await failure(METADATA);
    expect(found).toMatchObject({ reason: 'SourceRefused', retryable: false });
    expect(found.message).toContain('is no SQLite file of ML Metadata. Check spec.source.tfx.metadata.');
  });

  test('whose tables are views is refused: a view is a program', async () => {
    const { DatabaseSync } = await import('node:sqlite');
    await remember(run());
    const database = new DatabaseSync(join(claim, 'metadata.sqlite'));
    database.exec('ALTER TABLE Type RENAME TO Kept; CREATE VIEW Type AS SELECT * FROM Kept');
    database.close();
    expect((await failure(METADATA)).message).toContain('is no SQLite file of ML Metadata');
  });

  test('that is not there is said so, and nothing of it is left behind', async () => {
    expect((await failure(METADATA)).message).toContain('Check spec.source.tfx.metadata.');
    expect((await failure({ metadata: 'fraud' })).reason).toBe('SourceRefused');
  });
});

describe('a bucket', () => {
  let moto: Moto;
  let keys: MotoKeys;

  beforeAll(async () => {
    moto = await startMoto();
    keys = await moto.user('reader');
  }, 600_000);

  afterAll(() => moto.stop());

  /** All that is in the claim, as objects of a new bucket, and a source that reads it from there. */
  const upload = async (bucket: string): Promise<Run> => {
    await moto.bucket(bucket);
    for (const entry of await readdir(claim, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) await moto.put(bucket, path.slice(claim.length + 1), await readFile(path));
    }
    return { claim: undefined, s3: { endpoint: moto.url, bucket } };
  };
  /** As somebody who may read. */
  const asReader = async (): Promise<Run> => {
    const accessDir = join(place.folder, 'access');
    await mkdir(accessDir, { recursive: true });
    for (const [key, value] of Object.entries<string>({ ...keys })) await writeFile(join(accessDir, key), value);
    return { accessDir };
  };

  test('is read like a claim: the newest complete version, its blessing and its history', async () => {
    await push('9');
    await push('10');
    await push('11', { until: LAST });
    await remember(run({ version: '10', destination: 's3://pushed/fraud/10' }));
    const found = await resolved({ ...(await upload('pushed')), metadata: 'metadata.sqlite' }, await asReader());
    expect(found).toMatchObject({ digest, pins: { version: '10' }, uri: 's3://pushed/fraud/10' });
    expect(found.metadata?.tags).toEqual({ Evaluator: 'blessed', InfraValidator: 'blessed' });
  });

  test('may hold the versions in its root, and blessings in folders', async () => {
    await push('7', { base: '.' });
    await bless('good', 'BLESSED');
    await bless('bad', 'NOT_BLESSED');
    const source = { ...(await upload('rooted')), base: '.', version: '7' };
    expect((await resolved({ ...source, blessing: ['good'] }, await asReader())).digest).toBe(digest);
    for (const folder of ['bad', 'nowhere'])
      expect((await failure({ ...source, blessing: [folder] }, await asReader())).reason).toBe('NotBlessed');
  });

  test('without such a folder, or that is not there, is said so', async () => {
    await push('7');
    const source = { ...(await upload('there')), ...UNASKED };
    expect(await failure({ ...source, base: 'nowhere' })).toMatchObject({ reason: 'NotFound', retryable: false });
    expect(await failure({ ...source, version: '8' })).toMatchObject({ reason: 'NotFound' });
    const found = await failure({ ...source, s3: { endpoint: moto.url, bucket: 'missing' } });
    expect(found).toMatchObject({ reason: 'NotFound', retryable: false });
    expect(found.message).toContain('spec.source.tfx.s3');
  });
});

test('the lines in docs/sources/tfx.md do what they say', async () => {
  const page = await readFile(join(import.meta.dirname, '../../../docs/sources/tfx.md'), 'utf8');
  const { spec } = load(/```yaml\n([^`]*)/.exec(page)?.[1] ?? '') as { readonly spec: { readonly source: { readonly tfx: Run } } };
  await push('1764240000', { base: 'serving/fraud' });
  await push('1764240060', { base: 'serving/fraud', until: LAST });
  await remember(run({ destination: '/mnt/serving/fraud/1764240000' }));
  await mkdir(join(claim, 'tfx'));
  await cp(join(claim, 'metadata.sqlite'), join(claim, 'tfx/metadata.sqlite'));
  expect(await resolved(spec.source.tfx)).toMatchObject({ digest, pins: { version: '1764240000' } });
});
