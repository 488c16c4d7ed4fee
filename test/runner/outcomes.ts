// What a stage came to, and the summary of all of them. Nothing here runs anything.
import type { ChildEnd } from './children.ts';

export interface Outcome {
  readonly stage: string;
  readonly passed: number;
  readonly failed: number;
  readonly minutes: number;
  /** What the counts do not say. */
  readonly note?: string | undefined;
}

export type Counts = Pick<Outcome, 'passed' | 'failed' | 'note'>;

/** The part of jest's `--json` report that is read. */
export interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  /** Files that could not be run at all: their tests are in none of the other numbers. */
  readonly numRuntimeErrorTestSuites: number;
}

/** A stage that is no jest run counts as one check. */
export function countCheck(end: ChildEnd): Counts {
  return end.code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1, note: describeEnd(end) };
}

/**
 * Counts a jest run exactly. Beside failed tests these count as one failure each: a file that could not be run, no report, a run
 * that was ended from outside, a run that failed though all its tests passed, and a run without any test.
 */
export function countJest(end: ChildEnd, report: JestReport | undefined): Counts {
  if (report === undefined) return { passed: 0, failed: 1, note: `no report; ${describeEnd(end)}` };
  const passed = report.numPassedTests;
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  const skipped = report.numPendingTests > 0 ? `${report.numPendingTests} skipped` : undefined;
  if (end.code !== 0 && (failed === 0 || end.code === undefined)) {
    return { passed, failed: failed + 1, note: join(describeEnd(end), skipped) };
  }
  if (passed + failed === 0) return { passed, failed: 1, note: join('no test ran', skipped) };
  return { passed, failed, note: skipped };
}

/** How a process ended, in words for the summary. */
export function describeEnd(end: ChildEnd): string {
  switch (end.endedBy) {
    case 'limit':
      return 'ended at its time limit';
    case 'interrupt':
      return 'interrupted';
    case undefined:
      return end.code === undefined ? `ended by ${end.signal ?? 'a signal'}` : `exit code ${end.code}`;
  }
}

/** The table of stages, and below it, as the last line, exactly `N passed, N failed`. */
export function renderSummary(outcomes: readonly Outcome[]): string {
  const { passed, failed } = total(outcomes);
  const minutes = outcomes.reduce((sum, outcome) => sum + outcome.minutes, 0);
  const all: readonly Outcome[] = [...outcomes, { stage: 'total', passed, failed, minutes }];
  const width = Math.max(...all.map(({ stage }) => stage.length));
  const line = (stage: string, cells: readonly (string | number)[], note = ''): string =>
    `${stage.padEnd(width)}  ${cells.map((cell) => String(cell).padStart(7)).join('  ')}  ${note}`.trimEnd();
  return [
    line('stage', ['passed', 'failed', 'minutes']),
    ...all.map((outcome) => line(outcome.stage, [outcome.passed, outcome.failed, outcome.minutes.toFixed(1)], outcome.note)),
    '',
    `${passed} passed, ${failed} failed`,
  ].join('\n');
}

/** 0 only if something passed and nothing failed. */
export function exitCode(outcomes: readonly Outcome[]): 0 | 1 {
  const { passed, failed } = total(outcomes);
  return passed > 0 && failed === 0 ? 0 : 1;
}

function total(outcomes: readonly Outcome[]): { readonly passed: number; readonly failed: number } {
  return {
    passed: outcomes.reduce((sum, outcome) => sum + outcome.passed, 0),
    failed: outcomes.reduce((sum, outcome) => sum + outcome.failed, 0),
  };
}

function join(...notes: readonly (string | undefined)[]): string {
  return notes.filter((note) => note !== undefined).join('; ');
}
