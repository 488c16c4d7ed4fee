import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { BoundsView, DeploymentView } from '../../../src/telemetry/deploymentView.ts';
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts';

const opened: Metrics[] = [];

function open(monotonicMs: () => number = () => 0): Metrics {
  const metrics = createMetrics({ version: '0.1.0', commit: 'abc', monotonicMs, processMetrics: false });
  opened.push(metrics);
  return metrics;
}

afterEach(() => {
  for (const metrics of opened.splice(0)) metrics.close();
});

/** The samples of the scrape whose line contains every given part. */
async function scrape(metrics: Metrics, ...parts: readonly string[]): Promise<readonly string[]> {
  const { body } = await metrics.render();
  return body.split('\n').filter((line) => !line.startsWith('#') && parts.every((part) => line.includes(part)));
}

const HOLDING: DeploymentView = {
  namespace: 'risk',
  name: 'fraud',
  phase: 'Holding',
  weight: 25,
  stable: { version: '1.0.0', revision: 'aaaaaaaaaa', readyReplicas: 3 },
  candidate: { version: '1.1.0', revision: 'bbbbbbbbbb', readyReplicas: 1 },
  combinedLogE: -1.5,
  checks: [
    {
      check: 'errors',
      verdict: 'Inconclusive',
      reason: 'Collecting',
      logE: -1.2,
      stable: { requests: 300, bad: 3 },
      candidate: { requests: 100, bad: 1.5 },
    },
    { check: 'queue', verdict: 'Pass', value: 12 },
  ],
};

const STEADY: DeploymentView = {
  namespace: 'risk',
  name: 'fraud',
  phase: 'Ready',
  weight: 0,
  stable: { version: '1.1.0', revision: 'bbbbbbbbbb', readyReplicas: 3 },
  checks: [],
};

const OF_FRAUD = 'namespace="risk",deployment="fraud"';

describe('the gauges of a deployment', () => {
  test('show what its view holds, no more and no less', async () => {
    const metrics = open();
    metrics.recordDeployment(HOLDING);
    expect((await scrape(metrics, OF_FRAUD)).filter((line) => !line.includes('_total')).toSorted()).toEqual(
      [
        `plimsoll_deployment_phase{${OF_FRAUD},phase="Holding"} 1`,
        `plimsoll_traffic_weight_percent{${OF_FRAUD},role="stable"} 75`,
        `plimsoll_traffic_weight_percent{${OF_FRAUD},role="candidate"} 25`,
        `plimsoll_ready_replicas{${OF_FRAUD},role="stable"} 3`,
        `plimsoll_ready_replicas{${OF_FRAUD},role="candidate"} 1`,
        `plimsoll_revision_info{${OF_FRAUD},role="stable",version="1.0.0",revision="aaaaaaaaaa"} 1`,
        `plimsoll_revision_info{${OF_FRAUD},role="candidate",version="1.1.0",revision="bbbbbbbbbb"} 1`,
        `plimsoll_check_verdict{${OF_FRAUD},check="errors",verdict="Inconclusive",reason="Collecting"} 1`,
        `plimsoll_check_verdict{${OF_FRAUD},check="queue",verdict="Pass",reason=""} 1`,
        `plimsoll_check_requests{${OF_FRAUD},check="errors",role="stable"} 300`,
        `plimsoll_check_requests{${OF_FRAUD},check="errors",role="candidate"} 100`,
        `plimsoll_check_bad_requests{${OF_FRAUD},check="errors",role="stable"} 3`,
        `plimsoll_check_bad_requests{${OF_FRAUD},check="errors",role="candidate"} 1.5`,
        `plimsoll_check_log_e_value{${OF_FRAUD},check="errors"} -1.2`,
        `plimsoll_check_value{${OF_FRAUD},check="queue"} 12`,
        `plimsoll_release_log_e_value{${OF_FRAUD}} -1.5`,
      ].toSorted(),
    );
  });

  test('lose the candidate, its checks and the old phase when the release ends', async () => {
    const metrics = open();
    metrics.recordDeployment(HOLDING);
    metrics.recordDeployment(STEADY);
    expect((await scrape(metrics, OF_FRAUD)).filter((line) => !line.includes('_total')).toSorted()).toEqual(
      [
        `plimsoll_deployment_phase{${OF_FRAUD},phase="Ready"} 1`,
        `plimsoll_traffic_weight_percent{${OF_FRAUD},role="stable"} 100`,
        `plimsoll_ready_replicas{${OF_FRAUD},role="stable"} 3`,
        `plimsoll_revision_info{${OF_FRAUD},role="stable",version="1.1.0",revision="bbbbbbbbbb"} 1`,
      ].toSorted(),
    );
  });

  test('move a verdict instead of adding one', async () => {
    const metrics = open();
    metrics.recordDeployment(HOLDING);
    metrics.recordDeployment({ ...HOLDING, checks: [{ check: 'errors', verdict: 'Fail', reason: 'Worse', logE: 9 }] });
    expect(await scrape(metrics, 'plimsoll_check_verdict')).toEqual([
      `plimsoll_check_verdict{${OF_FRAUD},check="errors",verdict="Fail",reason="Worse"} 1`,
    ]);
  });
});

