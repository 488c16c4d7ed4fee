import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { judgeLock, parseLock, releaseLock, takeLock, type Lock } from '../../../deploy/local/cluster/lock.ts';
import { end, launch, startTimeOf } from '../../../deploy/local/cluster/processes.ts';

const lock: Lock = { pid: 12, startTime: '34', folder: '/first', busy: false };
const yes = (): boolean => true;
const no = (): boolean => false;
const nobody = (): undefined => undefined;

describe('judging a lock', () => {
  test('without a lock the machine is free', () => {
    expect(judgeLock(undefined, '/second', yes, nobody)).toEqual({ kind: 'free' });
  });

  test('another cluster is refused with its pid and folder', () => {
    expect(judgeLock(lock, '/second', yes, nobody)).toEqual({ kind: 'refused', pid: 12, folder: '/first' });
  });

  test('a lock whose process was killed still holds while another process of that cluster runs', () => {
    const witness = (folder: string) => (folder === '/first' ? { pid: 99, startTime: '1' } : undefined);
    expect(judgeLock(lock, '/second', no, witness)).toEqual({ kind: 'refused', pid: 99, folder: '/first' });
  });

  test('a lock of which nothing runs any more is stale', () => {
    expect(judgeLock(lock, '/second', no, nobody)).toEqual({ kind: 'free' });
  });

  test('the same cluster may go on, unless another command is changing it', () => {
    expect(judgeLock(lock, '/first', yes, nobody)).toEqual({ kind: 'free' });
    expect(judgeLock({ ...lock, busy: true }, '/first', yes, nobody)).toEqual({ kind: 'wait', pid: 12 });
    expect(judgeLock({ ...lock, busy: true }, '/first', no, nobody)).toEqual({ kind: 'free' });
  });

  test.each(['', '{', '[]', '{"pid": 1}', '{"pid": "1", "startTime": "2", "folder": "/x", "busy": false}'])(
    'a damaged lock is none: %s',
    (text) => {
      expect(parseLock(text)).toBeUndefined();
    },
  );
});

describe('taking the lock', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'plimsoll-lock-'));
    path = join(folder, 'lock.json');
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const read = (): Lock | undefined => parseLock(readFileSync(path, 'utf8'));
  const silent = (): undefined => undefined;

  test('it names this process while the command works, and a process of the cluster afterwards', async () => {
    const state = join(folder, 'state');
    await takeLock(path, state, silent);
    expect(read()).toEqual({ pid: process.pid, startTime: startTimeOf(process.pid), folder: state, busy: true });
    const record = await launch(state, 'etcd', ['/bin/sleep', '60'], {}, 'f');
    releaseLock(path, state);
    expect(read()).toEqual({ pid: record.pid, startTime: record.startTime, folder: state, busy: false });
    await expect(takeLock(path, join(folder, 'other'), silent)).rejects.toThrow(`pid ${record.pid}, state folder ${state}`);
    await end(state, 'etcd', 5);
    releaseLock(path, state);
    expect(readdirSync(folder)).toEqual(['state']);
  });

  test('a stale lock is taken over and leaves no file behind', async () => {
    writeFileSync(path, JSON.stringify({ pid: 2 ** 22 + 1, startTime: '1', folder: join(folder, 'gone'), busy: true }));
    await takeLock(path, join(folder, 'state'), silent);
    expect(read()?.pid).toBe(process.pid);
    expect(readdirSync(folder)).toEqual(['lock.json']);
  });

  test('a damaged lock file is taken over', async () => {
    writeFileSync(path, 'half a li');
    await takeLock(path, join(folder, 'state'), silent);
    expect(read()?.pid).toBe(process.pid);
  });
});
