import { describe, expect, test } from '@jest/globals';
import { countCheck, countJest, exitCode, renderSummary, type JestReport } from '../../runner/outcomes.ts';

const ENDED_WELL = { code: 0, signal: undefined };
const ENDED_BADLY = { code: 1, signal: undefined };
const AT_ITS_LIMIT = { code: undefined, signal: 'SIGTERM', endedBy: 'limit' } as const;

function report(numbers: Partial<JestReport>): JestReport {
  return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numRuntimeErrorTestSuites: 0, ...numbers };
}

describe('a stage that is no jest run', () => {
  test('counts as one check', () => {
    expect(countCheck(ENDED_WELL)).toEqual({ passed: 1, failed: 0 });
    expect(countCheck(ENDED_BADLY)).toEqual({ passed: 0, failed: 1, note: 'exit code 1' });
    expect(countCheck(AT_ITS_LIMIT)).toEqual({ passed: 0, failed: 1, note: 'ended at its time limit' });
  });

  test('fails when a signal ended it, and says which', () => {
    expect(countCheck({ code: undefined, signal: 'SIGKILL' })).toEqual({ passed: 0, failed: 1, note: 'ended by SIGKILL' });
  });
});

describe('a jest run', () => {
  test('counts its tests exactly', () => {
    expect(countJest(ENDED_WELL, report({ numPassedTests: 53 }))).toMatchObject({ passed: 53, failed: 0 });
    expect(countJest(ENDED_BADLY, report({ numPassedTests: 50, numFailedTests: 3 }))).toMatchObject({ passed: 50, failed: 3 });
  });

  test('counts a file that cannot be run as a failure', () => {
    const counts = countJest(ENDED_BADLY, report({ numPassedTests: 9, numRuntimeErrorTestSuites: 1 }));
    expect(counts).toMatchObject({ passed: 9, failed: 1 });
  });

  test('fails when it failed though all its tests passed', () => {
    expect(countJest(ENDED_BADLY, report({ numPassedTests: 9 }))).toMatchObject({ passed: 9, failed: 1, note: 'exit code 1' });
  });

  test('fails when it hung after its tests had passed', () => {
    expect(countJest(AT_ITS_LIMIT, report({ numPassedTests: 9 }))).toMatchObject({ passed: 9, failed: 1, note: 'ended at its time limit' });
  });

  test('fails without a report, and without any test', () => {
    expect(countJest(AT_ITS_LIMIT, undefined)).toEqual({ passed: 0, failed: 1, note: 'no report; ended at its time limit' });
    expect(countJest(ENDED_WELL, report({}))).toMatchObject({ passed: 0, failed: 1, note: 'no test ran' });
    expect(countJest(ENDED_WELL, report({ numPendingTests: 2 }))).toMatchObject({ passed: 0, failed: 1, note: 'no test ran; 2 skipped' });
  });

  test('says how many tests were skipped', () => {
    expect(countJest(ENDED_WELL, report({ numPassedTests: 9, numPendingTests: 2 }))).toEqual({ passed: 9, failed: 0, note: '2 skipped' });
  });
});

describe('the summary', () => {
  const outcomes = [
    { stage: 'types', passed: 1, failed: 0, minutes: 0.24 },
    { stage: 'e2e', passed: 12, failed: 2, minutes: 10, note: '1 skipped' },
  ];

  test('is a table, and then the sums alone on the last line', () => {
    expect(renderSummary(outcomes).split('\n')).toEqual([
      'stage   passed   failed  minutes',
      'types        1        0      0.2',
      'e2e         12        2     10.0  1 skipped',
      'total       13        2     10.2',
      '',
      '13 passed, 2 failed',
    ]);
  });

  test('goes with exit code 1 if anything failed or nothing passed', () => {
    expect(exitCode(outcomes)).toBe(1);
    expect(exitCode([])).toBe(1);
    expect(exitCode([{ stage: 'types', passed: 0, failed: 0, minutes: 0 }])).toBe(1);
    expect(exitCode([{ stage: 'types', passed: 1, failed: 0, minutes: 0 }])).toBe(0);
  });
});
