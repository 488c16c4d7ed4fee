// Runs the program `git`, which packs, unpacks and reads repositories, and nothing else: it opens no connection, runs no hook and no other
// program, and sees no configuration but the one here. What comes from a server reaches it through a wire of ours (see wire.ts).

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Duplex, Readable, Writable } from 'node:stream';

import { finalFailure, passingFailure } from '../../core/version/failure.ts';
import { cleanText } from '../../core/version/text.ts';
import { codeOf, errorOf, SourceError } from '../error.ts';
import { interrupted } from '../request.ts';
import type { SourceContext } from '../source.ts';
import type { Wire } from './wire.ts';

/** All that the program knows of the world around it. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_NO_LAZY_FETCH: '1',
  GIT_ALLOW_PROTOCOL: 'fd',
};

/** Files above this many bytes are never held in memory as a whole, and are fetched one by one. */
export const BIG_FILE_BYTES = 1024 ** 2;

const SETTINGS = [
  // Descriptor 3 is the wire.
  'remote.origin.url=fd::3',
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  `core.bigFileThreshold=${BIG_FILE_BYTES}`,
  'core.packedGitWindowSize=16m',
  'core.packedGitLimit=64m',
  'core.deltaBaseCacheLimit=16m',
  'pack.threads=1',
  'gc.auto=0',
  'maintenance.auto=false',
  // Small packs are kept as packs: files of any size would be unpacked in memory.
  'transfer.unpackLimit=1',
  'fetch.negotiationAlgorithm=noop',
  // For the server's side, where it is ours (file://).
  'safe.directory=*',
  'uploadpack.allowFilter=true',
  'uploadpack.allowAnySHA1InWant=true',
];

export interface GitRun {
  readonly arguments: readonly string[];
  /** A bare repository; without it the command needs none. */
  readonly repository?: string;
  readonly input?: string;
  readonly wire?: Wire;
}

/** Arguments and environment of a run, for `git` itself. */
export function gitCommand({ arguments: rest, repository }: GitRun, folder: string): Command {
  const settings = SETTINGS.flatMap((setting) => ['-c', setting]);
  const env = { ...ENVIRONMENT, HOME: folder, TMPDIR: folder, GIT_DIR: repository ?? '/dev/null' };
  return { program: 'git', arguments: [...settings, ...rest], env, folder };
}

export interface Command {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
}

/** A program at work. `output` has to be read to its end; `ended` settles after it, and never fails. */
export interface Running {
  readonly input: Writable;
  readonly output: Readable;
  /** Descriptor 3, where one was asked for. */
  readonly line: Duplex | undefined;
  readonly ended: Promise<Ended>;
  /** Settles before `ended`: what it wrote may still have to be read. */
  readonly exited: Promise<void>;
  /** Ends it and what it has started. */
  readonly kill: () => void;
  /** Hears of every line that it says about itself. */
  readonly said: Readable;
}

export interface Ended {
  readonly code: number;
  /** The last of what it said about itself. */
  readonly words: string;
}

const MOST_WORDS = 8192;

/** Starts a program without a shell, in a process group of its own that ends with `signal`. */
export function start(command: Command, signal: AbortSignal, hasLine = false): Running {
  const child = spawn(command.program, command.arguments, {
    cwd: command.folder,
    env: command.env,
    stdio: ['pipe', 'pipe', 'pipe', ...(hasLine ? (['pipe'] as const) : [])],
    detached: true,
  });
  const kill = (): void => endGroup(child);
  signal.addEventListener('abort', kill, { once: true });
  if (signal.aborted) kill();
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words = `${words}${chunk.toString('utf8')}`.slice(-MOST_WORDS);
  });
  // Whoever goes away early says why in its own words.
  child.stdin.on('error', () => undefined);
  const line = hasLine ? (child.stdio[3] as Duplex) : undefined;
  if (line) {
    line.allowHalfOpen = true;
    line.on('error', () => undefined);
  }
  const ended = new Promise<Ended>((resolve) => {
    child.on('error', (error) => resolve({ code: -1, words: `${command.program} could not be started (${codeOf(error)})` }));
    child.on('close', (code) => resolve({ code: code ?? -1, words }));
  });
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
  void exited.then(() => signal.removeEventListener('abort', kill));
  return { input: child.stdin, output: child.stdout, said: child.stderr, line, ended, exited, kill };
}

function endGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

/** Starts `git`; a wire given is led to it, and its failure is what `wired` fails with. */
export function startGit(run: GitRun, folder: string, context: SourceContext): Running & { readonly wired: Promise<void> } {
  const { wire, input = '' } = run;
  const running = start(gitCommand(run, folder), context.signal, wire !== undefined);
  running.input.end(input);
  const wired = wire === undefined || running.line === undefined ? Promise.resolve() : lead(wire, running.line, running, context);
  // Whoever waits for the program's end hears of it there.
  wired.catch(() => running.kill());
  return { ...running, wired };
}

/** Leads what the program writes through the wire, and what comes back to the program, until one of them ends. */
async function lead(wire: Wire, line: Duplex, running: Running, context: SourceContext): Promise<void> {
  const { limits, timeouts } = context;
  const stop = new AbortController();
  // Ends both the wire that waits for a server and the one that waits for the program.
  stop.signal.addEventListener('abort', () => line.destroy());
  const idle = setTimeout(() => stop.abort(errorOf(silent(timeouts.idleMs))), timeouts.idleMs);
  const stirs = (): void => {
    idle.refresh();
  };
  running.said.on('data', stirs);
  void running.exited.then(() => stop.abort());
  let bytes = 0;
  try {
    for await (const chunk of wire(requests(line, stirs), { ...context, signal: AbortSignal.any([context.signal, stop.signal]) })) {
      stirs();
      bytes += chunk.length;
      if (bytes > limits.bytes) throw errorOf(tooLarge(limits.bytes));
      if (!line.writable) break;
      if (!line.write(chunk)) await drained(line);
    }
    line.end();
  } catch (error) {
    // Once it is to stop, it stops with any error.
    if (!stop.signal.aborted) throw error;
  } finally {
    clearTimeout(idle);
  }
  // Without a reason of ours the program has gone first, and knows why.
  if (stop.signal.reason instanceof SourceError) throw stop.signal.reason;
}

/** What the program writes until it closes the line, or goes away: then its end tells more than the line's. */
async function* requests(line: Duplex, stirs: () => void): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const chunk of line.iterator({ destroyOnReturn: false })) {
      stirs();
      yield chunk as Buffer;
    }
  } catch (error) {
    if (!line.destroyed) throw error;
  }
}

/** Waits until more may be written, or nothing any more. */
function drained(line: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      line.off('drain', done).off('close', done);
      resolve();
    };
    line.on('drain', done).on('close', done);
  });
}

/** Runs `git` to its end and gives what it wrote, at most `most` bytes of it. Throws a SourceError for whatever the wire met. */
export async function runGit(
  run: GitRun,
  most: number,
  folder: string,
  context: SourceContext,
): Promise<Ended & { readonly output: Buffer }> {
  const running = startGit(run, folder, context);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of running.output) {
    bytes += (chunk as Buffer).length;
    if (bytes <= most) chunks.push(chunk as Buffer);
    else running.kill();
  }
  const ended = await running.ended;
  await running.wired;
  if (context.signal.aborted) throw errorOf(interrupted(context.signal));
  if (bytes > most) throw errorOf(finalFailure('TooLarge', `What git says of the repository has more than ${most} bytes.`));
  return { ...ended, output: Buffer.concat(chunks) };
}

/** The line in which a program first says what is wrong, for people; undefined when it said nothing. */
export function cause(words: string): string | undefined {
  const lines = words.split(/[\r\n]+/).map((line) => line.trim());
  const said = lines.find((line) => /^(fatal|error|ssh|ERROR)\b/.test(line)) ?? lines.findLast((line) => line !== '');
  return said === undefined ? undefined : cleanText(said, 300);
}

function silent(milliseconds: number): ReturnType<typeof passingFailure> {
  return passingFailure('SourceUnreachable', `The Git server has sent nothing for ${milliseconds / 1000} s.`);
}

function tooLarge(bytes: number): ReturnType<typeof finalFailure> {
  return finalFailure('TooLarge', `The Git server sent more than ${bytes} bytes. If it is meant, raise limits.bytes.`);
}
