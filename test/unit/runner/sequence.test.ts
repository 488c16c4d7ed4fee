import { describe, expect, test } from '@jest/globals';
import type { Counts } from '../../runner/outcomes.ts';
import { runStages } from '../../runner/sequence.ts';
import type { Stage } from '../../runner/stages.ts';

const PASSED: Counts = { passed: 1, failed: 0 };
const FAILED: Counts = { passed: 0, failed: 1, note: 'exit code 1' };

function stage(name: string, relations: Partial<Pick<Stage, 'needs' | 'undoes'>> = {}): Stage {
  return { kind: 'check', name, arguments: [], limitMinutes: 1, ...relations };
}

const STAGES = [stage('lint'), stage('set-up'), stage('e2e', { needs: 'set-up' }), stage('tear-down', { undoes: 'set-up' })];

/** Runs STAGES where those of `failing` fail, and a person interrupts during `interruptDuring`. */
async function run(failing: readonly string[], interruptDuring?: string) {
  const interrupt = new AbortController();
  const ran: string[] = [];
  const interruptible: boolean[] = [];
  const outcomes = await runStages(
    STAGES,
    ({ name }, signal) => {
      ran.push(name);
      if (name === interruptDuring) interrupt.abort();
      interruptible.push(signal.aborted);
      return Promise.resolve(failing.includes(name) ? FAILED : PASSED);
    },
    interrupt.signal,
  );
  return { ran, interruptible, outcomes };
}

describe('the stages', () => {
  test('go on after one that failed', async () => {
    const { ran, outcomes } = await run(['lint']);
    expect(ran).toEqual(['lint', 'set-up', 'e2e', 'tear-down']);
    expect(outcomes.map(({ failed }) => failed)).toEqual([1, 0, 0, 0]);
  });

  test('that need a failed one do not run and count as failed, and the tear-down runs', async () => {
    const { ran, outcomes } = await run(['set-up']);
    expect(ran).toEqual(['lint', 'set-up', 'tear-down']);
    expect(outcomes[2]).toEqual({ stage: 'e2e', passed: 0, failed: 1, minutes: 0, note: 'not run: set-up failed' });
  });

  test('end with the tear-down when the end-to-end tests failed', async () => {
    expect((await run(['e2e'])).ran.at(-1)).toBe('tear-down');
  });

  test('that throw count as failed and stop nothing', async () => {
    const fail = ({ name }: Stage): Promise<Counts> => (name === 'a' ? Promise.reject(new Error('no Node')) : Promise.resolve(PASSED));
    const outcomes = await runStages([stage('a'), stage('b')], fail, new AbortController().signal);
    expect(outcomes).toMatchObject([{ failed: 1, note: 'no Node' }, { passed: 1 }]);
  });
});

describe('an interrupt', () => {
  test('before the set-up leaves nothing to take down', async () => {
    expect((await run([], 'lint')).ran).toEqual(['lint']);
  });

  test.each(['set-up', 'e2e'])('during %s skips to the tear-down, which is not interrupted itself', async (name) => {
    const { ran, interruptible } = await run([], name);
    expect(ran.slice(-2)).toEqual([name, 'tear-down']);
    expect(interruptible.slice(-2)).toEqual([true, false]);
  });
});
