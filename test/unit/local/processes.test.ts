import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mountsBelow } from '../../../deploy/local/cluster/host.ts';
import { absentFrom } from '../../../deploy/local/cluster/packages.ts';
import {
  end,
  endProcess,
  findProcesses,
  isRunning,
  launch,
  logPath,
  parseRecord,
  parseStartTime,
  runningProcess,
  startTimeOf,
} from '../../../deploy/local/cluster/processes.ts';

const STAT = '3 1 3 3 0 -1 4194560 1 0 0 0 1 2 3 4 20 0 1 0 987654 5 6 7';

describe('start times', () => {
  test('the start time is the 22nd field of the stat file', () => {
    expect(parseStartTime(`4711 (kube) S ${STAT.split(' ').slice(1).join(' ')}`)).toBe('987654');
  });

  test('a name with spaces and parentheses does not shift the fields', () => {
    expect(parseStartTime(`4711 (a) S 1 (b) R ${STAT.split(' ').slice(1).join(' ')}`)).toBe('987654');
  });

  test('a zombie has none', () => {
    expect(parseStartTime(`4711 (kube) Z ${STAT.split(' ').slice(1).join(' ')}`)).toBeUndefined();
  });

  test('a re-used pid is not taken for the process that had it before', () => {
    const startTime = startTimeOf(process.pid)!;
    expect(isRunning({ pid: process.pid, startTime })).toBe(true);
    expect(isRunning({ pid: process.pid, startTime: String(Number(startTime) - 1) })).toBe(false);
  });

  test.each(['', '12', '12 34', 'x 34 abc', '12 34 abc extra'])('a damaged record is none: %j', (text) => {
    expect(parseRecord(text)).toBeUndefined();
  });

  test('a record has pid, start time and fingerprint', () => {
    expect(parseRecord('12 34 abc\n')).toEqual({ pid: 12, startTime: '34', fingerprint: 'abc' });
  });
});

describe('processes', () => {
  let state: string;
  beforeEach(() => void (state = mkdtempSync(join(tmpdir(), 'plimsoll-processes-'))));
  afterEach(() => rmSync(state, { recursive: true }));
  const firstOutput = async (name: string): Promise<string> => {
    for (;;) {
      const output = readFileSync(logPath(state, name), 'utf8');
      if (output !== '') return output;
      await sleep(10);
    }
  };

  test('a launched process is recorded, logged, and ended by name', async () => {
    const record = await launch(
      state,
      'x',
      ['/bin/sh', '-c', 'echo $GREETING; exec sleep 60'],
      { GREETING: 'hello', PATH: '/bin:/usr/bin' },
      'f1',
    );
    expect(runningProcess(state, 'x')).toEqual(record);
    expect(await firstOutput('x')).toBe('hello\n');
    await end(state, 'x', 5);
    expect(isRunning(record)).toBe(false);
    expect(runningProcess(state, 'x')).toBeUndefined();
  });

  test('a process that ignores the request to end is killed when its time is over', async () => {
    const record = await launch(
      state,
      'x',
      ['/bin/sh', '-c', 'trap "" TERM; echo ready; while true; do sleep 0.1; done'],
      { PATH: '/bin:/usr/bin' },
      'f1',
    );
    await firstOutput('x');
    await end(state, 'x', 0.2);
    expect(isRunning(record)).toBe(false);
  });

  test('a record of another process with the same pid ends nothing', async () => {
    const stranger = spawn('sleep', ['60']);
    const startTime = startTimeOf(stranger.pid!)!;
    await endProcess({ pid: stranger.pid!, startTime: `${startTime}0` }, 1);
    expect(startTimeOf(stranger.pid!)).toBe(startTime);
    stranger.kill();
  });

  test('processes are found by program and arguments', async () => {
    const record = await launch(state, 'x', ['/bin/sleep', '61.5'], {}, 'f1');
    const found = findProcesses((program, argv) => program.endsWith('/sleep') && argv.includes('61.5'));
    await end(state, 'x', 5);
    expect(found).toEqual([{ pid: record.pid, startTime: record.startTime }]);
  });
});

describe('the host', () => {
  test('mounts below a folder come deepest first, and those of a neighbour not at all', () => {
    const mounts =
      'a /s/one tmpfs rw 0 0\nb /s/one/two tmpfs rw 0 0\nc /s2/x tmpfs rw 0 0\nd /s tmpfs rw 0 0\ne /s/with\\040space tmpfs rw 0 0\n';
    expect(mountsBelow(mounts, '/s')).toEqual(['/s/with space', '/s/one/two', '/s/one']);
  });

  test('a package counts as there only when it is installed', () => {
    const listing = 'runc installed\njq config-files\nopenssl installed\n';
    expect(absentFrom(listing, ['runc', 'jq', 'openssl', 'conntrack'])).toEqual(['jq', 'conntrack']);
  });
});
