// generated from crds/plimsoll.dev_modelreleases.yaml, do not edit

import type { ObjectMeta } from '../meta.ts';

/** One release: from which revision to which, by what plan, and what came of it. Written by the operator only. It has no owner, so the record outlives the ModelDeployment. */
export interface ModelRelease {
  readonly apiVersion: 'plimsoll.dev/v1alpha1';
  readonly kind: 'ModelRelease';
  readonly metadata: ObjectMeta;
  /** What was decided when the release started. Never changes, but for control. */
  readonly spec: ModelReleaseSpec;
  /** What came of it. Written by the operator only; never changes once the release has finished. */
  readonly status?: ModelReleaseStatus;
}

/** The revision that served when the release started. Absent for the first one. */
export interface ModelReleaseEnd {
  /** Its version. Example: "1.3.2". */
  readonly version: string;
  /** Digest of its files. Example: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08. */
  readonly digest: string;
  /** What runs: a hash of the digest and the pod template. Example: 3f9a1c07be. */
  readonly revision: string;
}

/** Why there is a release. */
export interface ModelReleaseCause {
  /** First: nothing served before. Version: spec.version of the ModelDeployment changed, or its bytes did. Template: the same bytes with another spec.runtime. Retry: spec.rollout.retry asked for it once more. */
  readonly type: 'First' | 'Version' | 'Template' | 'Retry';
  /** User who made the change, if the annotation plimsoll.dev/changed-by of the ModelDeployment says so. Example: alice@example.com. */
  readonly changedBy?: string;
  /** Commit that the change came from, if the annotation plimsoll.dev/commit of the ModelDeployment says so. Example: 4f0c2a7d9be1. */
  readonly commit?: string;
  /** Which attempt at this revision it is, counted anew after every failure that was not one of the infrastructure. Example: 2. */
  readonly attempt?: number;
  /** The token of spec.rollout.retry that this release used up. Example: "2". */
  readonly retryToken?: string;
}

export interface ModelReleasePlanStep {
  /** Name of the step, for people. Example: canary. */
  readonly name?: string;
  /** Per cent of the requests that go to the candidate. Example: 25. */
  readonly weight: number;
  /** Shortest time to stay at this weight. Example: 10m. */
  readonly hold: string;
}

