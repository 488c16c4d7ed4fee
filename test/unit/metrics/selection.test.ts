// A selection means the same as a query and of samples that are at hand.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { clusterName, ENVOY_GATEWAY } from '../../../src/metrics/envoyGateway.ts';
import type { Series } from '../../../src/metrics/prometheusAnswer.ts';
import { select, toPromql, toSelector, type Sample, type Selection } from '../../../src/metrics/selection.ts';
import type { SeriesQuery, SeriesSource } from '../../../src/metrics/series.ts';
import { SERVERS } from '../../../src/metrics/sources.ts';
import { evaluate, scrape } from '../../support/promql.ts';

const POD = { namespace: 'risk', pod: 'fraud-aaaaaaaaaa-7c9f8d6b5-x2x9q' };
const PLACES = [POD, { ...POD, job: 'again' }, { ...POD, pod: 'other-aaaaaaaaaa-7c9f8d6b5-x2x9q' }, { ...POD, namespace: 'elsewhere' }];

function exposition(file: string): string {
  return readFileSync(join(import.meta.dirname, 'expositions', `${file}.txt`), 'utf8');
}

function questionsOf(source: SeriesSource, names: readonly string[], boundaries: readonly number[]): readonly SeriesQuery[] {
  const counts = source.errorQueries === undefined ? source.requestQueries(names) : source.errorQueries(names);
  return [...counts, ...source.latencyQueries(names), ...source.latencyQueries(names, boundaries)];
}

function plain(series: readonly Series[] | readonly Sample[]): readonly string[] {
  return series
    .filter(({ labels }) => labels['plimsoll_scraped'] === undefined)
    .map((one) => JSON.stringify([Object.entries(one.labels).sort(), 'value' in one ? one.value : one.points[0]?.value]))
    .sort();
}

describe('of samples that are at hand it gives what its query gives', () => {
  test.each([
    ['MLServer', 'mlserver'],
    ['Triton', 'triton'],
    ['TensorFlowServing', 'tensorflowServing'],
    ['VLLM', 'vllm'],
    ['KServe', 'kserve'],
  ] as const)('%s', (server, file) => {
    const samples = PLACES.flatMap((place) => scrape(exposition(file), place));
    for (const { promql, selection } of questionsOf(SERVERS[server], ['risk/fraud-aaaaaaaaaa'], [500, 2500])) {
      expect(plain(select(selection, samples)).length).toBeGreaterThan(0);
      expect(plain(select(selection, samples))).toEqual(plain(evaluate(promql, samples, 0)));
    }
  });

  test('Envoy Gateway', () => {
    const cluster = clusterName('risk', 'fraud', 'a');
    const text = [cluster, clusterName('risk', 'fraud', 'b'), clusterName('risk', 'other', 'a')]
      .flatMap((name) => [
        `envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="${name}"} 90`,
        `envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="${name}"} 3`,
        ...[['5', 50], ['50', 80], ['+Inf', 93]].map(([le, count]) => `envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="${name}",le="${le}"} ${count}`),
      ])
      .join('\n');
    const samples = ['10.0.0.1:19001', '10.0.0.2:19001'].flatMap((instance) => scrape(text, { instance }));
    for (const { promql, selection } of questionsOf(ENVOY_GATEWAY, [cluster], [50])) {
      expect(plain(select(selection, samples)).length).toBeGreaterThan(0);
      expect(plain(select(selection, samples))).toEqual(plain(evaluate(promql, samples, 0)));
    }
  });
});

describe('a selection', () => {
  const ANY: Selection = { metrics: ['a'], where: [], by: ['x'], apart: ['y'] };
  const sample = (labels: Readonly<Record<string, string>>, value: number): Sample => ({ labels: { __name__: 'a', ...labels }, value });

  test('takes the largest of what is the same and adds up what is apart', () => {
    const samples = [sample({ x: '1', y: 'p', job: 'j' }, 3), sample({ x: '1', y: 'p', job: 'k' }, 4), sample({ x: '1', y: 'q' }, 10), sample({ y: 'q' }, 1)];
    expect(select(ANY, samples)).toEqual([{ labels: { x: '1' }, value: 14 }, { labels: {}, value: 1 }]);
  });

  test('does not lose what is not a number', () => {
    expect(select(ANY, [sample({ y: 'p' }, NaN), sample({ y: 'q' }, 1)])).toEqual([{ labels: {}, value: NaN }]);
  });

  test('matches whole values, and labels that are not there as empty ones', () => {
    const samples = [sample({ x: 'ab' }, 1), sample({ x: 'abc' }, 2), sample({}, 4)];
    const found = (...where: Selection['where']) => select({ ...ANY, where, by: ['x'], apart: [] }, samples).map(({ value }) => value);
    expect(found(['x', '=~', 'a|ab'])).toEqual([1]);
    expect(found(['x', '!~', 'ab.*'])).toEqual([4]);
    expect(found(['x', '=', ''])).toEqual([4]);
    expect(found(['x', '!=', 'ab'])).toEqual([2, 4]);
  });

  test('is written with its name before the braces, or in them where a parser may stumble over it', () => {
    const where = [['x', '=~', 'a"b']] as const;
    expect(toSelector({ metrics: ['a'], where })).toBe(String.raw`a{x=~"a\"b"}`);
    expect(toSelector({ metrics: [':a'], where })).toBe(String.raw`{__name__=":a",x=~"a\"b"}`);
    expect(toPromql({ metrics: ['a', 'b'], where: [['x', '!=', '']], by: ['n', 'z'], apart: ['y'] })).toBe(
      'sum by (n, z) (max by (n, y, z) ({__name__=~"a|b",x!=""}))',
    );
  });
});
