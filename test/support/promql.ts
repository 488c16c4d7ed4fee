// The part of PromQL that src/metrics asks of built-in series, over the text that servers show: aggregations of one selector. That the real
// Prometheus means the same by it is shown in test/component/metrics/servers.test.ts.
import type { Series } from '../../src/metrics/prometheusAnswer.ts';
import { readSamples } from './metricsText.ts';

type Labels = Readonly<Record<string, string>>;
interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** What a scrape of this text gives, with the labels that the scraper adds. */
export function scrape(text: string, added: Labels): readonly Sample[] {
  return readSamples(text).map(({ name, labels, value }) => ({ labels: { ...labels, ...added, __name__: name }, value }));
}

/** An instant query at `atMs` over these samples. */
export function evaluate(query: string, samples: readonly Sample[], atMs: number): readonly Series[] {
  return valueOf(query, samples).map(({ labels, value }) => ({ labels, points: [{ atMs, value }] }));
}

/** When everything was scraped. */
const SCRAPED_SECONDS = 0.5;

const AGGREGATIONS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  max: (values) => Math.max(...values),
  sum: (values) => values.reduce((total, value) => total + value, 0),
  group: () => 1,
};

function valueOf(query: string, samples: readonly Sample[]): readonly Sample[] {
  const [, left, right] = /^(.+) or label_replace\((.+), "plimsoll_scraped", "yes", "", ""\)$/.exec(query) ?? [];
  if (left !== undefined && right !== undefined) {
    const scraped = valueOf(right, samples).map(({ labels, value }) => ({ labels: { ...labels, plimsoll_scraped: 'yes' }, value }));
    return [...valueOf(left, samples), ...scraped];
  }
  const [, selector] = /^timestamp\((.+)\)$/.exec(query) ?? [];
  if (selector !== undefined) return select(selector, samples).map(({ labels }) => ({ labels, value: SCRAPED_SECONDS }));
  const [, operator = '', labels = '', inner = ''] = /^(max|sum|group) by \(([\w, ]+)\) \((.*)\)$/.exec(query) ?? [];
  const aggregate = AGGREGATIONS[operator];
  if (aggregate === undefined) return select(query, samples);
  const by = labels.split(', ');
  const keyOf = (sample: Sample): string => JSON.stringify(by.map((label) => sample.labels[label] ?? ''));
  return [...Map.groupBy(valueOf(inner, samples), keyOf).values()].map((same) => ({
    labels: Object.fromEntries(by.flatMap((label) => (same[0]?.labels[label] === undefined ? [] : [[label, same[0].labels[label]]]))),
    value: aggregate(same.map(({ value }) => value)),
  }));
}

function select(query: string, samples: readonly Sample[]): readonly Sample[] {
  const [, name = '', inBraces = ''] = /^([\w:]*)\{(.*)\}$/.exec(query) ?? [];
  const matchers = [...inBraces.matchAll(/(\w+)(=~|!~|!=|=)("(?:[^"\\]|\\.)*")(?:,|$)/g)];
  if (matchers.map(([text]) => text).join('') !== inBraces || inBraces === '') throw new Error(`not understood: ${query}`);
  return samples.filter(
    ({ labels }) =>
      (name === '' || labels['__name__'] === name) &&
      matchers.every(([, label = '', operator = '', literal = '']) => {
        const wanted = JSON.parse(literal) as string;
        const value = labels[label] ?? '';
        const found = operator.includes('~') ? new RegExp(`^(?:${wanted})$`).test(value) : value === wanted;
        return operator.startsWith('!') ? !found : found;
      }),
  );
}
