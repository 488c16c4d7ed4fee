// The demo as a person starts it, with kubectl of the local cluster in the PATH.
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { stateFolder } from '../../deploy/local/cluster/index.ts';

const MAIN = resolve(import.meta.dirname, '../../deploy/local/demo/main.ts');

export interface DemoResult {
  readonly code: number | null;
  readonly output: string;
}

/** Runs it to its end; with `interruptAt` presses Ctrl-C, as a signal to it alone, once its output has that. */
export async function runDemo(args: readonly string[], interruptAt?: RegExp): Promise<DemoResult> {
  const env = { ...process.env, PATH: `${join(stateFolder(), 'bin')}:${process.env['PATH'] ?? ''}` };
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let interrupted = false;
  const hear = (text: string): void => {
    output += text;
    if (interrupted || interruptAt?.test(output) !== true) return;
    interrupted = true;
    child.kill('SIGINT');
  };
  child.stdout.setEncoding('utf8').on('data', hear);
  child.stderr.setEncoding('utf8').on('data', hear);
  const code = await new Promise<number | null>((done, fail) => {
    child.on('error', fail);
    child.on('close', done);
  });
  return { code, output };
}
