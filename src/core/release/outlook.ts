import type { Snapshot } from '../resources/revision.ts';
import { isPausedInSpec } from './control.ts';
import { isTokenUsed, standingOf, type Standing } from './ledger.ts';
import type { Scene } from './scene.ts';
import type { Again } from './start.ts';

/** What becomes of the revision that the spec asks for while nothing is being released. */
export type Outlook =
  /** It serves, or it cannot be said yet which one is asked for. */
  | { readonly state: 'Settled' }
  | ({ readonly state: 'Start' } & Again)
  | { readonly state: 'Paused'; readonly version: string }
  | Exclude<Standing, { readonly state: 'Free' }>;

const RETRIES = 5;

/** Whether `wanted` is released now, later, or not at all. A retry token opens every door but a pause, once. */
export function outlookOf(scene: Scene, wanted: Snapshot): Outlook {
  const { releases, deployment } = scene.observed;
  const { rollout } = deployment.spec;
  const retry = rollout?.retry;
  const standing = standingOf(releases, wanted.revision, rollout?.infrastructureRetries ?? RETRIES);
  const isAgain = standing.state !== 'Free' && retry?.version === wanted.version && !isTokenUsed(releases, retry);
  if (standing.state !== 'Free' && !isAgain && !(standing.state === 'RetryAt' && scene.now >= standing.atMs)) return standing;
  if (isPausedInSpec(scene)) return { state: 'Paused', version: wanted.version };
  if (isAgain) return { state: 'Start', attempt: 1, retryToken: retry.token };
  return { state: 'Start', attempt: standing.state === 'RetryAt' ? standing.attempts + 1 : 1 };
}
