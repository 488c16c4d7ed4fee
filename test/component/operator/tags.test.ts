// Tags from the objects to the Job and back: real caches and passes over ModelVersions, with an API server in this process. The test plays
// the rest of the operator, and the controller of Jobs.
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Applier } from '../../../src/apply/actions.ts';
import type { ModelVersion } from '../../../src/api/generated/modelversion.ts';
import { createKubeClient } from '../../../src/controller/kubeClient.ts';
import { createCaches, learn, type Caches } from '../../../src/observe/caches.ts';
import { reconcileVersion, type VersionReconciler } from '../../../src/operator/reconcileVersion.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';
import { startApiServer, type FakeApiServer } from '../../support/apiServer.ts';
import type { StoredObject } from '../../support/apiStore.ts';
import { createSeededRandom, realClock } from '../../support/clocks.ts';
import { runCaches } from '../../support/runningCaches.ts';
import { deploymentObject, digestOf, versionObject } from '../../support/world/objects.ts';
import { SETTINGS } from '../../support/world.ts';

const KEY = 'plimsoll.dev/risk/fraud';
const SILENT = { child: () => SILENT, info: () => undefined, warn: () => undefined } as unknown as Logger;

let server: FakeApiServer;
let caches: Caches;
let reconciler: VersionReconciler;
const stop = new AbortController();
let ended: Promise<unknown>;
/** Names of ModelVersions that wait for a pass. */
const waiting = new Set<string>();
/** What the clock is ahead of the real one. */
let aheadMs = 0;
let told: string[];

beforeEach(async () => {
  server = await startApiServer();
  told = [];
  const client = createKubeClient(server.kubeConfig(), { clock: realClock, deadlineMs: 2000, rate: { perSecond: 1000, burst: 1000 } });
  caches = createCaches({
    client,
    clock: realClock,
    random: createSeededRandom(),
    onDeployment: () => undefined,
    onVersion: (_, name) => waiting.add(name),
    onError: (_, error) => told.push(error.message),
  });
  const applier: Applier = {
    client,
    prober: { start: () => undefined, results: () => new Map(), forget: () => undefined },
    findQueryProblem: () => Promise.resolve(undefined),
    mustStillLead: () => 2000,
    onWritten: (object) => learn(caches, object),
    onRemoved: () => undefined,
  };
  const now = () => realClock.now() + aheadMs;
  const events = { record: ({ reason }: { readonly reason: string }) => told.push(reason), flush: () => Promise.resolve() };
  reconciler = { sources: { client, caches, settings: SETTINGS }, applier, events, logger: SILENT, now };
  for (const name of ['1', '2']) server.put(resolved(name));
  server.put(resolveJobOf('1'));
  ({ ended } = await runCaches(caches, stop.signal));
});

afterEach(async () => {
  stop.abort();
  await ended;
  await server.close();
});

function resolved(name: string): StoredObject {
  const { status, ...version } = versionObject(name);
  const pins = { model: 'Fraud%20Detection%20(EU)', version: name, artifacts: 'mlflow-artifacts:/1/x' };
  const source = { mlflow: { server: 'https://mlflow.example.com', model: 'Fraud Detection (EU)', version: name } };
  const metadata = { ...version.metadata, uid: `uid-${name}` };
  const spec = { ...version.spec, source, writeTags: true };
  return { ...version, metadata, spec, status: { ...status, resolved: { ...status?.resolved, pins } } };
}

/** The Job that resolved it, of a higher number than any that follows here. */
function resolveJobOf(name: string): StoredObject {
  const labels = { 'plimsoll.dev/managed-by': 'plimsoll', 'plimsoll.dev/model-version': `fraud-${name}` };
  const metadata = { name: 'plimsoll-resolve-x-9', namespace: 'risk', labels, annotations: { 'plimsoll.dev/attempt': '9' } };
  const ownerReferences = [{ apiVersion: 'plimsoll.dev/v1alpha1', kind: 'ModelVersion', name: `fraud-${name}`, uid: `uid-${name}` }];
  const status = { conditions: [{ type: 'Failed', status: 'True', lastTransitionTime: '2026-11-24T10:00:00Z' }] };
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { ...metadata, ownerReferences }, spec: {}, status };
}

