// A claim with spec.storage.limit: what goes, what stays, and that nothing is ever seen in part.

import { spawn, type ChildProcess } from 'node:child_process';
import { lookup } from 'node:dns';
import { EventEmitter, once } from 'node:events';
import { utimesSync, watch } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';

import { modelDigest } from '../../../src/core/version/digest.ts';
import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from '../../../src/core/version/limits.ts';
import { decodeTermination } from '../../../src/core/version/termination.ts';
import { runFetch } from '../../../src/sources/fetch.ts';
import { parseFetchOptions, parseResolveOptions } from '../../../src/sources/options.ts';
import { runResolve } from '../../../src/sources/resolve.ts';
import { roomFor } from '../../../src/sources/room.ts';
import type { TransferContext } from '../../../src/sources/transfer.ts';
import { hashTree, removeTree } from '../../../src/sources/tree.ts';
import { digestOf, serve, tarOf, workplace } from './fixtures.ts';
import type { TestServer, Workplace } from './fixtures.ts';

/** Each of 1,000,000 bytes, in many files, so that removing one takes a while. */
const MODELS = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, filesOf(name)]));
const HOUR_MS = 3_600_000;

let place: Workplace;
let server: TestServer;
let mountedAt: string;
let bodies: Readonly<Record<string, Buffer>>;
let isSlow: boolean;
let isAway: boolean;
let jobs: number;
let asked: EventEmitter;

function filesOf(name: string): Readonly<Record<string, Buffer>> {
  return Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`data/${i + 100}.bin`, Buffer.alloc(40_000, name)]));
}

const digest = (name: string): string => digestOf(MODELS[name] ?? {});
const hex = (name: string): string => digest(name).slice('sha256:'.length);
const inClaim = (...path: string[]): string => join(mountedAt, 'sha256', ...path);

beforeEach(async () => {
  place = await workplace();
  // In memory: every file of a copy is synced.
  mountedAt = await mkdtemp('/dev/shm/plimsoll-limit-');
  [isSlow, isAway, jobs] = [false, false, 0];
  const tars = Object.entries(MODELS).map(async ([name, files]) => {
    const body = await tarOf(Object.entries(files).map(([path, content]) => ({ name: path, content })));
    return [name, body] as const;
  });
  bodies = Object.fromEntries(await Promise.all(tars));
  asked = new EventEmitter();
  server = await serve((request, response) => {
    asked.emit('request');
    const body = isAway ? undefined : bodies[basename(request.url ?? '', '.tar')];
    if (body === undefined) response.writeHead(404).end();
    else if (!isSlow) response.end(body);
    else void pipeline(slowly(body), response).catch(() => undefined);
  });
});

afterEach(async () => {
  await server.close();
  await removeTree(mountedAt);
  await place.remove();
});

async function* slowly(body: Buffer): AsyncGenerator<Buffer> {
  for (let part = 0; part < 10; part += 1) {
    yield body.subarray((body.length * part) / 10, (body.length * (part + 1)) / 10);
    await sleep(20);
  }
}

interface Limit {
  readonly bytes: number;
  readonly needed?: readonly string[];
}

function options(name: string, limit: Limit | undefined, more: object = {}): object {
  const allowance = limit && { bytes: limit.bytes, needed: limit.needed ?? [], gatheredAtMs: Date.now() };
  return { source: { http: { url: `${server.url}/${name}.tar` } }, storage: { claim: 'copies', mountedAt, allowance }, ...more };
}

/** What a resolve Job of its own comes to. */
async function run(json: object) {
  jobs += 1;
  const terminationLog = join(place.folder, `said-${jobs}`);
  await runResolve(parseResolveOptions(JSON.stringify(json)), { ...place.io, terminationLog });
  const said = decodeTermination(await readFile(terminationLog, 'utf8'));
  if (!said.ok) throw new Error(said.problem);
  return said.value;
}

const resolve = (name: string, limit?: Limit, more: object = {}) => run(options(name, limit, more));

