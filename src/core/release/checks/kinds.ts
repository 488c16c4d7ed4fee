import { COMPARE } from './compare.ts';
import { ERROR_RATE } from './errorRate.ts';
import type { Check, CheckKind, CheckSpec, Finding, Settings } from './kind.ts';
import { LATENCY } from './latency.ts';
import { LIMIT } from './limit.ts';
import { RATE } from './rate.ts';
import { SCORE } from './score.ts';
import { SHIFT } from './shift.ts';
import { readSource, saySource } from './source.ts';
import { SPLIT } from './split.ts';

type Base = Pick<Check, 'name' | 'isOptional'>;

/** A kind with its options hidden, so that all are handled alike. */
interface Entry {
  /** Undefined when the check is of another kind. */
  readonly settings: (spec: CheckSpec) => Settings | undefined;
  readonly make: (base: Base, settings: Settings) => Check;
}

/** All kinds, by the field of `spec.analysis.checks[]` that makes a check one of them. */
const KINDS: ReadonlyMap<string, Entry> = new Map([
  ['errorRate', entry(ERROR_RATE, ({ errorRate }) => errorRate)],
  ['latency', entry(LATENCY, ({ latency }) => latency)],
  ['compare', entry(COMPARE, ({ compare }) => compare)],
  ['score', entry(SCORE, ({ score }) => score)],
  ['limit', entry(LIMIT, ({ limit }) => limit)],
  ['rate', entry(RATE, ({ rate }) => rate)],
  ['shift', entry(SHIFT, ({ shift }) => shift)],
  ['split', entry(SPLIT, ({ split }) => split)],
]);

function entry<Spec, Options>(kind: CheckKind<Spec, Options>, specOf: (spec: CheckSpec) => Spec | undefined): Entry {
  return {
    settings: (check) => {
      const spec = specOf(check);
      return spec === undefined ? undefined : kind.settings(spec);
    },
    make: (base, settings) => {
      const options = kind.read(settings);
      const { watch } = kind;
      const source = readSource(base.name, settings);
      const told = (finding: Finding): Finding =>
        source === undefined ? finding : { ...finding, explain: () => `${saySource(source)}${finding.explain()}` };
      return {
        ...base,
        reason: kind.reason,
        basis: kind.basis(options),
        source,
        queries: kind.queries?.(options) ?? [],
        accuses: kind.accuses(options),
        certifies: kind.certifies(options),
        measure: (subject) => kind.measure(options, subject),
        judge: (evidence, context) => told(kind.judge(options, evidence, context)),
        watch: watch && ((evidence, last) => told(watch(options, evidence, last))),
      };
    },
  };
}

/** A check as a user writes it: its kind and the settings that a release keeps. */
export function settingsOf(spec: CheckSpec): { readonly type: string; readonly settings: Settings } {
  for (const [type, { settings }] of KINDS) {
    const found = settings(spec);
    if (found !== undefined) return { type, settings: found };
  }
  throw new Error(`check ${spec.name} has no kind that this operator knows, though the schema admits no other`);
}

/** A check as a user writes it, ready to be asked about; undefined for one of a kind that this operator does not know. */
export function checkOf(spec: CheckSpec): Check | undefined {
  for (const { settings, make } of KINDS.values()) {
    const found = settings(spec);
    if (found !== undefined) return make({ name: spec.name, isOptional: spec.optional ?? false }, found);
  }
  return undefined;
}

/** A check as a release keeps it. */
export function readCheck(base: Base, type: string, settings: Settings): Check {
  const kind = KINDS.get(type);
  if (kind) return kind.make(base, settings);
  throw new Error(`release has check ${base.name} of type ${type}, which this operator does not know: it was written by a newer one`);
}