/** Passes over whatever waits for one, and over what asks for it at once, until nothing does for a moment. */
async function settle(): Promise<void> {
  for (let quiet = 0; quiet < 10; quiet += 1) {
    for (const name of waiting) {
      waiting.delete(name);
      const { requeueAfterMs } = await reconcileVersion(reconciler, 'risk', name, stop.signal);
      if (requeueAfterMs === 0) waiting.add(name);
      quiet = 0;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const jobs = (): readonly StoredObject[] =>
  server.list('batch/v1', 'jobs', 'risk').filter(({ metadata }) => metadata.name.startsWith('plimsoll-tag-'));

/** Ends every Job that runs, well; gives what each was to write. */
async function write(): Promise<readonly unknown[]> {
  await settle();
  const asked = jobs()
    .filter(({ status }) => status === undefined)
    .map((job) => {
      const lastTransitionTime = new Date(reconciler.now()).toISOString();
      server.put({ ...job, status: { conditions: [{ type: 'Complete', status: 'True', lastTransitionTime }] } });
      const { containers } = (job['spec'] as JobSpec).template.spec;
      const { version, tags } = JSON.parse(containers[0]?.env[0]?.value ?? '') as { readonly version: string; readonly tags: object };
      return [version, tags];
    });
  await settle();
  return asked.toSorted();
}

interface JobSpec {
  readonly template: { readonly spec: { readonly containers: readonly { readonly env: readonly { readonly value: string }[] }[] } };
}

const tagsIn = (name: string): ModelVersion['status'] =>
  server.get('plimsoll.dev/v1alpha1', 'modelversions', 'risk', `fraud-${name}`)?.['status'] as ModelVersion['status'];

test('each change of a ModelDeployment or its release is written once, on the versions that it concerns', async () => {
  // Nothing serves yet; whoever looks at MLflow learns at once whether tags can be written at all.
  expect(await write()).toEqual([
    ['1', {}],
    ['2', {}],
  ]);
  const side = (version: string) => ({ version, digest: digestOf(version), revision: `r${version}`, slot: 'a' });
  const serving = (status: object): void => {
    aheadMs += 20_000;
    server.put({ ...deploymentObject(), status });
  };
  serving({ stable: side('1') });
  expect(await write()).toEqual([['1', { [KEY]: 'Serving 100% (fraud-1)' }]]);
  expect(tagsIn('1')?.tags).toEqual({ [KEY]: 'Serving 100% (fraud-1)' });
  expect(tagsIn('1')?.conditions?.at(-1)).toMatchObject({ type: 'Tagged', status: 'True', reason: 'Written' });

  serving({ stable: side('1'), candidate: side('2'), weight: 25 });
  expect(await write()).toEqual([
    ['1', { [KEY]: 'Serving 75% (fraud-1)' }],
    ['2', { [KEY]: 'Candidate 25% (fraud-2)' }],
  ]);

  // The status of the deployment and the record of the release come one after the other.
  serving({ stable: side('1') });
  expect(await write()).toEqual([
    ['1', { [KEY]: 'Serving 100% (fraud-1)' }],
    ['2', {}],
  ]);
  aheadMs += 20_000;
  const to = { version: '2', digest: digestOf('2'), revision: 'r2' };
  const labels = { 'plimsoll.dev/managed-by': 'plimsoll', 'plimsoll.dev/deployment': 'fraud' };
  const ended = { outcome: 'RolledBack', reason: 'ErrorRateWorse', finishedAt: '2026-11-24T10:00:00Z' };
  server.put({
    apiVersion: 'plimsoll.dev/v1alpha1',
    kind: 'ModelRelease',
    metadata: { name: 'fraud-r2', namespace: 'risk', labels },
    spec: { deployment: 'fraud', number: 2, to },
    status: ended,
  });
  expect(await write()).toEqual([['2', { [KEY]: 'RolledBack 0% (fraud-2): ErrorRateWorse' }]]);

  const before = jobs().length;
  for (const name of ['fraud-1', 'fraud-2']) waiting.add(name);
  expect([await write(), jobs().length]).toEqual([[], before]);

  aheadMs += 20_000;
  server.remove('plimsoll.dev/v1alpha1', 'modeldeployments', 'risk', 'fraud');
  expect(await write()).toEqual([
    ['1', {}],
    ['2', {}],
  ]);
  expect([tagsIn('1')?.tags, tagsIn('2')?.tags]).toEqual([undefined, undefined]);
  expect(told).toEqual([]);
});