function context(): TransferContext {
  const { log, now, random } = place.io;
  const signal = new AbortController().signal;
  return { limits: DEFAULT_LIMITS, timeouts: DEFAULT_TIMEOUTS, signal, log, now, random, environment: {}, lookup, spool: place.folder };
}

function startJob(json: object): ChildProcess {
  const script = join(import.meta.dirname, 'runJob.ts');
  return spawn(process.execPath, [script, 'resolve', JSON.stringify(json), join(place.folder, 'other-log')], { stdio: 'ignore' });
}

/** Makes copies, the first of them used the longest time ago: four hours, three, two … */
async function hold(...names: string[]): Promise<void> {
  for (const [i, name] of names.entries()) {
    expect((await resolve(name)).kind).toBe('resolved');
    await age(hex(name), (4 - i) * HOUR_MS);
  }
}

async function age(entry: string, ms: number): Promise<void> {
  const then = (Date.now() - ms) / 1000;
  await utimes(inClaim(entry), then, then);
}

/** The names of the models of which there are copies, each of which is whole. */
async function held(): Promise<string> {
  const names = Object.keys(MODELS);
  const found = await Promise.all(names.map(async (name) => ({ name, files: await hashTree(inClaim(hex(name))) })));
  const there = found.filter(({ files }) => files !== undefined);
  for (const { name, files } of there) expect([name, modelDigest(files ?? [])]).toEqual([name, digest(name)]);
  return there.map(({ name }) => name).join('');
}

/** Everything in the folder. */
async function entries(): Promise<readonly string[]> {
  return (await readdir(inClaim())).sort();
}

const withSums = (names: string): readonly string[] => Array.from(names).flatMap((name) => [hex(name), `${hex(name)}.SHA256SUMS`]).sort();

jest.setTimeout(60_000);

