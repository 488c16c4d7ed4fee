import { exec, spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { modelDigest } from '../../../src/core/version/digest.ts';
import { runFetch } from '../../../src/sources/fetch.ts';
import { parseFetchOptions, parseResolveOptions } from '../../../src/sources/options.ts';
import { runResolve } from '../../../src/sources/resolve.ts';
import { hashTree, removeTree } from '../../../src/sources/tree.ts';
import { digestOf, serve, tarOf, workplace } from './fixtures.ts';
import type { TestServer, Workplace } from './fixtures.ts';

const FILES = { 'data/b.bin': Buffer.alloc(300_000, 'b'), 'model.joblib': Buffer.alloc(2_000_000, 'm') };
const DIGEST = digestOf(FILES);
const HEX = DIGEST.slice('sha256:'.length);
const SUMS = `${HEX}.SHA256SUMS`;

let place: Workplace;
let server: TestServer;
let mountedAt: string;
let to: string;
let body: Buffer;
let requests: number;
let isAway: boolean;
let isSlow: boolean;
let together: number;
let asked: EventEmitter;

beforeEach(async () => {
  place = await workplace();
  to = join(place.folder, 'models');
  await mkdir(to);
  // In memory: every file of a copy is synced, which takes seconds on a disk that others keep busy.
  mountedAt = await mkdtemp('/dev/shm/plimsoll-claim-');
  body = await tarOf(Object.entries(FILES).map(([name, content]) => ({ name, content })));
  requests = 0;
  [isAway, isSlow, together] = [false, false, 1];
  asked = new EventEmitter();
  server = await serve((_request, response) => {
    requests += 1;
    asked.emit('request');
    if (isAway) response.writeHead(404).end();
    else if (!isSlow) response.end(body);
    else void pipeline(slowly(), response).catch(() => undefined);
  });
});

afterEach(async () => {
  await server.close();
  await Promise.all([removeTree(mountedAt), removeTree(to)]);
  await place.remove();
});

/** The body over a fifth of a second, so that there is a middle to be killed in; the end only after so many have asked. */
async function* slowly(): AsyncGenerator<Buffer> {
  for (let part = 0; part < 10; part += 1) {
    while (part === 5 && requests < together) await sleep(10);
    yield body.subarray((body.length * part) / 10, (body.length * (part + 1)) / 10);
    await sleep(20);
  }
}

function options(more: object = {}): object {
  return { source: { http: { url: `${server.url}/model.tar` } }, storage: { claim: 'copies', mountedAt }, ...more };
}

async function resolve(more: object = {}) {
  await runResolve(parseResolveOptions(JSON.stringify(options(more))), place.io);
  const termination = await place.termination();
  if (!termination.ok) throw new Error(termination.problem);
  return termination.value;
}

async function fetch(more: object = {}, io = place.io): Promise<number> {
  const job = options({ digest: DIGEST, model: 'm', version: '1', preset: 'custom', to, ...more });
  return runFetch(parseFetchOptions(JSON.stringify(job)), io);
}

/** A fetch container of a pod of its own: nobody else writes its termination message. */
function fetchInto(folder: string): Promise<number> {
  return fetch({ to: folder }, { ...place.io, terminationLog: `${folder}-termination-log` });
}

const inClaim = (...path: string[]): string => join(mountedAt, 'sha256', ...path);

/** What is at the place of the copy: it may be whole or not there, and nothing else. */
async function copyState(): Promise<'whole' | 'absent'> {
  const files = await hashTree(inClaim(HEX));
  if (files === undefined) return 'absent';
  expect(modelDigest(files)).toBe(DIGEST);
  return 'whole';
}

/** A resolve Job as a process of its own. */
function startJob(more: object = {}): ChildProcess {
  const script = join(import.meta.dirname, 'runJob.ts');
  return spawn(process.execPath, [script, 'resolve', JSON.stringify(options(more)), join(place.folder, 'other-log')], { stdio: 'ignore' });
}

describe('a resolve Job with storage', () => {
  test('leaves a whole copy, readable for all and writable for nobody, and its checksums beside it', async () => {
    expect(await resolve()).toMatchObject({ kind: 'resolved', resolved: { digest: DIGEST, uri: `${server.url}/model.tar` } });
    expect(await copyState()).toBe('whole');
    expect((await readdir(inClaim())).sort()).toEqual([HEX, SUMS]);
    const modes = await Promise.all(['', 'data', 'model.joblib'].map(async (path) => (await stat(inClaim(HEX, path))).mode & 0o777));
    expect(modes).toEqual([0o555, 0o555, 0o444]);
    const check = `cd ${HEX} && sha256sum --strict --check ../${SUMS} && sha256sum ../${SUMS}`;
    expect((await promisify(exec)(check, { cwd: inClaim() })).stdout).toContain(`: OK\n${HEX} `);
  });

  test('asks the source for nothing when the digest is known and the copy is there', async () => {
    await resolve();
    isAway = true;
    expect(await resolve({ digest: DIGEST })).toMatchObject({
      kind: 'resolved',
      resolved: { digest: DIGEST, files: 2, uri: `pvc://copies/sha256/${HEX}` },
    });
    expect(requests).toBe(1);
  });

  test('keeps nothing of bytes that are not the stated ones', async () => {
    const stated = `sha256:${'0'.repeat(64)}`;
    expect(await resolve({ digest: stated })).toMatchObject({ kind: 'failed', failure: { reason: 'DigestMismatch' } });
    expect(await readdir(inClaim())).toEqual([]);
  });

  test.each([
    ['a file has other bytes', async () => writeFile(inClaim(HEX, 'model.joblib'), 'other')],
    ['a file is missing', async () => rm(inClaim(HEX, 'data/b.bin'))],
    ['a file is too much', async () => writeFile(inClaim(HEX, 'more'), 'x')],
    ['it is a file', async () => {
      await removeTree(inClaim(HEX));
      await writeFile(inClaim(HEX), 'x');
    }],
  ])('puts a good copy in the place of one of which %s', async (_what, spoil) => {
    await resolve();
    for (const path of ['', 'data', 'model.joblib']) await chmod(inClaim(HEX, path), 0o755);
    await spoil();
    for (const more of [{ digest: DIGEST }, {}]) {
      expect((await resolve(more)).kind).toBe('resolved');
      expect(await copyState()).toBe('whole');
      expect((await readdir(inClaim())).sort()).toEqual([HEX, SUMS]);
    }
  });

  test('removes what a Job that was killed has left, once that cannot live any more', async () => {
    for (const name of ['.partial-dead', '.discarded-dead', '.partial-alive', 'of-somebody-else']) {
      await mkdir(inClaim(name, 'data'), { recursive: true });
      await writeFile(inClaim(name, 'data/x'), 'x');
    }
    const longAgo = Date.now() / 1000 - 16 * 60;
    for (const name of ['.partial-dead', '.discarded-dead', 'of-somebody-else']) await utimes(inClaim(name), longAgo, longAgo);
    await resolve();
    expect((await readdir(inClaim())).sort()).toEqual(['.partial-alive', HEX, SUMS, 'of-somebody-else'].sort());
    expect(place.lines.join()).toContain('removed what an earlier Job has left in claim copies: .partial-dead');
  });

  test('says that the claim cannot be written', async () => {
    const file = join(mountedAt, 'file');
    await writeFile(file, 'where the claim should be');
    const value = await resolve({ storage: { claim: 'copies', mountedAt: file } });
    expect(value).toMatchObject({ kind: 'failed', failure: { reason: 'StorageFailed', retryable: true } });
  });
});

describe('Jobs that are killed or meet each other', () => {
  test('leave a whole copy or none, whenever they are killed, and the next one finishes', async () => {
    isSlow = true;
    const seen: string[] = [];
    for (let round = 0; round < 15; round += 1) {
      await removeTree(inClaim(HEX));
      const job = startJob({ digest: DIGEST });
      const ended = once(job, 'exit');
      await once(asked, 'request');
      // The first in the middle of the download, the others at any time until after they are done.
      await Promise.race([ended, sleep(round === 0 ? 100 : Math.random() * 500)]);
      job.kill('SIGKILL');
      await ended;
      seen.push(await copyState());
    }
    const left = (await readdir(inClaim())).filter((name) => name.startsWith('.'));
    expect([seen[0], left.length > 0]).toEqual(['absent', true]);
    const longAgo = Date.now() / 1000 - 16 * 60;
    for (const name of left) await utimes(inClaim(name), longAgo, longAgo);
    expect((await resolve({ digest: DIGEST })).kind).toBe('resolved');
    expect(await copyState()).toBe('whole');
    expect((await readdir(inClaim())).sort()).toEqual([HEX, SUMS]);
  }, 120_000);

  test('four at once, two of them killed, leave one whole copy, which is never seen in part', async () => {
    [isSlow, together] = [true, 4];
    const jobs = [startJob(), startJob({ digest: DIGEST }), startJob(), startJob()];
    const ends = jobs.map((job) => once(job, 'exit'));
    asked.on('request', () => {
      if (requests === together) jobs.slice(0, 2).forEach((job) => job.kill('SIGKILL'));
    });
    const over = new AbortController();
    const watching = (async () => {
      const states: string[] = [];
      while (!over.signal.aborted) states.push(await copyState());
      return states;
    })();
    const codes = (await Promise.all(ends)).map(([code]) => code as number | null);
    over.abort();
    expect(codes).toEqual([null, null, 0, 0]);
    // Absent, then whole, and never absent again.
    expect([...new Set((await watching).join(' ').match(/absent(?= whole)|whole(?= absent)/g))]).not.toContain('whole');
    expect(await copyState()).toBe('whole');
  }, 60_000);
});

describe('a fetch container with storage', () => {
  test('takes the copy and does not ask the source', async () => {
    await resolve();
    isAway = true;
    expect(await fetch()).toBe(0);
    expect(requests).toBe(1);
    expect(modelDigest((await hashTree(join(to, 'model'))) ?? [])).toBe(DIGEST);
    expect(place.lines.join('\n')).toContain(`from pvc://copies/sha256/${HEX}`);
  });

  test.each([
    ['there is no copy', () => Promise.resolve(), 'claim copies holds no copy of it'],
    [
      'the copy has other bytes',
      async () => {
        await resolve();
        await chmod(inClaim(HEX, 'model.joblib'), 0o644);
        await writeFile(inClaim(HEX, 'model.joblib'), 'other');
      },
      'the copy in claim copies is no good: The bytes are not the recorded ones',
    ],
    [
      'the copy is half removed',
      async () => {
        await resolve();
        await chmod(inClaim(HEX), 0o755);
        await rm(inClaim(HEX, 'model.joblib'));
      },
      'the copy in claim copies is no good',
    ],
  ])('goes on with the source when %s, and says so', async (_what, arrange, words) => {
    await arrange();
    expect(await fetch()).toBe(0);
    expect((await hashTree(join(to, 'model')))?.length).toBe(2);
    const log = place.lines.join('\n');
    expect(log).toContain(words);
    expect(log).toContain(`from ${server.url}/model.tar`);
    expect((await readdir(to)).sort()).toEqual(['SHA256SUMS', 'model']);
  });

  test('brings the right bytes beside others that read, and one that replaces a bad copy meanwhile', async () => {
    await resolve();
    await chmod(inClaim(HEX, 'model.joblib'), 0o644);
    await writeFile(inClaim(HEX, 'model.joblib'), 'other');
    const folders = await Promise.all([0, 1, 2, 3].map((i) => mkdir(join(to, `pod-${i}`)).then(() => join(to, `pod-${i}`))));
    const codes = await Promise.all([resolve({ digest: DIGEST }), ...folders.map(fetchInto)]);
    expect(codes.slice(1)).toEqual([0, 0, 0, 0]);
    for (const folder of folders) expect(modelDigest((await hashTree(join(folder, 'model'))) ?? [])).toBe(DIGEST);
    expect(await copyState()).toBe('whole');
    await Promise.all(folders.map((folder) => removeTree(folder)));
  });

  test('says both when there is neither', async () => {
    isAway = true;
    expect(await fetch()).toBe(1);
    const termination = await place.termination();
    const message = termination.ok && termination.value.kind === 'failed' ? termination.value.failure.message : '';
    expect(message).toContain('answered 404');
    expect(message).toContain('And claim copies holds no copy of it');
    expect(await readdir(to)).toEqual([]);
  });
});
