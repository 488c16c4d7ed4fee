import type { TimedValue } from '../../analysis/rows.ts';
import { durationMs, sayDuration } from '../../time.ts';
import type { CheckKind, CheckSpec, Finding, Verdict } from './kind.ts';
import { given, queryFor, readNumber } from './settings.ts';

interface LimitOptions {
  readonly promql: string;
  readonly min: number | undefined;
  readonly max: number | undefined;
  /** Looks in a row outside, or the time that they must span. */
  readonly consecutive: number;
  readonly forMs: number | undefined;
}

/** Two: one look may be a hiccup of the query. */
const CONSECUTIVE = 2;

/** A bound on one number of the user's own. */
export const LIMIT: CheckKind<NonNullable<CheckSpec['limit']>, LimitOptions> = {
  reason: 'LimitExceeded',
  settings: ({ query, min, max, consecutive, for: time }) => given({ query, min, max, consecutive, for: time }),
  read: (settings) => ({
    promql: settings['query'] ?? '',
    min: readNumber(settings['min']),
    max: readNumber(settings['max']),
    consecutive: readNumber(settings['consecutive']) ?? (settings['for'] === undefined ? CONSECUTIVE : 1),
    forMs: settings['for'] === undefined ? undefined : durationMs(settings['for'], ''),
  }),
  basis: () => 'Value',
  queries: ({ promql }) => [promql],
  measure: ({ promql }, { candidate }) => ({ type: 'value', promql: queryFor(promql, candidate) }),
  accuses: () => false,
  certifies: () => false,
  judge: (check, evidence) => hold(check, evidence.values()),
  watch: (check, evidence, last) => hold(check, evidence.values().filter(({ window }) => window === last)),
};

function hold(check: LimitOptions, values: readonly TimedValue[]): Finding {
  const seen = values.flatMap(({ atMs, value }) => (value === null ? [] : [{ atMs, value }]));
  const isOutside = (value: number): boolean => value > (check.max ?? Infinity) || value < (check.min ?? -Infinity);
  let since: number | undefined;
  const failed = seen.findIndex(({ atMs, value }, index) => {
    since = isOutside(value) ? (since ?? index) : undefined;
    if (since === undefined) return false;
    return index - since + 1 >= check.consecutive && atMs - (seen[since]?.atMs ?? atMs) >= (check.forMs ?? 0);
  });
  const newest = (failed >= 0 ? seen[failed] : seen.at(-1))?.value;
  const said = newest === undefined ? 'no value yet' : `value ${newest}, which must be ${sayLimits(check)}`;
  const verdict: Verdict =
    failed >= 0 ? 'Fail' : newest === undefined ? 'Inconclusive/NoData' : isOutside(newest) ? 'Inconclusive/Suspect' : 'Pass';
  const value = seen.at(-1)?.value;
  return {
    verdict,
    explain: () => (failed >= 0 ? `${said}; ${sayHowLong(check)}` : said),
    figures: value === undefined ? {} : { value },
  };
}

function sayLimits({ min, max }: LimitOptions): string {
  return [min === undefined ? '' : `at least ${min}`, max === undefined ? '' : `at most ${max}`].filter(Boolean).join(' and ');
}

function sayHowLong({ consecutive, forMs }: LimitOptions): string {
  if (forMs !== undefined) return `it was outside for ${sayDuration(forMs)}`;
  return consecutive === CONSECUTIVE ? 'two looks in a row were outside' : `it was outside at ${consecutive} looks in a row`;
}
