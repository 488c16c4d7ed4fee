// Runs the stages of `npm test`, or of one part of it, and sums them up.
//
// Usage: node deploy/local/launch.mjs test/run.ts COMMAND [--stage-timeout MINUTES] [--keep] [TEXT ...]
//   COMMAND          lint | unit | component | e2e | long | all
//   --stage-timeout  the longest that any stage may take, instead of each stage's own limit
//   --keep           leave the cluster up after end-to-end tests
//   TEXT             run only test files whose path contains it
// A stage that fails does not stop the next, except that nothing end-to-end runs without its cluster. The last line of the output
// is `N passed, N failed`; the exit code is 1 if anything failed or nothing passed, 130 after Ctrl-C.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runChild } from './runner/children.ts';
import { countCheck, countJest, exitCode, renderSummary, type Counts, type JestReport } from './runner/outcomes.ts';
import { runStages } from './runner/sequence.ts';
import { COMMANDS, jestArguments, stagesOf, type Command, type Stage, type StageOptions } from './runner/stages.ts';

const root = resolve(import.meta.dirname, '..');

async function main(): Promise<void> {
  const { command, options } = readArguments(process.argv.slice(2));
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!interrupt.signal.aborted) process.stderr.write(`\n${signal}: ending what runs, then taking everything down.\n`);
      interrupt.abort();
    });
  }
  const outcomes = await runStages(stagesOf(command, options, root), runStage, interrupt.signal);
  process.stdout.write(`\n${renderSummary(outcomes)}\n`);
  process.exitCode = interrupt.signal.aborted ? 130 : exitCode(outcomes);
}

function readArguments(argv: readonly string[]): { readonly command: Command; readonly options: StageOptions } {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: { 'stage-timeout': { type: 'string' }, keep: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const [name, ...filters] = positionals;
  const command = COMMANDS.find((known) => known === name);
  if (command === undefined) throw new Error(`Unknown command ${name ?? '(none)'}: say one of ${COMMANDS.join(', ')}.`);
  const limitMinutes = values['stage-timeout'] === undefined ? undefined : Number(values['stage-timeout']);
  if (limitMinutes !== undefined && !(limitMinutes > 0)) {
    throw new Error(`--stage-timeout is ${values['stage-timeout'] ?? ''}: give a number of minutes above 0.`);
  }
  return { command, options: { filters, keep: values.keep, limitMinutes } };
}

async function runStage(stage: Stage, interrupt: AbortSignal): Promise<Counts> {
  process.stdout.write(`\n== ${stage.name}\n`);
  const options = { cwd: root, limitMs: stage.limitMinutes * 60_000, interrupt };
  if (stage.kind === 'check') return countCheck(await runChild(stage.arguments, options));
  // jest would take no file for all files.
  if (stage.files.length === 0) return { passed: 0, failed: 1, note: 'no test file' };
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-test-'));
  try {
    const reportFile = join(folder, 'report.json');
    const end = await runChild(jestArguments(stage, reportFile), options);
    return countJest(end, readReport(reportFile));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Undefined if jest has not come so far as to write it. */
function readReport(file: string): JestReport | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as JestReport;
  } catch {
    return undefined;
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
