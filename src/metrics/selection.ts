// Which counters are wanted, added up over what does not matter: as PromQL, and of samples that are at hand.
import type { Series } from './prometheusAnswer.ts';

/** As in PromQL: regular expressions match the whole value, and a label that is not there has the value ''. */
export type Matcher = readonly [label: string, operator: '=' | '!=' | '=~' | '!~', value: string];

export interface Selection {
  readonly metrics: readonly string[];
  readonly where: readonly Matcher[];
  /** Labels that are kept; `__name__` counts as one. */
  readonly by: readonly string[];
  /** Labels that tell series apart which are added up. Over all others the largest counts: they are the same, known twice. */
  readonly apart: readonly string[];
}

/** A series that a server shows, with `__name__` among its labels, and with those that its place gives it. */
export interface Sample {
  readonly labels: Series['labels'];
  readonly value: number;
}

/** `max` counts a series once that two scrape jobs or two Prometheus replicas know; `sum` adds up what is apart. */
export function toPromql(selection: Selection): string {
  const { by, apart } = selection;
  const each = `max by (${[...by.slice(0, -1), ...apart, ...by.slice(-1)].join(', ')}) (${toSelector(selection)})`;
  return apart.length === 0 ? each : `sum by (${by.join(', ')}) (${each})`;
}

/** A name with a colon in it, and several names, stand in the braces: a parser of its own may take the colon for the end of something. */
export function toSelector({ metrics, where }: Pick<Selection, 'metrics' | 'where'>): string {
  const [first = '', ...others] = metrics;
  const matchers = where.map(([label, operator, value]) => `${label}${operator}${quote(value)}`).join(',');
  if (others.length > 0) return `{__name__=~${quote(alternation(metrics))},${matchers}}`;
  return first.includes(':') ? `{__name__=${quote(first)},${matchers}}` : `${first}{${matchers}}`;
}

/** What `toPromql` asks for, of these samples. */
export function select({ metrics, where, by, apart }: Selection, samples: readonly Sample[]): readonly Sample[] {
  const conditions = where.map(toCondition);
  const found = samples.filter(({ labels }) => metrics.includes(labels['__name__'] ?? '') && conditions.every((holds) => holds(labels)));
  return aggregate(aggregate(found, [...by, ...apart], (a, b) => Math.max(a, b)), by, (a, b) => a + b);
}

function toCondition([label, operator, value]: Matcher): (labels: Series['labels']) => boolean {
  const whole = operator.endsWith('~') ? new RegExp(`^(?:${value})$`, 's') : undefined;
  return (labels) => {
    const found = labels[label] ?? '';
    return (whole ? whole.test(found) : found === value) !== operator.startsWith('!');
  };
}

function aggregate(samples: readonly Sample[], by: readonly string[], add: (a: number, b: number) => number): readonly Sample[] {
  const groups = Map.groupBy(samples, ({ labels }) => JSON.stringify(by.map((label) => labels[label] ?? '')));
  return [...groups.values()].map((same) => ({
    labels: Object.fromEntries(by.flatMap((label) => (same[0]?.labels[label] === undefined ? [] : [[label, same[0].labels[label]]]))),
    value: same.map(({ value }) => value).reduce(add),
  }));
}

/** A regular expression for each of these texts as it is. */
export function alternation(texts: readonly string[]): string {
  return [...new Set(texts)].map(escapeRegex).join('|');
}

/** Escapes only what a name can hold and a regular expression means otherwise: Prometheus looks plain alternations up in its index. */
function escapeRegex(text: string): string {
  return text.replaceAll(/[.+*?()|[\]{}^$\\]/g, '\\$&');
}

/** A PromQL string literal: its escapes are a superset of JSON's for printable text. */
export function quote(text: string): string {
  return JSON.stringify(text);
}
