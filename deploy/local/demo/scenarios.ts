// The releases of the demo: what is to happen in each, and how one would know.

/** The releases of the demo: the first three, or, where nothing can be measured, the first and the last. */
export const RELEASE_NAMES = ['better', 'failing', 'slow', 'refused'] as const;
export type ReleaseName = (typeof RELEASE_NAMES)[number];

/** What is to happen in a release, and what a bad answer of its candidate is. */
export interface Scenario {
  readonly name: ReleaseName;
  readonly title: string;
  readonly version: string;
  readonly outcome: 'Promoted' | 'RolledBack';
  /** Reason that the record of the release is to give. */
  readonly reason: string;
  /** Good answers that take longer are bad ones too. Undefined: only failures are bad. */
  readonly slowerThanMs: number | undefined;
  /** Whether users meet the candidate before that. */
  readonly meetsUsers: boolean;
}

export const SLOWER_THAN_MS = 50;

const BETTER: Scenario = {
  name: 'better',
  title: 'v2, a better model',
  version: 'v2',
  outcome: 'Promoted',
  reason: 'Promoted',
  slowerThanMs: undefined,
  meetsUsers: true,
};

export const SCENARIOS: readonly Scenario[] = [
  BETTER,
  {
    name: 'failing',
    title: 'v7, which answers the probe but fails a quarter of the real rows',
    version: 'v7',
    outcome: 'RolledBack',
    reason: 'ErrorRateWorse',
    slowerThanMs: undefined,
    meetsUsers: true,
  },
  {
    name: 'slow',
    title: 'v4, which is right but slow',
    version: 'v4',
    outcome: 'RolledBack',
    reason: 'LatencyWorse',
    slowerThanMs: SLOWER_THAN_MS,
    meetsUsers: true,
  },
];

/** What can be shown without any metrics: a promotion on readiness and probe alone, and a version that the probe refuses. */
export const UNMEASURED_SCENARIOS: readonly Scenario[] = [
  BETTER,
  {
    name: 'refused',
    title: 'v5, which expects other rows and fails its probe',
    version: 'v5',
    outcome: 'RolledBack',
    reason: 'ProbeFailed',
    slowerThanMs: undefined,
    meetsUsers: false,
  },
];
