// What the story works with once the set-up is done, in whichever cluster.
import { DemoError } from './failure.ts';
import type { Setting } from './figures.ts';
import type { ReleaseName, Scenario } from './scenarios.ts';
import type { Kubectl } from './kubectl.ts';
import type { Observer } from './observer.ts';
import type { Users } from './users.ts';

export interface Ready {
  readonly kubectl: Kubectl;
  readonly observer: Observer;
  /** Folder of the manifests that were applied. */
  readonly folder: string;
  readonly scenarios: readonly Scenario[];
  readonly setting: Setting;
  /** Requests per second. */
  readonly rate: number;
  /** What answers call a version: a gateway names its revision, servers their version. */
  readonly keyOf: (version: string, revision: string) => string;
  readonly startUsers: () => Promise<Users>;
  /** Lines that say how to look further, beside those that are the same everywhere. */
  readonly hints: readonly string[];
}

/** All scenarios, or the one that was asked for. */
export function chooseScenarios(scenarios: readonly Scenario[], only: ReleaseName | undefined): readonly Scenario[] {
  if (only === undefined) return scenarios;
  const found = scenarios.filter(({ name }) => name === only);
  if (found.length === 0)
    throw new DemoError(`Release ${only} cannot be shown here, only ${scenarios.map(({ name }) => name).join(', ')}.`);
  return found;
}
