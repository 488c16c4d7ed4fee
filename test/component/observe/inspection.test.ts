// The Job that asks an image what it has, as the operator's own caches and one LIST of its pods show it.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import type { ModelDeployment } from '../../../src/api/generated/modeldeployment.ts';
import type { ModelVersion } from '../../../src/api/generated/modelversion.ts';
import type { KubeClient } from '../../../src/controller/client.ts';
import { createKubeClient } from '../../../src/controller/kubeClient.ts';
import { inspectionOf, inspectJob } from '../../../src/core/resources/inspection.ts';
import { createCaches, type Caches } from '../../../src/observe/caches.ts';
import { observeInspection } from '../../../src/observe/inspection.ts';
import { startApiServer, type FakeApiServer } from '../../support/apiServer.ts';
import type { StoredObject } from '../../support/apiStore.ts';
import { createSeededRandom, realClock } from '../../support/clocks.ts';
import { runCaches } from '../../support/runningCaches.ts';
import { deploymentObject, NAME, NAMESPACE, versionObject } from '../../support/world/objects.ts';

let server: FakeApiServer;
let client: KubeClient;
let caches: Caches;
let stop: AbortController;
let ended: Promise<unknown>;
let deployment: ModelDeployment;
let told: string[];

const VERSION: ModelVersion = versionObject('1');
const ASKING: ModelVersion = {
  ...VERSION,
  status: { ...VERSION.status, metadata: { dependencies: { packages: [{ name: 'numpy', from: 'requirements.txt' }] } } },
};

beforeEach(async () => {
  server = await startApiServer();
  client = createKubeClient(server.kubeConfig(), { clock: realClock, deadlineMs: 5000, rate: { perSecond: 1000, burst: 1000 } });
  stop = new AbortController();
  told = [];
  caches = createCaches({
    client,
    clock: realClock,
    random: createSeededRandom(),
    onDeployment: (namespace, name) => told.push(`${namespace}/${name}`),
    onVersion: () => undefined,
    onError: () => undefined,
  });
  deployment = server.put(deploymentObject() as unknown as StoredObject) as unknown as ModelDeployment;
  ({ ended } = await runCaches(caches, stop.signal));
});

afterEach(async () => {
  stop.abort();
  await ended;
  await server.close();
});

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** A Job of this attempt, made for this very deployment unless said otherwise, and its pod. */
async function putJob(attempt: number, pod: object, uid = deployment.metadata.uid ?? ''): Promise<void> {
  const inspection = inspectionOf(deployment, ASKING);
  if (!inspection) throw new Error('there is nothing to ask');
  const job = inspectJob({ kind: 'ModelDeployment', name: NAME, namespace: NAMESPACE, uid }, inspection, attempt);
  const { name } = job.metadata;
  const labels = { 'batch.kubernetes.io/job-name': name };
  server.put({ apiVersion: 'v1', kind: 'Pod', metadata: { name: `${name}-x`, namespace: NAMESPACE, labels }, status: pod });
  server.put(job);
  await until(() => caches.jobs.get(NAMESPACE, name) !== undefined);
}

const observe = (of: ModelDeployment = deployment, version = ASKING) => observeInspection({ client, caches }, of, version, stop.signal);
const lists = (): number => server.requests.filter(({ resource, verb }) => resource === 'pods' && verb === 'list').length;

describe('the Job that asks', () => {
  test('is the newest attempt of this very deployment, and its deployment is looked at when it changes', async () => {
    told.length = 0;
    const answered = { containerStatuses: [{ name: 'inspect', state: { terminated: { exitCode: 0, message: 'said' } } }] };
    await putJob(1, { containerStatuses: [{ name: 'inspect', state: { terminated: { exitCode: 1 } } }] });
    await putJob(2, answered);
    await putJob(3, answered, 'another');
    expect(told).toContain(`${NAMESPACE}/${NAME}`);
    expect(await observe()).toEqual({
      inputs: inspectionOf(deployment, ASKING)?.inputs,
      attempt: 2,
      state: 'Running',
      ended: { exitCode: 0, message: 'said' },
      trouble: undefined,
      finishedAtMs: undefined,
    });
  });

  test('tells why its pod does not run', async () => {
    await putJob(1, { containerStatuses: [{ name: 'inspect', state: { waiting: { reason: 'ErrImagePull', message: 'no such image' } } }] });
    expect(await observe()).toMatchObject({
      ended: undefined,
      trouble: { reason: 'ErrImagePull', message: 'container inspect cannot start: no such image' },
    });
  });

  test('costs no request where nothing is asked, or the status has the answer', async () => {
    await putJob(1, {});
    const { inputs = '' } = inspectionOf(deployment, ASKING) ?? {};
    const before = lists();
    expect(await observe(deployment, VERSION)).toBeUndefined();
    expect(await observe({ ...deployment, status: { inspected: { inputs, image: 'x' } } })).toBeUndefined();
    expect(lists()).toBe(before);
    await observe();
    expect(lists()).toBe(before + 1);
  });
});