describe('the bounds of a check', () => {
  const bounded = (name: string, bounds: () => BoundsView): DeploymentView => ({
    ...HOLDING,
    name,
    checks: [{ check: 'errors', verdict: 'Inconclusive', phi: 1.5, bounds }],
  });
  const upper = async (metrics: Metrics): Promise<readonly string[]> =>
    (await scrape(metrics, 'plimsoll_check_rate_upper')).map((line) => line.replace(/^.*deployment="(\w+)".*} /, '$1 '));

  test('are asked at a scrape, once for each look', async () => {
    let asked = 0;
    const metrics = open();
    const bounds = (): BoundsView => ({ ratioLower: 0, ratioUpper: ++asked, rateUpper: 0.25 });
    metrics.recordDeployment(bounded('fraud', bounds));
    metrics.recordDeployment(bounded('fraud', bounds));
    expect(asked).toBe(0);
    const first = await scrape(metrics, OF_FRAUD, 'check="errors"');
    expect(first.filter((line) => !line.includes('verdict')).toSorted()).toEqual([
      `plimsoll_check_burst_factor{${OF_FRAUD},check="errors"} 1.5`,
      `plimsoll_check_rate_upper{${OF_FRAUD},check="errors"} 0.25`,
      `plimsoll_check_ratio_lower{${OF_FRAUD},check="errors"} 0`,
      `plimsoll_check_ratio_upper{${OF_FRAUD},check="errors"} 1`,
    ]);
    expect(await scrape(metrics, OF_FRAUD, 'check="errors"')).toEqual(first);
    expect(asked).toBe(1);
    metrics.recordDeployment(bounded('fraud', bounds));
    expect(await scrape(metrics, 'ratio_upper')).toEqual([`plimsoll_check_ratio_upper{${OF_FRAUD},check="errors"} 2`]);
  });

  test('are those that the kind of check has', async () => {
    const metrics = open();
    metrics.recordDeployment(bounded('fraud', () => ({ meanWorseLower: -0.5, meanWorseUpper: 1.25 })));
    expect((await scrape(metrics, 'check="errors"', '_worse_')).toSorted()).toEqual([
      `plimsoll_check_mean_worse_lower{${OF_FRAUD},check="errors"} -0.5`,
      `plimsoll_check_mean_worse_upper{${OF_FRAUD},check="errors"} 1.25`,
    ]);
    expect(await upper(metrics)).toEqual([]);
  });

  test('that are none have no series', async () => {
    const metrics = open();
    metrics.recordDeployment(bounded('fraud', () => ({ ratioLower: 0, ratioUpper: null, rateUpper: 1 })));
    expect(await upper(metrics)).toEqual(['fraud 1']);
    expect(await scrape(metrics, 'ratio_upper')).toEqual([]);
  });

  test('take no more than their time of a scrape: those that waited longest come first, and the others keep their last ones', async () => {
    let [now, round] = [0, 1];
    const metrics = open(() => now);
    const costly = (): BoundsView => {
      now += 30;
      return { ratioLower: 0, ratioUpper: null, rateUpper: round };
    };
    const record = (): void => ['a', 'b', 'c'].forEach((name) => metrics.recordDeployment(bounded(name, costly)));
    record();
    expect(await upper(metrics)).toEqual(['a 1', 'b 1']);
    round = 2;
    record();
    expect((await upper(metrics)).toSorted()).toEqual(['a 2', 'b 1', 'c 2']);
  });

  test('go with the release, also before anybody asked', async () => {
    const metrics = open();
    metrics.recordDeployment(bounded('fraud', () => ({ ratioLower: 0, ratioUpper: 2, rateUpper: 1 })));
    await scrape(metrics);
    metrics.recordDeployment(bounded('fraud', () => ({ ratioLower: 0, ratioUpper: 2, rateUpper: 1 })));
    metrics.recordDeployment(STEADY);
    expect(await scrape(metrics, 'check=')).toEqual([]);
    metrics.recordDeployment(bounded('fraud', () => ({ ratioLower: 0, ratioUpper: 2, rateUpper: 1 })));
    metrics.forgetDeployment('risk', 'fraud');
    expect(await scrape(metrics, OF_FRAUD)).toEqual([]);
  });
});

