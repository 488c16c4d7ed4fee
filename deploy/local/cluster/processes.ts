// Processes on the host. A record holds pid and start time, so a re-used pid is never taken for ours.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, readlinkSync, renameSync, rmSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readIfPresent, writeIfChanged } from './configuration.ts';

export interface ProcessId {
  readonly pid: number;
  /** Clock ticks from boot to the process's start. */
  readonly startTime: string;
}

export interface ProcessRecord extends ProcessId {
  /** Changes with the command and with the files that the process reads only when it starts. */
  readonly fingerprint: string;
}

const LARGEST_LOG = 50_000_000;

/** Start time in the text of /proc/PID/stat; nothing for a zombie, which has ended already. */
export function parseStartTime(stat: string): string | undefined {
  // the name of the program, in parentheses, may hold spaces and parentheses itself
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? undefined : rest[18];
}

/** Start time of a process, or nothing when there is none. */
export function startTimeOf(pid: number): string | undefined {
  try {
    return parseStartTime(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Whether exactly this process is running. */
export function isRunning(id: ProcessId): boolean {
  return startTimeOf(id.pid) === id.startTime;
}

const recordPath = (state: string, name: string): string => join(state, 'pids', name);

/** Log file of a process. */
export function logPath(state: string, name: string): string {
  return join(state, 'logs', `${name}.log`);
}

/** The record of a process that runs, or nothing. */
export function runningProcess(state: string, name: string): ProcessRecord | undefined {
  const text = readIfPresent(recordPath(state, name));
  if (text === undefined) return undefined;
  const record = parseRecord(text);
  return record !== undefined && isRunning(record) ? record : undefined;
}

/** A record as it stands in its file; nothing when the file is damaged. */
export function parseRecord(text: string): ProcessRecord | undefined {
  const match = /^(\d+) (\d+) (\S+)\n?$/.exec(text);
  return match === null ? undefined : { pid: Number(match[1]), startTime: match[2]!, fingerprint: match[3]! };
}

/** Names of all processes with a record, running or not. */
export function recordedProcesses(state: string): readonly string[] {
  try {
    return readdirSync(join(state, 'pids')).filter((name) => !name.endsWith('.new'));
  } catch {
    return [];
  }
}

/** Starts a process in a session of its own and records it. Its output is appended to its log. */
export async function launch(
  state: string, name: string, argv: readonly string[], env: Readonly<Record<string, string>>, fingerprint: string,
): Promise<ProcessRecord> {
  mkdirSync(join(state, 'pids'), { recursive: true });
  mkdirSync(join(state, 'logs'), { recursive: true });
  const log = openLog(logPath(state, name));
  const [program = '', ...rest] = argv;
  const child = spawn(program, rest, { detached: true, stdio: ['ignore', log, log], env });
  closeSync(log);
  await once(child, 'spawn');
  child.unref();
  const pid = child.pid!;
  // a process that has ended at once gets a start time that no process has
  const record = { pid, startTime: startTimeOf(pid) ?? '0', fingerprint };
  writeIfChanged(recordPath(state, name), `${pid} ${record.startTime} ${fingerprint}\n`);
  return record;
}

function openLog(path: string): number {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LARGEST_LOG) renameSync(path, `${path}.old`);
  return openSync(path, 'a');
}

/** Ends a recorded process: asks, waits, and after `seconds` kills. Forgets the record. */
export async function end(state: string, name: string, seconds: number): Promise<void> {
  const record = runningProcess(state, name);
  if (record !== undefined) await endProcess(record, seconds);
  rmSync(recordPath(state, name), { force: true });
}

/** Ends exactly this process: asks, waits, and after `seconds` kills. */
export async function endProcess(id: ProcessId, seconds: number): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  signal(id, 'SIGTERM');
  while (isRunning(id) && performance.now() < deadline) await sleep(25);
  signal(id, 'SIGKILL');
  while (isRunning(id)) await sleep(25);
}

function signal(id: ProcessId, name: NodeJS.Signals): void {
  if (!isRunning(id)) return;
  try {
    process.kill(id.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** All processes whose program (absolute path) and arguments satisfy `matches`. */
export function findProcesses(matches: (program: string, argv: readonly string[]) => boolean): readonly ProcessId[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    const startTime = startTimeOf(Number(name));
    if (startTime === undefined) return [];
    try {
      const program = readlinkSync(`/proc/${name}/exe`).replace(/ \(deleted\)$/, '');
      const argv = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      return matches(program, argv) ? [{ pid: Number(name), startTime }] : [];
    } catch {
      // it ended meanwhile, or it is a thread of the kernel, which has no program
      return [];
    }
  });
}
