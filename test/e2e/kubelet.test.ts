// What the product needs of a node, each tried with a real container: a cluster on which one of these fails cannot run it.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TEST_IMAGES } from '../../deploy/local/cluster/index.ts';
import { createNamespace, deleteNamespace, kubectl, request } from '../support/cluster.ts';

interface ContainerState {
  readonly terminated?: { readonly exitCode: number; readonly reason: string; readonly message?: string };
}
interface Pod {
  readonly status: {
    readonly phase: string;
    readonly containerStatuses?: readonly { readonly state: ContainerState; readonly lastState: ContainerState }[];
  };
}

const LIMIT_MS = 60_000;
let namespace = '';

/** A container of the test image as Pod Security `restricted` wants it, with a root file system that cannot be written. */
function container(args: readonly string[], more: object = {}): object {
  const securityContext = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } };
  return { name: args[0], image: TEST_IMAGES.testapp, imagePullPolicy: 'Never', args, securityContext, ...more };
}

function podSpec(containers: readonly object[], more: object = {}): object {
  const securityContext = { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, seccompProfile: { type: 'RuntimeDefault' } };
  return { restartPolicy: 'Never', terminationGracePeriodSeconds: 1, securityContext, containers, ...more };
}

async function create(path: string, object: object): Promise<void> {
  const { status, message } = await request('POST', path, { body: object });
  expect([status, message]).toEqual([201, '']);
}

async function createPod(name: string, spec: object): Promise<void> {
  await create(`/api/v1/namespaces/${namespace}/pods`, { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec });
}

/** The pod's state, once `ready` holds for it. */
async function podWhen(name: string, ready: (pod: Pod) => boolean): Promise<Pod> {
  const deadline = performance.now() + LIMIT_MS;
  for (;;) {
    const { body } = await request('GET', `/api/v1/namespaces/${namespace}/pods/${name}`);
    const pod = body as unknown as Pod;
    if (ready(pod)) return pod;
    if (performance.now() > deadline) throw new Error(`pod ${name} stays as it is: ${JSON.stringify(pod.status)}`);
    await sleep(200);
  }
}

const ended = (pod: Pod): boolean => ['Succeeded', 'Failed'].includes(pod.status.phase);

beforeAll(async () => {
  namespace = await createNamespace('kubelet');
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await request('PATCH', `/api/v1/namespaces/${namespace}`, {
    body: { metadata: { labels } },
    contentType: 'application/merge-patch+json',
  });
});
afterAll(async () => {
  await deleteNamespace(namespace);
});

describe('under Pod Security restricted, uid 65532, read-only root', () => {
  test('a container reads what an init container wrote into an emptyDir, and can write neither there nor elsewhere', async () => {
    await createPod(
      'handover',
      podSpec(
        [
          container(['read', '/models/x', 'and', 'refuse', '/models/y', 'and', 'refuse', '/y'], {
            volumeMounts: [{ name: 'models', mountPath: '/models', readOnly: true }],
          }),
        ],
        {
          initContainers: [container(['write', '/models/x', 'weights'], { volumeMounts: [{ name: 'models', mountPath: '/models' }] })],
          volumes: [{ name: 'models', emptyDir: {} }],
        },
      ),
    );
    const pod = await podWhen('handover', ended);
    const logs = await kubectl(['-n', namespace, 'logs', 'handover']);
    expect([pod.status.phase, logs]).toEqual(['Succeeded', '/models/x: weights\n']);
  });

  test('a pod whose init container fails does not start its container', async () => {
    await createPod('init-fails', podSpec([container(['pause'])], { initContainers: [container(['fail'])] }));
    const pod = await podWhen('init-fails', ended);
    expect(pod.status.phase).toBe('Failed');
    expect(pod.status.containerStatuses?.[0]?.state.terminated).toBeUndefined();
  });

  test('a container sees the contents of a ConfigMap and of a Secret', async () => {
    await create(`/api/v1/namespaces/${namespace}/configmaps`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings' },
      data: { mode: 'fast' },
    });
    await create(`/api/v1/namespaces/${namespace}/secrets`, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'password' },
      stringData: { word: 'swordfish' },
    });
    const volumeMounts = [
      { name: 'settings', mountPath: '/settings' },
      { name: 'password', mountPath: '/password', readOnly: true },
    ];
    const volumes = [
      { name: 'settings', configMap: { name: 'settings' } },
      { name: 'password', secret: { secretName: 'password', defaultMode: 0o444 } },
    ];
    await createPod('mounts', podSpec([container(['read', '/settings/mode', '/password/word'], { volumeMounts })], { volumes }));
    await podWhen('mounts', ended);
    expect(await kubectl(['-n', namespace, 'logs', 'mounts'])).toBe('/settings/mode: fast\n/password/word: swordfish\n');
  });

  test('a container reaches the API server by its name, with its ServiceAccount', async () => {
    await createPod('account', podSpec([container(['api', '/version', 'and', 'api', `/api/v1/namespaces/${namespace}/pods`])]));
    await podWhen('account', ended);
    // known, but with no right to read pods
    expect(await kubectl(['-n', namespace, 'logs', 'account'])).toBe(
      `/version: 200 OK\n/api/v1/namespaces/${namespace}/pods: 403 Forbidden\n`,
    );
  });

  test('a pod with startup, liveness and readiness probes becomes ready', async () => {
    const probe = { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1 };
    await createPod('probes', podSpec([container(['serve'], { startupProbe: probe, livenessProbe: probe, readinessProbe: probe })]));
    await kubectl(['-n', namespace, 'wait', '--for=condition=Ready', 'pod/probes', '--timeout=60s']);
    expect((await podWhen('probes', () => true)).status.phase).toBe('Running');
  });
});

