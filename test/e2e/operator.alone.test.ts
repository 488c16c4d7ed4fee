// The operator itself: what it tells about its work, and that it leaves an unchanged world alone. Alone, since its counters are of all
// that it does, and other tests kill it.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { kubectl, request } from '../support/cluster.ts';
import type { Sample } from '../support/metricsText.ts';
import {
  askOperator,
  killOperator,
  operatorLeads,
  operatorLog,
  scrapeOperator,
  type OperatorPod,
} from '../support/operator.ts';
import { Scenario } from '../support/scenario.ts';

const QUIET_MS = 15_000;
const STORY_MS = 180_000;
const KINDS = [
  'apis/plimsoll.dev/v1alpha1/modelversions',
  'apis/plimsoll.dev/v1alpha1/modeldeployments',
  'apis/plimsoll.dev/v1alpha1/modelreleases',
  'apis/apps/v1/deployments',
  'apis/apps/v1/controllerrevisions',
  'api/v1/services',
  'apis/policy/v1/poddisruptionbudgets',
  'apis/gateway.networking.k8s.io/v1/httproutes',
  'apis/batch/v1/jobs',
  'api/v1/events',
];

let scene: Scenario;
let pod: OperatorPod;
let whileHolding: readonly Sample[] = [];
let logWhileReleasing: readonly Record<string, unknown>[] = [];

/** Whether a series belongs to this test's deployment. */
const isOurs = ({ labels }: Sample): boolean => labels['namespace'] === scene.namespace && labels['deployment'] === scene.name;

/** Values of this test's series of one name, by the labels that are told apart here. */
function valuesOf(samples: readonly Sample[], name: string): Readonly<Record<string, number>> {
  const ours = samples.filter((sample) => sample.name === name && isOurs(sample));
  return Object.fromEntries(
    ours.map(({ labels: { namespace: _, deployment: __, ...rest }, value }) => [Object.values(rest).join('/'), value]),
  );
}

/** resourceVersion of every object in the namespace that the operator writes; a write that changes nothing is counted elsewhere. */
async function versionsOfAll(): Promise<Readonly<Record<string, string>>> {
  const lists = await Promise.all(
    KINDS.map(async (kind) => {
      const path = kind.replace(/\/([a-z]+)$/, `/namespaces/${scene.namespace}/$1`);
      const { items } = await scene.read<{
        readonly items: readonly { readonly metadata: { readonly name: string; readonly resourceVersion: string } }[];
      }>(`/${path}`);
      return items.map(({ metadata }) => [`${kind}/${metadata.name}`, metadata.resourceVersion] as const);
    }),
  );
  return Object.fromEntries(lists.flat());
}

/** Writes that the operator has asked the API server for since it started, whatever came of them; its Lease is not counted. */
function writes(samples: readonly Sample[]): Readonly<Record<string, number>> {
  const calls = samples.filter(
    ({ name, labels }) =>
      name === 'plimsoll_kube_api_calls_total' &&
      !['get', 'list', 'watch'].includes(labels['verb'] ?? '') &&
      labels['resource'] !== 'leases',
  );
  return Object.fromEntries(
    calls.map(({ labels, value }) => [`${labels['verb'] ?? ''} ${labels['resource'] ?? ''} ${labels['code'] ?? ''}`, value]),
  );
}

/** Passes over ModelDeployments so far. */
function passes(samples: readonly Sample[]): number {
  const counts = samples.filter(
    ({ name, labels }) => name === 'plimsoll_reconcile_duration_seconds_count' && labels['kind'] === 'ModelDeployment',
  );
  return counts.reduce((sum, { value }) => sum + value, 0);
}