describe('forgetting a deployment', () => {
  test('removes its gauges and counters, and none of another with the same name', async () => {
    const metrics = open();
    metrics.recordDeployment(HOLDING);
    metrics.recordDeployment({ ...HOLDING, namespace: 'shop' });
    metrics.recordRollback({ namespace: 'risk', deployment: 'fraud', reason: 'ChecksFailed' });
    metrics.recordReleaseEnd({ namespace: 'risk', deployment: 'fraud', outcome: 'Aborted', failureClass: 'User', durationSeconds: 5 });
    const others = await scrape(metrics, 'namespace="shop"');
    metrics.forgetDeployment('risk', 'fraud');
    expect(await scrape(metrics, 'namespace="risk"')).toEqual([]);
    expect(await scrape(metrics, 'namespace="shop"')).toEqual(others);
    expect(others.length).toBeGreaterThan(10);
  });

  test('pitfall 26: leaves nothing behind after a thousand deployments have come and gone', async () => {
    const metrics = open();
    const before = (await scrape(metrics)).length;
    for (let index = 0; index < 1000; index += 1) {
      metrics.recordDeployment({ ...HOLDING, name: `fraud-${index}` });
      metrics.forgetDeployment('risk', `fraud-${index}`);
    }
    expect(await scrape(metrics)).toHaveLength(before);
  });

  test('that was never recorded does no harm', () => {
    const metrics = open();
    expect(() => {
      metrics.forgetDeployment('risk', 'nobody');
    }).not.toThrow();
  });
});

describe('releases', () => {
  test('are counted by outcome and class, and the usual ends start at 0', async () => {
    const metrics = open();
    metrics.recordDeployment(STEADY);
    const end = { namespace: 'risk', deployment: 'fraud', durationSeconds: 45 };
    metrics.recordReleaseEnd({ ...end, outcome: 'RolledBack', failureClass: 'Evidence' });
    metrics.recordDeployment(STEADY);
    expect((await scrape(metrics, 'plimsoll_releases_total')).toSorted()).toEqual(
      [
        `plimsoll_releases_total{${OF_FRAUD},outcome="Promoted",class=""} 0`,
        `plimsoll_releases_total{${OF_FRAUD},outcome="RolledBack",class="Evidence"} 1`,
        `plimsoll_releases_total{${OF_FRAUD},outcome="RolledBack",class="Infrastructure"} 0`,
      ].toSorted(),
    );
    expect(await scrape(metrics, 'plimsoll_release_duration_seconds_sum')).toEqual([
      'plimsoll_release_duration_seconds_sum{outcome="RolledBack",class="Evidence"} 45',
    ]);
  });

  test('that roll back are counted by reason', async () => {
    const metrics = open();
    for (const reason of ['ChecksFailed', 'ChecksFailed', 'AlertFiring']) {
      metrics.recordRollback({ namespace: 'risk', deployment: 'fraud', reason });
    }
    expect(await scrape(metrics, 'plimsoll_rollbacks_total')).toEqual([
      `plimsoll_rollbacks_total{${OF_FRAUD},reason="ChecksFailed"} 2`,
      `plimsoll_rollbacks_total{${OF_FRAUD},reason="AlertFiring"} 1`,
    ]);
  });
});

