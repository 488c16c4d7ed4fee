import { ANNOTATION } from '../../api/names.ts';
import { formatTime, parseTime } from '../time.ts';
import type { Decision, RouteDecision } from '../observed.ts';

const RANK: Readonly<Record<Decision, number>> = { Shift: 0, Promote: 1, RollBack: 2 };

/** Whether `a` may not be replaced by `b`: within a release a decision only rises (Shift < Promote < RollBack). */
export function outranks(a: Decision, b: Decision): boolean {
  return RANK[a] > RANK[b];
}

/** Annotations that carry a decision in the same write as the weights. */
export function encodeDecision(decision: RouteDecision): Record<string, string> {
  return {
    [ANNOTATION.decision]: `r${decision.release}/${decision.decision}/${decision.detail}`,
    [ANNOTATION.decisionMessage]: decision.message,
    [ANNOTATION.decidedAt]: formatTime(decision.atMs),
  };
}

/** The decision that a route carries; undefined when it carries none that can be read. */
export function decodeDecision(annotations: Readonly<Record<string, string>> | undefined): RouteDecision | undefined {
  const match = /^r([1-9][0-9]{0,9})\/(Shift|Promote|RollBack)\/(.*)$/s.exec(annotations?.[ANNOTATION.decision] ?? '');
  if (!match) return undefined;
  return {
    release: Number(match[1]),
    decision: match[2] as Decision,
    detail: match[3] ?? '',
    message: annotations?.[ANNOTATION.decisionMessage] ?? '',
    atMs: parseTime(annotations?.[ANNOTATION.decidedAt]) ?? 0,
  };
}
