import { describe, expect, test } from '@jest/globals';
import { boundaryQueries, clusterName, errorQueries, latencyQueries, seriesFor } from '../../../src/metrics/envoyGateway.ts';
import { readBoundaries, readErrors, readSlower } from '../../../src/metrics/envoyGateway.ts';
import type { Series } from '../../../src/metrics/prometheusAnswer.ts';

const A = 'httproute/team-a/digits/rule/0/backend/0';
const B = 'httproute/team-a/digits/rule/0/backend/1';

function series(labels: Record<string, string>, value: number, atMs = 1_000): Series {
  return { labels: { instance: 'e', ...labels }, points: [{ atMs, value }] };
}

function classes(cluster: string, code: string, value: number): Series {
  return series({ envoy_cluster_name: cluster, envoy_response_code_class: code }, value);
}

function bucket(cluster: string, le: string, value: number): Series {
  return series({ envoy_cluster_name: cluster, le }, value);
}

describe("names of Envoy's clusters", () => {
  test('slot a is backend 0 and slot b backend 1, whoever sits there', () => {
    expect(clusterName('team-a', 'digits', 'a')).toBe(A);
    expect(seriesFor({ namespace: 'team-a', route: 'digits', stable: 'b', candidate: 'a' })).toEqual({ stable: B, candidate: A });
  });
});

describe('queries', () => {
  test('one query for all clusters, by exact metric name, each cluster once and in order', () => {
    const selector = `envoy_cluster_upstream_rq_xx{envoy_cluster_name=~"${A}|${B}"}`;
    const slots = 'envoy_cluster_upstream_rq_xx{envoy_cluster_name=~"httproute/(team-a/digits)/rule/0/backend/[01]"}';
    const scraped = `label_replace(max by (envoy_cluster_name) (timestamp(${slots})), "plimsoll_scraped", "yes", "", "")`;
    const promql = `max by (envoy_cluster_name, envoy_response_code_class, instance) (${selector}) or ${scraped}`;
    expect(errorQueries([B, A, B])).toMatchObject([{ promql, names: [A, B] }]);
  });

  test('a dot in a name matches only itself, and both ways to write a boundary are asked for', () => {
    const [query] = latencyQueries([clusterName('n', 'a.b', 'a')], [50, 7.5]);
    expect(query?.promql).toContain(String.raw`=~"httproute/n/a\\.b/rule/0/backend/0",le=~"7\\.5|50|50\\.0|\\+Inf"`);
  });

  test('a thousand releases fit into a few queries, and none is left out', () => {
    const names = Array.from({ length: 2_000 }, (_, i) => clusterName(`team-${String(i)}`, 'a-model-with-a-rather-long-name', 'b'));
    const queries = boundaryQueries(names);
    expect(queries.length).toBe(10);
    expect(queries.flatMap((query) => query.names).length).toBe(2_000);
    expect(Math.max(...queries.map((query) => query.promql.length))).toBeLessThan(16_384);
    const counting = [...errorQueries(names), ...latencyQueries(names, [50, 100, 250])];
    expect(Math.max(...counting.map((query) => query.promql.length))).toBeLessThan(16_384);
  });

  test('nothing wanted is nothing asked', () => {
    expect(errorQueries([])).toEqual([]);
  });
});

describe('readErrors', () => {
  test('requests are the sum over classes, bad is class 5 or 0 while Envoy has made no such series', () => {
    const read = readErrors([classes(A, '2', 90), classes(A, '4', 5), classes(B, '2', 8), classes(B, '5', 2)]).get(1_000);
    expect(read?.get(A)).toEqual({ e: { requests: 95, bad: 0 } });
    expect(read?.get(B)).toEqual({ e: { requests: 10, bad: 2 } });
  });

  test('a number that cannot be a count makes the counter unreadable, not smaller', () => {
    for (const value of [NaN, Infinity, -1]) {
      expect(readErrors([classes(A, '2', 90), classes(A, '5', value)]).get(1_000)?.get(A)).toEqual({ e: { requests: NaN, bad: NaN } });
    }
  });

  test('Envoys are kept apart, and series without the labels are passed over', () => {
    const other = { ...classes(A, '2', 7), labels: { ...classes(A, '2', 7).labels, instance: 'f' } };
    const read = readErrors([classes(A, '2', 90), other, series({ envoy_cluster_name: A }, 1), series({}, 1)]).get(1_000);
    expect(read?.get(A)).toEqual({ e: { requests: 90, bad: 0 }, f: { requests: 7, bad: 0 } });
  });
});

describe('readSlower', () => {
  test('bad is what the boundary does not hold, however le is written', () => {
    for (const le of ['50', '50.0', '5e+01']) {
      const read = readSlower([bucket(A, '25', 1), bucket(A, le, 60), bucket(A, '+Inf', 100)], 50).get(1_000);
      expect(read?.get(A)).toEqual({ e: { requests: 100, bad: 40 } });
    }
  });

  test('without the boundary, without +Inf, or with more up to the boundary than in all, the counter is unreadable', () => {
    const unreadable = { e: { requests: NaN, bad: NaN } };
    expect(readSlower([bucket(A, '+Inf', 100)], 50).get(1_000)?.get(A)).toEqual(unreadable);
    expect(readSlower([bucket(A, '50', 100)], 50).get(1_000)?.get(A)).toEqual(unreadable);
    expect(readSlower([bucket(A, '50', 101), bucket(A, '+Inf', 100)], 50).get(1_000)?.get(A)).toEqual(unreadable);
  });
});

describe('readBoundaries', () => {
  test('ascending numbers by cluster, each once, without +Inf and without nonsense', () => {
    const read = readBoundaries(['100.0', '25', '7.5', '25.0', '+Inf', 'x'].map((le) => bucket(A, le, 1)));
    expect([...read]).toEqual([[A, [7.5, 25, 100]]]);
  });
});