describe('a Job that fills a claim with a limit', () => {
  test('removes nothing while everything fits, to the byte', async () => {
    await hold('a', 'b');
    expect((await resolve('c', { bytes: 3_000_000 })).kind).toBe('resolved');
    expect(await held()).toBe('abc');
  });

  test('removes the least recently used copy that nobody needs, and no more than has to go', async () => {
    await hold('a', 'b', 'c');
    expect((await resolve('d', { bytes: 3_000_000 })).kind).toBe('resolved');
    expect(await held()).toBe('bcd');
    expect(await entries()).toEqual(withSums('bcd'));
    expect(place.lines.join('\n')).toContain(`removed the copy ${digest('a')} (1000000 bytes, last used `);
  });

  test('leaves alone what it was told to, and what somebody else has put there', async () => {
    await hold('a', 'b', 'c');
    await mkdir(inClaim('of-somebody-else'));
    await writeFile(inClaim('of-somebody-else', 'x'), Buffer.alloc(5_000_000));
    await age('of-somebody-else', 9 * HOUR_MS);
    expect((await resolve('d', { bytes: 3_000_000, needed: [digest('a'), digest('b')] })).kind).toBe('resolved');
    expect(await held()).toBe('abd');
    expect(await entries()).toEqual([...withSums('abd'), 'of-somebody-else'].sort());
  });

  test('counts a copy as used that a Job has found whole', async () => {
    await hold('a', 'b', 'c');
    isAway = true;
    expect((await resolve('a', undefined, { digest: digest('a') })).kind).toBe('resolved');
    isAway = false;
    expect((await resolve('d', { bytes: 3_000_000 })).kind).toBe('resolved');
    expect(await held()).toBe('acd');
  });

  test.each([
    ['all are needed', ['a', 'b', 'c'], 0, '3 of them are of ModelVersions in this namespace, and without'],
    ['one is needed and two are recent', ['b'], HOUR_MS - 60_000, '1 of them are of ModelVersions in this namespace, 2 were made or used'],
  ])('removes nothing and says what to do when there is no room: %s', async (_what, needed, ageMs, words) => {
    await hold('a', 'b', 'c');
    if (ageMs > 0) for (const name of ['a', 'b', 'c']) await age(hex(name), ageMs);
    const said = await resolve('d', { bytes: 3_999_999, needed: needed.map(digest) }, { digest: digest('d') });
    expect(said).toMatchObject({ kind: 'failed', failure: { reason: 'StorageFailed', retryable: false } });
    const message = said.kind === 'failed' ? said.failure.message : '';
    expect(message).toContain('does not fit into claim copies: spec.storage.limit is 3999999 bytes, and the claim holds 3 copies with 3000000 bytes');
    expect(message).toContain(words);
    expect(message).toContain('Delete ModelVersions that are not needed any more, raise spec.storage.limit, or name another claim.');
    expect(await held()).toBe('abc');
    expect(await entries()).toEqual(withSums('abc'));
  });

  test('removes nothing when it was not told who needs what', async () => {
    await hold('a');
    const allowance = { bytes: 1_500_000, gatheredAtMs: Date.now() };
    const said = await run({ ...options('b', undefined), storage: { claim: 'copies', mountedAt, allowance } });
    expect(said.kind === 'failed' && said.failure.message).toContain('None is removed, since more than 500 versions');
    expect(await held()).toBe('a');
  });

  test('refuses one that alone is larger, before it has written more than that', async () => {
    let most = 0;
    isSlow = true;
    const over = new AbortController();
    const looking = (async () => {
      while (!over.signal.aborted) most = Math.max(most, await bytesOfPartials());
    })();
    const said = await resolve('a', { bytes: 500_000 });
    over.abort();
    await looking;
    expect(said).toMatchObject({ kind: 'failed', failure: { reason: 'StorageFailed' } });
    expect(most).toBeGreaterThan(100_000);
    expect(most).toBeLessThanOrEqual(500_000);
    expect(await entries()).toEqual([]);
  });

  test('removes nothing for files of which there is a copy, though it learns only by reading that they are the same', async () => {
    await hold('a', 'b');
    expect((await resolve('b', { bytes: 3_000_000 })).kind).toBe('resolved');
    expect((await resolve('b', { bytes: 2_999_999, needed: [digest('a'), digest('b')] })).kind).toBe('failed');
    expect(await entries()).toEqual(withSums('ab'));
    expect((await resolve('b', { bytes: 1 }, { digest: digest('b') })).kind).toBe('resolved');
    expect(await entries()).toEqual(withSums('ab'));
  });

  test('puts a right copy in the place of a wrong one, for which there would be no room beside it', async () => {
    await hold('a');
    await chmod(inClaim(hex('a'), 'data/100.bin'), 0o644);
    await writeFile(inClaim(hex('a'), 'data/100.bin'), 'other');
    const limit = { bytes: 1_000_000, needed: [digest('a')] };
    expect((await resolve('a', limit, { digest: digest('a') })).kind).toBe('resolved');
    expect(await held()).toBe('a');
  });
});

