import { COMPARE, type CompareCheck } from './compare.ts';
import { ERROR_RATE, type ErrorRateCheck } from './errorRate.ts';
import type { CheckBase, CheckKind, CheckSpec, Settings } from './kind.ts';
import { LATENCY, type LatencyCheck } from './latency.ts';
import { LIMIT, type LimitCheck } from './limit.ts';
import { RATE, type RateCheck } from './rate.ts';
import { SCORE, type ScoreCheck } from './score.ts';
import { SHIFT, type ShiftCheck } from './shift.ts';
import { SPLIT, type SplitCheck } from './split.ts';

export type Check = ErrorRateCheck | LatencyCheck | CompareCheck | ScoreCheck | LimitCheck | RateCheck | ShiftCheck | SplitCheck;
export type CheckType = Check['type'];

const KINDS = {
  errorRate: ERROR_RATE,
  latency: LATENCY,
  compare: COMPARE,
  score: SCORE,
  limit: LIMIT,
  rate: RATE,
  shift: SHIFT,
  split: SPLIT,
};

/** The kind of a check. Its functions take no check of another kind, which only the type of the table can tell. */
export function kindOf(check: { readonly type: CheckType }): CheckKind<never, Check> {
  return KINDS[check.type] as unknown as CheckKind<never, Check>;
}

/** A check as a user writes it: its kind and the settings that a release keeps. */
export function settingsOf(spec: CheckSpec): { readonly type: CheckType; readonly settings: Settings } {
  for (const type of Object.keys(KINDS) as CheckType[]) {
    const given = spec[type];
    if (given !== undefined) return { type, settings: (KINDS[type] as CheckKind<unknown, CheckBase>).settings(given) };
  }
  throw new Error(`check ${spec.name} has no kind that this operator knows, though the schema admits no other`);
}

/** A check as a release keeps it. */
export function readCheck(base: CheckBase, type: string, settings: Settings): Check {
  if (!Object.hasOwn(KINDS, type)) {
    throw new Error(`release has check ${base.name} of type ${type}, which this operator does not know: it was written by a newer one`);
  }
  const kind = KINDS[type as CheckType] as CheckKind<unknown, CheckBase>;
  return { ...base, type, ...kind.read(settings) } as Check;
}
