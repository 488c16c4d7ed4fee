// The plan of a release for tests that are about its evidence alone.
import type { CheckSpec } from '../../src/core/release/checks/kind.ts';
import { readCheck, settingsOf } from '../../src/core/release/checks/kinds.ts';
import type { Parameters } from '../../src/core/release/parameters.ts';

/** One step of this weight for each; nothing but evidence is waited for. */
export function evidencePlan(weights: readonly number[], checks: readonly CheckSpec[], intervalMs: number): Parameters {
  return {
    steps: weights.map((weight) => ({ weight, holdMs: 0 })),
    checks: checks.map((spec) => {
      const { type, settings } = settingsOf(spec);
      return readCheck({ name: spec.name, isOptional: false }, type, settings);
    }),
    counting: 'Gateway',
    isScraped: false,
    intervalMs,
    minRequests: 100,
    promoteWhen: 'NotWorse',
    isFast: false,
    settleMs: 0,
    unavailableGraceMs: 0,
    progressDeadlineMs: 0,
    evidenceDeadlineMs: 0,
    onFailure: 'Rollback',
    onInconclusive: 'Pause',
  };
}