describe('removing', () => {
  test('leaves whole copies or none, whenever the Job is killed, and the next one finishes', async () => {
    await mkdir(inClaim(), { recursive: true });
    const seen: string[] = [];
    for (let round = 0; round < 6; round += 1) {
      isSlow = false;
      await hold('a', 'b', 'c');
      isSlow = true;
      const removing = firstDiscarded();
      const job = startJob(options('d', { bytes: 2_000_000 }));
      const ended = once(job, 'exit');
      await once(asked, 'request');
      // Half of them in the middle of removing, the others at any time.
      await Promise.race([ended, round % 2 === 0 ? removing : sleep(Math.random() * 500)]);
      job.kill('SIGKILL');
      await ended;
      seen.push(await held());
      await removeTree(inClaim(hex('d')));
      for (const name of (await entries()).filter((entry) => entry.startsWith('.partial'))) await age(name, HOUR_MS);
    }
    expect(seen.some((names) => names !== 'abc' && !names.includes('d'))).toBe(true);
    await hold('a', 'b', 'c');
    expect((await resolve('d', { bytes: 2_000_000 })).kind).toBe('resolved');
    expect(await held()).toBe('cd');
    expect((await entries()).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('leaves a copy that is marked as used in the last moment before it goes', async () => {
    await hold('a', 'b');
    const allowance = {
      bytes: 1_000_000,
      gatheredAtMs: Date.now(),
      // Asked for after everything was added up, and before anything goes.
      get needed() {
        utimesSync(inClaim(hex('a')), Date.now() / 1000, Date.now() / 1000);
        return [];
      },
    };
    expect(await roomFor({ claim: 'copies', mountedAt, allowance }, 'none', context()).fits()).toEqual({ ok: true, value: 0 });
    expect(await held()).toBe('a');
  });

  test('never takes away a copy that another Job says it has found', async () => {
    const found = new Set<string>();
    for (let round = 0; round < 12; round += 1) {
      await removeTree(inClaim());
      await hold('a', 'b');
      isSlow = true;
      const looking = sleep(Math.random() * 200).then(() => resolve('gone', undefined, { digest: digest('a') }));
      const [filled, said] = await Promise.all([resolve('c', { bytes: 2_500_000 }), looking]);
      isSlow = false;
      // Who looks just when it is moved away and back again may not find it whole; it is there the next time.
      expect([filled.kind, await held()]).toEqual(['resolved', said.kind === 'resolved' ? 'ac' : expect.stringMatching(/^[ab]c$/)]);
      found.add(said.kind);
    }
    expect(found).toContain('resolved');
  });

  test('keeps Jobs that fill at once within the limit together, and one of them gets through', async () => {
    isSlow = true;
    for (let round = 0; round < 3; round += 1) {
      await removeTree(inClaim());
      const said = await Promise.all(['a', 'b', 'c', 'd'].map((name) => resolve(name, { bytes: 2_500_000 })));
      const there = await held();
      expect([1, 2]).toContain(there.length);
      expect(said.filter(({ kind }) => kind === 'resolved')).toHaveLength(there.length);
    }
  });

  test('lets a pod that reads the copy meanwhile have the right bytes, from there or from the source', async () => {
    const from = new Set<string>();
    for (let round = 0; round < 8; round += 1) {
      await removeTree(inClaim());
      await hold('a');
      const to = join(place.folder, `pod-${round}`);
      await mkdir(to);
      const job = { ...options('a', undefined), digest: digest('a'), model: 'm', version: '1', preset: 'custom', to };
      const lines: string[] = [];
      const io = { ...place.io, log: (line: string) => lines.push(line), terminationLog: join(place.folder, `pod-said-${round}`) };
      const fetching = sleep(Math.random() * 60).then(() => runFetch(parseFetchOptions(JSON.stringify(job)), io));
      const [filled, code] = await Promise.all([resolve('b', { bytes: 1_000_000 }), fetching]);
      expect([filled.kind, code]).toEqual(['resolved', 0]);
      expect(modelDigest((await hashTree(join(to, 'model'))) ?? [])).toBe(digest('a'));
      from.add(lines.some((line) => line.includes('from pvc://copies/')) ? 'copy' : 'source');
      await removeTree(to);
    }
    expect(from.size).toBeGreaterThan(0);
  });
});

/** Resolves when something is put away in the claim. */
function firstDiscarded(): Promise<void> {
  return new Promise((done) => {
    const watcher = watch(inClaim(), (_event, name) => {
      if (name?.startsWith('.discarded-') !== true) return;
      watcher.close();
      done();
    });
    watcher.unref();
  });
}

async function bytesOfPartials(): Promise<number> {
  const all = await readdir(mountedAt, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = all.filter((entry) => entry.isFile() && entry.parentPath.includes('.partial-'));
  const sizes = files.map((entry) => stat(join(entry.parentPath, entry.name)).then(({ size }) => size, () => 0));
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
