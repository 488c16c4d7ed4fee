import type { ModelDeployment } from '../../../api/generated/modeldeployment.ts';
import type { Voice } from '../../analysis/decide.ts';
import type { Totals } from '../../analysis/analyse.ts';
import type { CheckBounds } from '../../analysis/bounds.ts';
import type { Certifier } from '../../analysis/forecast.ts';
import type { Arms, Measurand } from '../../analysis/measurement.ts';
import type { PromqlNames } from '../../analysis/promql.ts';
import type { CountingSource } from '../../analysis/servers.ts';
import type { CheckEvidence } from '../evidence.ts';

/** What a kind of check is, from the user's words to the verdict. Each kind has a file of its own beside this one; kinds.ts lists them. */

export type CheckSpec = NonNullable<NonNullable<ModelDeployment['spec']['analysis']>['checks']>[number];
/** Settings of a check as a release keeps them. */
export type Settings = Readonly<Record<string, string>>;

/** `SplitMismatch`: the traffic is not split as the weight says. `NoAttribution`: hardly any request is counted for the candidate. */
export type Verdict =
  | 'Pass'
  | 'Fail'
  | 'Inconclusive/Collecting'
  | 'Inconclusive/Suspect'
  | 'Inconclusive/NoData'
  | 'Inconclusive/NoAttribution'
  | 'Inconclusive/SplitMismatch';

/** The numbers that a verdict rests on, for the record and for /metrics. */
export interface Figures {
  /** ln of the e-value against the candidate. */
  readonly logE?: number;
  readonly phi?: number;
  readonly totals?: Totals;
  readonly looks?: number;
  /** Newest value of a limit's query. */
  readonly value?: number;
  /** Others, by the name under which the record keeps them. */
  readonly others?: Settings;
}

/** What one check says. */
export interface Finding {
  readonly verdict: Verdict;
  /** The sentence for people. Computed when asked: its bounds cost more than the verdict. */
  readonly explain: () => string;
  readonly figures: Figures;
  /** Its part in the combined evidence, which alone may fail a release on statistics. */
  readonly voice?: Voice;
  /** Events of the candidate that its own queries counted, row by row. Absent where somebody else counts. */
  readonly counted?: () => readonly WindowCount[];
  /** Between what bounds the truth lies. Computed when asked, as what follows: it costs more than the verdict. */
  readonly bounds?: () => CheckBounds;
  /** What this check alone would have caught on the evidence that there is. */
  readonly power?: () => Power;
  /** How it comes to certify a candidate, for the forecast. Of checks that can. */
  readonly certifier?: Certifier;
}

export interface WindowCount {
  readonly window: number;
  readonly count: number;
}

/** The least bad candidate that would have been caught with 90 % probability. */
export interface Power {
  /** For the record; undefined when none would have been. */
  readonly caught: string | undefined;
  /** What follows "a candidate", or the worst that would have been missed: `1.8 times as bad`, `one 100 times as bad`. */
  readonly words: string;
}

/** Whom a check is about. */
export interface Subject {
  readonly arms: Arms;
  readonly stable: PromqlNames;
  readonly candidate: PromqlNames;
}

/** What is the same for all checks of a release. */
export interface JudgeContext {
  /** Bound on the chance that this check alone fails a harmless candidate: its part of that of all checks. */
  readonly alpha: number;
  /** Weight of each window, in per cent. */
  readonly weights: readonly number[];
}

/** What a check rests on: a comparison of requests that somebody counts, queries about the two versions, or one number. */
export type Basis = 'Requests' | 'Counters' | 'Value';

/** What is the same for all checks of a kind. `Spec`: what users write; `Options`: what a release has read of it. */
export interface CheckKind<Spec, Options> {
  /** Reason of a failure, in one word. */
  readonly reason: string;
  /** Settings for the record, with defaults filled in. */
  readonly settings: (spec: Spec) => Settings;
  readonly read: (settings: Settings) => Options;
  readonly basis: (options: Options) => Basis;
  /** What it asks in PromQL of the user's own, with placeholders; absent where it asks nothing of the kind. */
  readonly queries?: (options: Options) => readonly string[];
  readonly measure: (options: Options, subject: Subject) => Measurand;
  /** Whether it has a part in the bound on false roll-backs, which is shared among those that have. */
  readonly accuses: (options: Options) => boolean;
  /** Whether it can certify that the candidate is good enough. */
  readonly certifies: (options: Options) => boolean;
  readonly judge: (options: Options, evidence: CheckEvidence, context: JudgeContext) => Finding;
  /** What it says after the promotion, in the last window, when stable has no traffic any more; absent where it needs both. */
  readonly watch?: (options: Options, evidence: CheckEvidence, last: number) => Finding;
}

/** One check of a release. */
export interface Check {
  readonly name: string;
  /** Lack of data neither holds the release nor keeps it from a promotion. */
  readonly isOptional: boolean;
  readonly reason: string;
  readonly basis: Basis;
  /** Who counts requests for it alone; undefined: whoever counts for the release. */
  readonly source: CountingSource | undefined;
  readonly queries: readonly string[];
  readonly accuses: boolean;
  readonly certifies: boolean;
  readonly measure: (subject: Subject) => Measurand;
  readonly judge: (evidence: CheckEvidence, context: JudgeContext) => Finding;
  readonly watch: ((evidence: CheckEvidence, last: number) => Finding) | undefined;
}