beforeAll(async () => {
  scene = await Scenario.open('operator');
  pod = await operatorLeads();
  await Promise.all([scene.version('1.0.0'), scene.version('2.0.0')]);
  await scene.deploy('1.0.0', { rollout: { steps: [{ weight: 25, hold: '4s' }], progressDeadline: '60s' } });
  await scene.ready();
  scene.load(20);
  await scene.release('2.0.0');
  whileHolding = await scene.until(
    'the checks of the release have counted something',
    async () => {
      const samples = await scrapeOperator(pod);
      return (valuesOf(samples, 'plimsoll_check_requests')['errors/candidate'] ?? 0) > 0 ? samples : undefined;
    },
    60_000,
  );
  await scene.finished(2);
  await scene.ready();
  logWhileReleasing = (await operatorLog(pod, 120)).map((line) => JSON.parse(line) as Record<string, unknown>);
}, STORY_MS);

afterAll(async () => {
  await scene.close();
}, 30_000);

describe('/metrics, as docs/metrics.md has it', () => {
  test('shows a release while it holds: phase, weights, pods, revisions, verdicts and evidence', () => {
    expect(valuesOf(whileHolding, 'plimsoll_deployment_phase')).toEqual({ Holding: 1 });
    expect(valuesOf(whileHolding, 'plimsoll_traffic_weight_percent')).toEqual({ stable: 75, candidate: 25 });
    expect(valuesOf(whileHolding, 'plimsoll_ready_replicas')).toMatchObject({ stable: 2, candidate: expect.any(Number) });
    expect(
      Object.keys(valuesOf(whileHolding, 'plimsoll_revision_info'))
        .map((key) => key.split('/').slice(0, 2).join(' '))
        .sort(),
    ).toEqual(['candidate 2.0.0', 'stable 1.0.0']);
    const verdicts = Object.keys(valuesOf(whileHolding, 'plimsoll_check_verdict'));
    expect(verdicts.map((key) => key.split('/')[0]).sort()).toEqual(['errors', 'latency']);
    expect(valuesOf(whileHolding, 'plimsoll_check_bad_requests')).toMatchObject({ 'errors/candidate': 0, 'errors/stable': 0 });
    expect(Object.keys(valuesOf(whileHolding, 'plimsoll_check_log_e_value')).sort()).toEqual(['errors', 'latency']);
    expect(Object.keys(valuesOf(whileHolding, 'plimsoll_release_log_e_value'))).toHaveLength(1);
  });

  test('counts the outcome afterwards, and shows no candidate and no check any more', async () => {
    const samples = await scrapeOperator(pod);
    expect(valuesOf(samples, 'plimsoll_releases_total')).toMatchObject({ 'Promoted/': 2, 'RolledBack/Evidence': 0 });
    expect(valuesOf(samples, 'plimsoll_deployment_phase')).toEqual({ Serving: 1 });
    expect(valuesOf(samples, 'plimsoll_traffic_weight_percent')).toEqual({ stable: 100 });
    expect(valuesOf(samples, 'plimsoll_check_verdict')).toEqual({});
    expect(
      samples.find(({ name, labels }) => name === 'plimsoll_release_duration_seconds_count' && labels['outcome'] === 'Promoted')?.value,
    ).toBeGreaterThanOrEqual(2);
  });

  test('shows how the operator itself is: leading, its calls, its watches, its event loop', async () => {
    const samples = await scrapeOperator(pod);
    const all = (name: string): readonly Sample[] => samples.filter((sample) => sample.name === name);
    expect(all('plimsoll_leader').map(({ value }) => value)).toEqual([1]);
    expect(all('plimsoll_kube_api_calls_total').some(({ labels }) => labels['verb'] === 'patch' && labels['code'] === '200')).toBe(true);
    expect(all('plimsoll_prometheus_queries_total').find(({ labels }) => labels['result'] === 'ok')?.value).toBeGreaterThan(0);
    const watches = all('plimsoll_watch_age_seconds');
    expect(watches.length).toBeGreaterThanOrEqual(10);
    expect(watches.filter(({ value }) => !(value < 300))).toEqual([]);
    expect(
      all('plimsoll_event_loop_lag_seconds')
        .map(({ labels }) => labels['stat'])
        .sort(),
    ).toEqual(['max', 'p99']);
    expect(all('plimsoll_queue_depth')).not.toEqual([]);
    expect(all('plimsoll_build_info').map(({ value }) => value)).toEqual([1]);
  });

  test('beside it, /healthz and /readyz answer 200', async () => {
    expect(await askOperator(pod, '/healthz')).toMatchObject({ status: 200 });
    expect(await askOperator(pod, '/readyz')).toMatchObject({ status: 200 });
  });
});