describe('Jobs', () => {
  const job = async (name: string, args: readonly string[], more: object = {}): Promise<Pod> => {
    const template = { spec: podSpec([container(args, more)]) };
    await create(`/apis/batch/v1/namespaces/${namespace}/jobs`, {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name },
      spec: { backoffLimit: 0, template },
    });
    for (;;) {
      const pods = await kubectl([
        '-n',
        namespace,
        'get',
        'pods',
        '-l',
        `batch.kubernetes.io/job-name=${name}`,
        '-o',
        'jsonpath={.items[*].metadata.name}',
      ]);
      if (pods !== '') return await podWhen(pods, ended);
      await sleep(100);
    }
  };

  test("what a Job writes as its termination message is in its pod's status", async () => {
    const pod = await job('message', ['write', '/dev/termination-log', '{"digest":"sha256:1"}']);
    expect(pod.status.containerStatuses?.[0]?.state.terminated).toMatchObject({
      exitCode: 0,
      reason: 'Completed',
      message: '{"digest":"sha256:1"}',
    });
    await kubectl(['-n', namespace, 'wait', '--for=condition=Complete', 'job/message', '--timeout=60s']);
  });

  test('a Job that fails without a message has the end of its log as message, when asked for', async () => {
    const pod = await job('failing', ['fail'], { terminationMessagePolicy: 'FallbackToLogsOnError' });
    expect(pod.status.containerStatuses?.[0]?.state.terminated).toMatchObject({
      exitCode: 1,
      reason: 'Error',
      message: 'failing as told\n',
    });
    await kubectl(['-n', namespace, 'wait', '--for=condition=Failed', 'job/failing', '--timeout=60s']);
  });
});

describe('memory limits', () => {
  const limited = { resources: { limits: { memory: '64Mi' } } };

  test('a container within its limit ends well', async () => {
    await createPod('modest', podSpec([container(['allocate', '16'], limited)]));
    expect((await podWhen('modest', ended)).status.phase).toBe('Succeeded');
  });

  test('a container that fills more memory than its limit is killed, and its status says so', async () => {
    await createPod('greedy', podSpec([container(['allocate', '256'], limited)]));
    const pod = await podWhen('greedy', ended);
    expect(pod.status.containerStatuses?.[0]?.state.terminated).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
  });

  test('a container that is started again after it was killed has the kill as its last state', async () => {
    await createPod('again', podSpec([container(['allocate', '256'], limited)], { restartPolicy: 'Always' }));
    const pod = await podWhen('again', (each) => each.status.containerStatuses?.[0]?.lastState.terminated !== undefined);
    expect(pod.status.containerStatuses?.[0]?.lastState.terminated).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
  });
});
