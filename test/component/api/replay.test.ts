// plimsoll replay and explain on a real API server, which keeps no field that its schemas do not know; the counters are those of a Prometheus
// that has seen an even stream of requests.
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { ModelDeployment } from '../../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../../src/api/generated/modelrelease.ts';
import type { KubeClient } from '../../../src/controller/client.ts';
import { createClusterInput } from '../../../src/cli/cluster.ts';
import { runClusterCommand } from '../../../src/cli/clusterCommands.ts';
import { createSystemClock } from '../../../src/controller/clock.ts';
import { createKubeClient } from '../../../src/controller/kubeClient.ts';
import { clusterName, REQUESTS } from '../../../src/metrics/envoyGateway.ts';
import { startPrivateApiServer, type PrivateApiServer } from '../../support/privateApiServer.ts';
import { startFakePrometheus, type FakePrometheus } from '../../support/prometheus.ts';
import { deploymentObject } from '../../support/world/objects.ts';

jest.setTimeout(240_000);

const DIGEST = `sha256:${'0'.repeat(64)}`;
const [STABLE, CANDIDATE] = ['aaaaaaaaaa', 'bbbbbbbbbb'];
let server: PrivateApiServer;
let fake: FakePrometheus;
let client: KubeClient;
let namespace = '';
let startMs = 0;

beforeAll(async () => {
  [server, fake] = await Promise.all([startPrivateApiServer(), startFakePrometheus()]);
  for (const kind of ['modeldeployments', 'modelreleases']) {
    await server.kubectl(['apply', '--server-side', '-f', `crds/plimsoll.dev_${kind}.yaml`]);
    await server.kubectl(['wait', '--for=condition=Established', `crd/${kind}.plimsoll.dev`]);
  }
  namespace = await server.createNamespace('replay');
  client = createKubeClient(server.kubeConfig(), { clock: createSystemClock(Date.now) });
  startMs = Math.ceil(Date.now() / 15_000) * 15_000 + 60_000;
  await keep(deployment(), { phase: 'RolledBack', stable: { version: '1', digest: DIGEST, revision: STABLE, slot: 'a' } });
  await keep(release(), {
    outcome: 'RolledBack',
    class: 'Evidence',
    reason: 'ErrorRateWorse',
    message: 'version 2 failed check errors',
    windows: [{ step: 0, weight: 50, from: at(0), to: at(300_000) }],
    checks: [{ name: 'errors', verdict: 'Fail', explanation: 'as it was said' }],
    finishedAt: at(300_000),
  });
  // 10 requests a second to each; of the candidate's every fifth fails.
  fake.answer(REQUESTS, {
    kind: 'samples',
    at: (atMs) => {
      const requests = Math.max(0, atMs - startMs + 3_600_000) / 100;
      const series = (slot: 'a' | 'b', bad: number) =>
        [['2', requests - bad], ['5', bad]].map(([code = '', value = 0]) => ({
          labels: { envoy_cluster_name: clusterName(namespace, 'fraud', slot), instance: 'east', envoy_response_code_class: String(code) },
          value,
        }));
      return [...series('a', requests / 100), ...series('b', requests / 5)];
    },
  });
});

afterAll(async () => {
  await Promise.all([server.stop(), fake.stop()]);
});

const at = (ms: number): string => new Date(startMs + ms).toISOString();

function deployment(): ModelDeployment {
  const made = deploymentObject({ version: '2' });
  return { ...made, metadata: { name: 'fraud', namespace } };
}

function release(): ModelRelease {
  return {
    apiVersion: 'plimsoll.dev/v1alpha1',
    kind: 'ModelRelease',
    metadata: { name: 'fraud-r1', namespace },
    spec: {
      deployment: 'fraud',
      number: 1,
      from: { version: '1', digest: DIGEST, revision: STABLE },
      to: { version: '2', digest: DIGEST, revision: CANDIDATE },
      cause: { type: 'Version' },
      plan: {
        steps: [{ weight: 50, hold: '10m' }],
        checks: [{ name: 'errors', type: 'errorRate', parameters: { relativeMargin: '50%', absoluteFloor: '0.5%' } }],
        interval: '15s',
        minRequests: 100,
        unavailableGrace: '30s',
        progressDeadline: '15m',
        evidenceDeadline: '1h',
        settle: '20s',
      },
    },
  };
}

async function keep(object: ModelDeployment | ModelRelease, status: object): Promise<void> {
  const { apiVersion, kind, metadata } = object;
  await client.create(object);
  const written = { apiVersion, kind, metadata: { name: metadata.name, namespace }, status };
  await client.apply(written, { fieldManager: 'test', subresource: 'status' });
}

const run = (name: 'explain' | 'replay', ...words: readonly string[]) =>
  runClusterCommand(name, [...words, '-n', namespace], createClusterInput(Readable.from([]), () => startMs + 600_000, () => server.kubeConfig()));

test('replay reads record, ledger and slot, and comes to the verdict of the record', async () => {
  const { text, code, complaint } = await run('replay', 'fraud-r1', '--prometheus', fake.url);
  expect([code, complaint]).toEqual([0, '']);
  expect(text).toMatch(/\nerrors: agrees\n {2}replayed: Fail\. candidate 600\/3000 vs stable 30\/3000: e=[^]*\n {2}recorded: Fail\. as it was said\n/);
});

test('explain tells of it, and how to try it once more', async () => {
  const { text, code, complaint } = await run('explain', 'fraud');
  expect([code, complaint]).toEqual([0, '']);
  expect(text).toContain('The last release, fraud-r1, ended as RolledBack: version 2 failed check errors');
  expect(text).toContain('"retry":{"version":"2","token":"after-fraud-r1"}');
});
