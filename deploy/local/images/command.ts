// Runs the programs that the builders need (mmdebstrap, pip, go, tsc) and says what went wrong in their own words.
import { spawn } from 'node:child_process';

/** How to run a program. Output is kept, not shown: it is of interest only when the program fails. */
export interface RunOptions {
  readonly cwd?: string;
  /** Added to the environment; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Standard output of a program that ends with code 0.
 * Throws an error with the command and the last 30 lines that it printed otherwise.
 */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
  });
  const stdout: Buffer[] = [];
  const all: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => { stdout.push(chunk); all.push(chunk); });
  child.stderr.on('data', (chunk: Buffer) => all.push(chunk));
  const code = await new Promise<number | string>((resolve, reject) => {
    child.on('error', (error) => reject(new Error(`Cannot run ${program}: ${error.message}. Is it installed?`, { cause: error })));
    child.on('close', (exit, signal) => resolve(exit ?? signal ?? 'unknown'));
  });
  if (code !== 0) {
    const tail = Buffer.concat(all).toString().trimEnd().split('\n').slice(-30).join('\n');
    throw new Error(`\`${program} ${args.join(' ')}\` ended with ${code}:\n${tail}`);
  }
  return Buffer.concat(stdout).toString();
}