describe('the operator itself', () => {
  test('counts its work by fixed words', async () => {
    const metrics = open();
    metrics.recordReconcile('ModelDeployment', 'ok', 0.03);
    metrics.setQueueDepth('urgent', 2);
    metrics.recordApiCall({ verb: 'patch', resource: 'httproutes', code: 409, seconds: 0.004 });
    metrics.recordApiCall({ verb: 'get', resource: 'leases', code: 'timeout', seconds: 10 });
    metrics.recordPrometheusQuery('empty');
    metrics.setLeader(true);
    const lines = await scrape(metrics);
    expect(lines).toEqual(
      expect.arrayContaining([
        'plimsoll_reconcile_duration_seconds_count{kind="ModelDeployment",result="ok"} 1',
        'plimsoll_queue_depth{lane="urgent"} 2',
        'plimsoll_kube_api_calls_total{verb="patch",resource="httproutes",code="409"} 1',
        'plimsoll_kube_api_calls_total{verb="get",resource="leases",code="timeout"} 1',
        'plimsoll_kube_api_call_duration_seconds_sum{verb="get",resource="leases"} 10',
        'plimsoll_prometheus_queries_total{result="empty"} 1',
        'plimsoll_leader 1',
        `plimsoll_build_info{version="0.1.0",commit="abc",node="${process.version}"} 1`,
      ]),
    );
  });

  test('does not say that it leads before it does', async () => {
    expect(await scrape(open(), 'plimsoll_leader')).toEqual(['plimsoll_leader 0']);
  });

  test('pitfall 10: shows how long each watch has been silent, by its own clock, at each scrape', async () => {
    let now = 1000;
    const metrics = open(() => now);
    metrics.recordWatchActivity('services');
    now = 5000;
    metrics.recordWatchActivity('httproutes');
    now = 8500;
    expect(await scrape(metrics, 'plimsoll_watch_age_seconds')).toEqual([
      'plimsoll_watch_age_seconds{resource="services"} 7.5',
      'plimsoll_watch_age_seconds{resource="httproutes"} 3.5',
    ]);
  });

  test('pitfall 17: sees a blocked event loop, and forgets it after the scrape', async () => {
    const metrics = open();
    const lag = async (): Promise<number> => Number((await scrape(metrics, 'plimsoll_event_loop_lag_seconds', 'max'))[0]?.split(' ')[1]);
    const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 40));
    await pause();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
    await pause();
    expect(await lag()).toBeGreaterThan(0.4);
    await pause();
    expect(await lag()).toBeLessThan(0.4);
  });
});

describe('docs/metrics.md', () => {
  const documented = readFileSync('docs/metrics.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `plimsoll_'))
    .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()))
    .map(([name = '', type, labels = '', , meaning]) => ({
      name: name.replaceAll('`', ''),
      type,
      labels: labels.split(',').map((label) => label.trim()).filter((label) => label !== ''),
      meaning,
    }));

  test('says of every metric its name, type, labels and meaning as the registry has them', () => {
    const registered = open().registry.getMetricsAsArray().map((metric) => {
      const { labelNames } = metric as unknown as { readonly labelNames: readonly string[] };
      return { name: metric.name, type: typeOf(metric), labels: [...labelNames].filter((label) => label !== 'le'), meaning: metric.help };
    });
    const byName = (a: { readonly name: string }, b: { readonly name: string }): number => a.name.localeCompare(b.name);
    expect(documented.toSorted(byName)).toEqual(registered.toSorted(byName));
  });

  test('gives a unit for every metric', () => {
    const rows = readFileSync('docs/metrics.md', 'utf8').split('\n').filter((line) => line.startsWith('| `plimsoll_'));
    expect(rows.filter((row) => row.split('|')[4]?.trim() === '')).toEqual([]);
  });

  test('asks in its example queries for metrics that exist', () => {
    const asked = readFileSync('docs/metrics.md', 'utf8').match(/plimsoll_[a-z_]+/g) ?? [];
    expect([...new Set(asked)].filter((name) => !documented.some((metric) => metric.name === name))).toEqual([]);
  });
});

function typeOf(metric: object): string {
  return metric.constructor.name.toLowerCase();
}