export interface ModelReleasePlanCheck {
  /** Name of the check. Example: errors. */
  readonly name: string;
  /** What it does: errorRate, latency, compare, score, limit, rate, shift or split. Example: errorRate. */
  readonly type: string;
  /** Lack of data for it neither holds the release nor keeps it from a promotion. Example: true. */
  readonly optional?: boolean;
  /** Its settings, with defaults filled in. Example: {relativeMargin: 50%, absoluteFloor: 0.5%}. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** How many pods the two versions have while they share the traffic. Absent for the first revision. */
export interface ModelReleasePlanCapacity {
  /** Pods of the candidate: as many as its share needs, or all before the first step. Example: Proportional. */
  readonly candidate: 'Proportional' | 'Full';
  /** Pods of the version that serves: all of them, or only what its share needs. Example: Hold. */
  readonly stable: 'Hold' | 'Release';
}

/** A copy of the steps, checks and times that hold for this release, with defaults filled in: no gate is loosened under a running release. */
export interface ModelReleasePlan {
  /** Shares of the traffic that the candidate gets, one after the other; after the last it gets 100. Empty for the first revision. */
  readonly steps: readonly ModelReleasePlanStep[];
  /** Checks that the candidate must not fail. Empty for the first revision, which has nothing to be compared with. */
  readonly checks: readonly ModelReleasePlanCheck[];
  /** Time between two looks at the metrics. Example: 15s. */
  readonly interval: string;
  /** What a promotion takes; NotWorse where it is missing. Example: Certified. */
  readonly promoteWhen?: 'NotWorse' | 'Certified';
  /** Whether it goes on before a hold is over, as soon as the candidate is certified. Example: true. */
  readonly fastPromote?: boolean;
  /** Requests that the candidate must have answered in each step. Example: 100. */
  readonly minRequests: number;
  /** How long the candidate may have too few ready pods for its share. Example: 30s. */
  readonly unavailableGrace: string;
  /** How long the candidate's pods may take to become ready. Example: 15m. */
  readonly progressDeadline: string;
  /** How long a step may go on after its hold without enough evidence. Example: 1h. */
  readonly evidenceDeadline: string;
  /** What happens when the evidence is against a candidate that has traffic. Absent: Rollback. Example: Freeze. */
  readonly onFailure?: 'Rollback' | 'Freeze';
  /** What happens when evidenceDeadline passes without enough evidence. Absent: Pause. Example: Rollback. */
  readonly onInconclusive?: 'Pause' | 'Rollback';
  /** Time from a change of weight to the first metrics that count; a setting of the operator. Example: 20s. */
  readonly settle: string;
  /** How many pods the two versions have while they share the traffic. Absent for the first revision. */
  readonly capacity?: ModelReleasePlanCapacity;
  /** Who counts the requests of the two versions, but for checks whose parameters name a source of their own. Gateway: the gateway. Nobody: nothing that Plimsoll can read, so only queries of the user's own are judged, and minRequests asks for events that these count. Any other: the model servers themselves, which are of this kind. Default: Gateway. Example: MLServer. */
  readonly evidence?: 'Gateway' | 'MLServer' | 'Triton' | 'TensorFlowServing' | 'VLLM' | 'KServe' | 'Nobody';
  /** Who keeps these numbers. Scrape: nobody, the operator reads them from who counts at each look. Default: Prometheus. Example: Scrape. */
  readonly metrics?: 'Prometheus' | 'Scrape';
}

/** What a person asks of this release while it runs; ignored once it has finished. Needs the right to update ModelReleases. Default: none, which is Run. */
export interface ModelReleaseControl {
  /** Run lets the release go on. Pause holds it at its weight; evidence and the readiness guard still take a bad candidate off. Promote skips what is left of the steps, once all pods are ready; a check that fails before that still takes the candidate off, unless plan.onFailure is Freeze. Abort takes the candidate off; it is not tried again without a token in spec.rollout.retry. Example: Pause. */
  readonly action: 'Run' | 'Pause' | 'Promote' | 'Abort';
  /** Your own user name, as the API server knows you (kubectl auth whoami). Example: alice@example.com. */
  readonly by: string;
  /** Why, for the record. Default: none. Example: the campaign starts at noon. */
  readonly reason?: string;
}

/** What was decided when the release started. Never changes, but for control. */
export interface ModelReleaseSpec {
  /** Name of the ModelDeployment, in this namespace. Example: fraud. */
  readonly deployment: string;
  /** Number of the release, counted for each ModelDeployment from 1. Example: 7. */
  readonly number: number;
  /** The revision that served when the release started. Absent for the first one. */
  readonly from?: ModelReleaseEnd;
  /** The revision that is released. */
  readonly to: ModelReleaseEnd;
  /** Why there is a release. */
  readonly cause: ModelReleaseCause;
  /** A copy of the steps, checks and times that hold for this release, with defaults filled in: no gate is loosened under a running release. */
  readonly plan: ModelReleasePlan;
  /** What a person asks of this release while it runs; ignored once it has finished. Needs the right to update ModelReleases. Default: none, which is Run. */
  readonly control?: ModelReleaseControl;
}

export interface ModelReleaseStatusWindow {
  /** Index in spec.plan.steps, from 0. Example: 1. */
  readonly step: number;
  /** Per cent of the requests that went to the candidate. Example: 25. */
  readonly weight: number;
  /** First moment that counts. Example: "2026-11-24T10:00:15Z". */
  readonly from: string;
  /** Last moment that counts; absent while the span goes on. Example: "2026-11-24T10:10:15Z". */
  readonly to?: string;
}

export interface ModelReleaseStatusTimelineEntry {
  /** When it happened. Example: "2026-11-24T10:00:00Z". */
  readonly at: string;
  /** The phase that it came to. Example: Holding. */
  readonly event: string;
  /** Per cent of the requests that went to the candidate from then on. Example: 25. */
  readonly weight?: number;
  /** What happened, in a sentence. Example: holding at 25 % for 10m. */
  readonly message?: string;
}

export interface ModelReleaseStatusCheck {
  /** Name of the check. Example: errors. */
  readonly name: string;
  /** What it says. New values may be added; bear with unknown ones. Example: Fail. */
  readonly verdict: string;
  /** Why, in figures, as they were when the verdict changed. Example: candidate 12/38 vs stable 0/713, e=3292 >= 100. */
  readonly explanation?: string;
  /** The figures themselves, as strings. Example: {candidateRequests: "38", candidateBad: "12"}. */
  readonly evidence?: Readonly<Record<string, string>>;
}

/** Requests that the gateway counted in the spans of time whose metrics count; more have met the candidate. */
export interface ModelReleaseStatusRequests {
  /** Requests that went to the candidate. Example: 1240. */
  readonly candidate?: number;
}

/** What came of it. Written by the operator only; never changes once the release has finished. */
export interface ModelReleaseStatus {
  /** Version of the meaning of this status. An operator that meets a higher number than it knows leaves the object alone. Example: 1. */
  readonly schema?: number;
  /** Where the release stands. New values may be added; bear with unknown ones. Example: Holding. */
  readonly phase?: string;
  /** The highest decision so far; it only rises. Shift: go through the steps. Promote: the candidate takes over. RollBack: it is taken off. */
  readonly decision?: 'Shift' | 'Promote' | 'RollBack';
  /** Index in spec.plan.steps of the present step, from 0. Example: 1. */
  readonly step?: number;
  /** Spans of time whose metrics count. After a restart all evidence is computed again from them. */
  readonly windows?: readonly ModelReleaseStatusWindow[];
  /** First moment whose metrics count. Looks are at the whole multiples of the interval since 1970. Example: "2026-11-24T10:00:15Z". */
  readonly evidenceSince?: string;
  /** How it ended; absent before. New values may be added; bear with unknown ones. Example: RolledBack. */
  readonly outcome?: string;
  /** Kind of failure. Evidence: the revision is known to be bad and is not tried again. Infrastructure: it was never judged. User: somebody changed their mind. */
  readonly class?: 'Evidence' | 'Infrastructure' | 'User';
  /** The cause in one word, for tools. Example: ErrorRateWorse. */
  readonly reason?: string;
  /** The cause in a sentence, for people. Example: version 1.4.0 failed check errors. */
  readonly message?: string;
  /** Since when the candidate has had too few ready pods for its share; absent while it has enough. Example: "2026-11-24T10:03:00Z". */
  readonly unavailableSince?: string;
  /** When the candidate got all traffic for good. While the version before is kept the release goes on, and may still be rolled back. Example: "2026-11-24T10:25:30Z". */
  readonly promotedAt?: string;
  /** What happened, in order. */
  readonly timeline?: readonly ModelReleaseStatusTimelineEntry[];
  /** Verdict of each check, with the evidence that it rests on. */
  readonly checks?: readonly ModelReleaseStatusCheck[];
  /** Requests that the gateway counted in the spans of time whose metrics count; more have met the candidate. */
  readonly requests?: ModelReleaseStatusRequests;
  /** When the release started. Example: "2026-11-24T09:58:00Z". */
  readonly startedAt?: string;
  /** When it finished; from then on nothing here changes. Example: "2026-11-24T10:26:00Z". */
  readonly finishedAt?: string;
}