describe('the log', () => {
  test('is JSON on every line, and each line of a release names release and revision', async () => {
    const revision = (await scene.releases()).at(-1)?.spec.to.revision;
    const lines = logWhileReleasing.filter((line) => line['namespace'] === scene.namespace && line['release'] === `${scene.name}-r2`);
    const reasons = lines.flatMap(({ reason }) => (typeof reason === 'string' ? [reason] : []));
    // The load began with the release: whether its first look finds a histogram, and a past to foretell from, depends on the moment.
    expect(reasons.filter((reason) => !/^(Check|Evidence)/.test(reason))).toEqual(['TrafficShifted', 'Promoting', 'Promoted']);
    expect(lines.filter((line) => line['revision'] !== revision)).toEqual([]);
    expect(logWhileReleasing.filter((line) => typeof line['time'] !== 'string' || typeof line['message'] !== 'string')).toEqual([]);
  });
});

describe('a world that is as it should be', () => {
  let settled: Readonly<Record<string, string>> = {};

  beforeAll(async () => {
    settled = await scene.until(
      'nothing has changed for 4 s, nor was any write tried',
      async () => {
        const before = { versions: await versionsOfAll(), writes: writes(await scrapeOperator(pod)) };
        await sleep(4000);
        const after = { versions: await versionsOfAll(), writes: writes(await scrapeOperator(pod)) };
        return JSON.stringify(before) === JSON.stringify(after) ? after.versions : undefined;
      },
      90_000,
    );
  }, STORY_MS);

  test(
    'pitfall 19: is passed over again when something watched changes, and nothing is written',
    async () => {
      const before = await scrapeOperator(pod);
      const path = `/apis/apps/v1/namespaces/${scene.namespace}/controllerrevisions/${scene.name}-${(await scene.releases()).at(-1)?.spec.to.revision ?? ''}`;
      const answer = await request('PATCH', path, {
        body: { metadata: { annotations: { 'example.com/touched': 'yes' } } },
        contentType: 'application/merge-patch+json',
      });
      expect(answer.status).toBe(200);
      await kubectl(['-n', scene.namespace, 'annotate', 'mdep', scene.name, 'example.com/touched=yes']);
      await sleep(QUIET_MS);
      const after = await scrapeOperator(pod);
      expect(passes(after)).toBeGreaterThan(passes(before));
      expect(writes(after)).toEqual(writes(before));
      const touched = [
        `apis/apps/v1/controllerrevisions/${path.split('/').at(-1) ?? ''}`,
        `apis/plimsoll.dev/v1alpha1/modeldeployments/${scene.name}`,
      ];
      const now = await versionsOfAll();
      expect(
        Object.keys(now)
          .filter((key) => now[key] !== settled[key])
          .sort(),
      ).toEqual(touched.sort());
      settled = now;
    },
    STORY_MS,
  );

  test(
    'is passed over by an operator that starts anew, and nothing is written',
    async () => {
      await killOperator();
      pod = await operatorLeads();
      await sleep(QUIET_MS);
      const samples = await scrapeOperator(pod);
      expect(passes(samples)).toBeGreaterThan(0);
      expect(writes(samples)).toEqual({});
      expect(await versionsOfAll()).toEqual(settled);
    },
    STORY_MS,
  );
});

describe('a deployment that is deleted', () => {
  test('pitfall 26: takes its series with it', async () => {
    expect((await scrapeOperator(pod)).filter(isOurs)).not.toEqual([]);
    await kubectl(['-n', scene.namespace, 'delete', 'mdep', scene.name]);
    await scene.until('no series is left', async () => ((await scrapeOperator(pod)).some(isOurs) ? undefined : true), 10_000);
  }, 60_000);
});
