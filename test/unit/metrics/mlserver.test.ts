import { describe, expect, test } from '@jest/globals';
import { MLSERVER } from '../../../src/metrics/mlserver.ts';
import { seriesFor } from '../../../src/metrics/pods.ts';
import type { Series } from '../../../src/metrics/prometheusAnswer.ts';

const { boundaryQueries, latencyQueries, readBoundaries, readSlower } = MLSERVER;
if (MLSERVER.errorQueries === undefined) throw new Error('MLServer counts failures');
const { errorQueries, readErrors } = MLSERVER;

const STABLE = 'risk/fraud-aaaaaaaaaa';
const CANDIDATE = 'risk/fraud-bbbbbbbbbb';
const ARMS = { namespace: 'risk', deployment: 'fraud', stable: 'aaaaaaaaaa', candidate: 'bbbbbbbbbb', server: 'MLServer' } as const;
const POD = 'fraud-aaaaaaaaaa-7c9f8d6b5-x2x9q';

function series(labels: Record<string, string>, value: number): Series {
  return { labels: { namespace: 'risk', pod: POD, ...labels }, points: [{ atMs: 1000, value }] };
}

test('a version is known by its namespace and by how its pods are named', () => {
  expect(seriesFor(ARMS)).toEqual({ stable: STABLE, candidate: CANDIDATE });
});

describe('queries', () => {
  test('ask for the inferences of all versions at once, each pod counted once', () => {
    const selector =
      'rest_server_requests_total{namespace=~"other|risk",pod=~"(x-cccccccccc|fraud-aaaaaaaaaa|fraud-bbbbbbbbbb)-[a-z0-9]+(-[a-z0-9]+)?",path=~".+/(infer|infer_stream|generate|generate_stream)"}';
    const counters = `sum by (namespace, pod, status_code) (max by (namespace, pod, path, method, status_code) (${selector}))`;
    expect(errorQueries([CANDIDATE, STABLE, 'other/x-cccccccccc'])).toMatchObject([
      {
        promql: `${counters} or label_replace(max by (namespace, pod) (timestamp(${selector})), "plimsoll_scraped", "yes", "", "")`,
        names: ['other/x-cccccccccc', STABLE, CANDIDATE],
      },
    ]);
  });

  test('ask for boundaries in seconds, in both ways to write a whole one', () => {
    expect(latencyQueries([STABLE], [1000, 50])[0]?.promql).toContain(String.raw`le=~"0\\.05|1|1\\.0|\\+Inf"`);
    expect(boundaryQueries([STABLE])[0]?.promql).toMatch(
      /^group by \(namespace, pod, le\) \(rest_server_request_duration_seconds_bucket\{/,
    );
  });

  test('are few for a thousand releases, and none is left out', () => {
    const names = Array.from({ length: 1000 }, (_, i) => `team-${i % 7}/model-${i}-aaaaaaaaaa`);
    const queries = errorQueries(names);
    expect(queries.length).toBeLessThan(8);
    expect(new Set(queries.flatMap((query) => query.names)).size).toBe(1000);
  });
});

describe('answers', () => {
  test('are counters by version and pod: status 5xx is bad, all others are requests', () => {
    const other = 'fraud-bbbbbbbbbb-7c9f8d6b5-zzzzz';
    const found = readErrors([
      series({ status_code: '200' }, 90),
      series({ status_code: '422' }, 4),
      series({ status_code: '500' }, 5),
      series({ status_code: '503' }, 1),
      series({ status_code: '200', pod: other }, 7),
    ]).get(1000);
    expect(found?.get(STABLE)).toEqual({ [POD]: { requests: 100, bad: 6 } });
    expect(found?.get(CANDIDATE)).toEqual({ [other]: { requests: 7, bad: 0 } });
  });

  test('about a pod whose name Kubernetes had to cut are understood', () => {
    const pod = `${'m'.repeat(40)}-aaaaaaaaaa-7c9f8dx2x9q`;
    expect(pod).toHaveLength(63);
    expect([
      ...(readErrors([series({ status_code: '200', pod }, 1)])
        .get(1000)
        ?.keys() ?? []),
    ]).toEqual([`risk/${'m'.repeat(40)}-aaaaaaaaaa`]);
  });

  test('about a pod whose ReplicaSet has a hash like a revision are those of its revision', () => {
    const pod = 'fraud-2cf14b1f96-5998cd76b5-dh55g';
    expect([
      ...(readErrors([series({ status_code: '200', pod }, 1)])
        .get(1000)
        ?.keys() ?? []),
    ]).toEqual(['risk/fraud-2cf14b1f96']);
  });

  test.each(['fraud-x2x9q', 'prometheus-0', ''])("about pod %j are nobody's", (pod) => {
    expect(readErrors([series({ status_code: '200', pod }, 1)]).size).toBe(0);
  });

  test('with a number that is none are unreadable', () => {
    expect(
      readErrors([series({ status_code: '200' }, NaN), series({ status_code: '500' }, 1)])
        .get(1000)
        ?.get(STABLE),
    ).toEqual({
      [POD]: { requests: NaN, bad: NaN },
    });
  });

  test('of the histogram say how many requests were slower', () => {
    const found = readSlower([series({ le: '0.05' }, 80), series({ le: '+Inf' }, 100), series({ le: '0.1' }, 90)], 50);
    expect(found.get(1000)?.get(STABLE)).toEqual({ [POD]: { requests: 100, bad: 20 } });
  });

  test('about its boundaries are read in milliseconds', () => {
    const bounds = ['0.005', '0.075', '0.25', '1.0', '7.5', '+Inf'].map((le) => series({ le }, 1));
    expect(readBoundaries(bounds).get(STABLE)).toEqual([5, 75, 250, 1000, 7500]);
  });
});
