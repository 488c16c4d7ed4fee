// Running a program to its end.
import { spawn } from 'node:child_process';
import { ClusterError } from './failure.ts';

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Text for standard input. */
  readonly input?: string;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program and gives its exit code and output; throws a ClusterError only when it cannot be started. */
export async function attempt(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [program = '', ...rest] = argv;
  return await new Promise((resolve, reject) => {
    const child = spawn(program, rest, { cwd: options.cwd, env: options.env, stdio: 'pipe' });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    child.on('error', (error) =>
      reject(new ClusterError(`Cannot run ${program} (${error.message}): install it, then run the same command again.`)),
    );
    child.on('close', (code) => resolve({ code: code ?? 1, ...output }));
    // a program that ends without reading its input is judged by its exit code
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** Runs a program and gives its standard output; a failure is a ClusterError with the last line that the program wrote. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await attempt(argv, options);
  if (result.code !== 0) {
    throw new ClusterError(
      `\`${argv.slice(0, 4).join(' ')} ...\` failed with exit code ${result.code}: ${lastLine(result.stderr || result.stdout)}`,
    );
  }
  return result.stdout;
}

/** Last line of a text that is not empty. */
export function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1)?.trim() || '(no output)';
}
