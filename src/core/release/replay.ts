import type { ModelDeployment } from '../../api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../api/generated/modelrelease.ts';
import type { CheckSamples, MeasureRequest, Slot } from '../analysis/measurement.ts';
import { parseTime } from '../time.ts';
import { otherSlot } from '../traffic/route.ts';
import { evaluate, type Evaluation } from './evaluation.ts';
import { outcomeOf } from './ledger.ts';
import { measuresOf } from './measures.ts';
import { parametersOf } from './parameters.ts';
import { evaluateWatch } from './watchEvaluation.ts';

/** What is needed to judge a release again, from its record alone and what Prometheus still has. */

export interface Places {
  readonly stable: Slot;
  readonly candidate: Slot;
}

/**
 * The slots of a release's two versions. Its record does not name them; but each promotion since has changed the slot of what serves, which
 * the status of the ModelDeployment names. Undefined where that is gone, or where records are missing in between. `releases`: those of
 * the deployment in ascending number, this one included.
 */
export function placesOf(
  release: ModelRelease,
  releases: readonly ModelRelease[],
  deployment: ModelDeployment | undefined,
): Places | undefined {
  const slot = deployment?.status?.stable?.slot;
  const since = releases.filter(({ spec }) => spec.number >= release.spec.number);
  const isWhole = since.every(({ spec }, index) => spec.number === release.spec.number + index);
  if (slot === undefined || !isWhole) return undefined;
  const promotions = since.filter((one) => one.status?.promotedAt !== undefined || outcomeOf(one) === 'Promoted').length;
  return placesWith(promotions % 2 === 0 ? slot : otherSlot(slot));
}

export function placesWith(stable: Slot): Places {
  return { stable, candidate: otherSlot(stable) };
}

/** What the operator measured for a release. `before`: the releases of its deployment that are older. */
export function requestsOf(release: ModelRelease, before: readonly ModelRelease[], places: Places): readonly MeasureRequest[] {
  const promoted = before.findLast((one) => outcomeOf(one) === 'Promoted')?.status;
  const stableSinceMs = parseTime(promoted?.evidenceSince) ?? parseTime(promoted?.finishedAt) ?? 0;
  return measuresOf(release, parametersOf(release), places, stableSinceMs);
}

/** The evaluation of a release at `nowMs`, by the same functions as the operator's: of a finished one, its last. */
export function judgeAgain(release: ModelRelease, samples: readonly CheckSamples[], nowMs: number): Evaluation {
  const { windows = [], promotedAt } = release.status ?? {};
  const parameters = parametersOf(release);
  return promotedAt === undefined ? evaluate(parameters, samples, windows, nowMs) : evaluateWatch(parameters, samples, windows);
}
