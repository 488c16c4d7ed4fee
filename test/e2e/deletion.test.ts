// Deleting a ModelDeployment: in any phase it is over within 30 s, nothing is left but its records, and one of the same name begins anew.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ModelDeploymentSpec } from '../../src/api/generated/modeldeployment.ts';
import { kubectl } from '../support/cluster.ts';
import { QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const LONGEST_MS = 30_000;
const STORY_MS = 180_000;
const KINDS = [
  'api/v1/pods',
  'api/v1/services',
  'apis/apps/v1/deployments',
  'apis/apps/v1/replicasets',
  'apis/apps/v1/controllerrevisions',
  'apis/policy/v1/poddisruptionbudgets',
  'apis/gateway.networking.k8s.io/v1/httproutes',
  'apis/discovery.k8s.io/v1/endpointslices',
  'apis/plimsoll.dev/v1alpha1/modeldeployments',
];

type Rollout = NonNullable<ModelDeploymentSpec['rollout']>;

/** A phase, how to come to it, and the version that is released for it; none for a first version. */
const PHASES: readonly { readonly phase: string; readonly rollout: Rollout; readonly version?: string; readonly pause?: true }[] = [
  { phase: 'Serving', rollout: QUICK_ROLLOUT },
  { phase: 'Preparing', rollout: QUICK_ROLLOUT, version: 'unready' },
  { phase: 'Holding', rollout: { ...QUICK_ROLLOUT, steps: [{ weight: 50, hold: '1h' }] }, version: 'good' },
  { phase: 'Paused', rollout: { ...QUICK_ROLLOUT, steps: [{ weight: 50, hold: '1h' }] }, version: 'good', pause: true },
  { phase: 'Frozen', rollout: { ...QUICK_ROLLOUT, onFailure: 'Freeze' }, version: 'failing' },
  { phase: 'RolledBack', rollout: QUICK_ROLLOUT, version: 'failing' },
  { phase: 'Watching', rollout: { ...QUICK_ROLLOUT, steps: [{ weight: 50, hold: '2s' }], keepPrevious: { for: '1h' } }, version: 'good' },
];

let scene: Scenario;

async function namesLeft(): Promise<readonly string[]> {
  const lists = await Promise.all(
    KINDS.map(async (kind) => {
      const path = kind.replace(/\/([a-z]+)$/, `/namespaces/${scene.namespace}/$1`);
      const { items } = await scene.read<{ items: { metadata: { name: string; labels?: Record<string, string> } }[] }>(`/${path}`);
      // Pods of the Jobs that resolve versions belong to the versions.
      return items.filter(({ metadata }) => !metadata.name.startsWith('plimsoll-resolve-')).map(({ metadata }) => `${kind} ${metadata.name}`);
    }),
  );
  return lists.flat();
}

async function inPhase(phase: string): Promise<void> {
  await scene.until(
    `the deployment is ${phase}`,
    async () => ((await scene.deployment()).status?.phase === phase ? true : undefined),
    90_000,
  );
}

beforeAll(async () => {
  scene = await Scenario.open('deletion');
  await Promise.all([
    scene.version('1'),
    scene.version('good'),
    scene.version('unready', { neverReady: true }),
    scene.version('failing', { failWhenFirstAtLeast: 7 }),
  ]);
  scene.load(30);
}, STORY_MS);

afterAll(async () => {
  await scene.close();
}, 30_000);

describe.each(PHASES)('a ModelDeployment that is deleted while it is $phase', ({ phase, rollout, version, pause }) => {
  test(
    'is gone within 30 s with everything but its records',
    async () => {
      const earlier = (await scene.releases()).length;
      // A revision that was found bad stays so for the next deployment of this name: a token tries it again.
      const retry = { retry: { version: version ?? '1', token: phase } };
      await scene.deploy('1', { rollout: { ...rollout, ...retry, historyLimit: 50 } });
      await scene.ready(90_000);
      expect((await scene.releases()).at(-1)?.spec.cause.type).toBe('First');
      if (version !== undefined) await scene.release(version);
      if (pause) await kubectl(['-n', scene.namespace, 'patch', 'mdep', scene.name, '--type=merge', '-p', '{"spec":{"rollout":{"paused":true}}}']);
      await inPhase(phase);
      const began = Date.now();
      await kubectl(['-n', scene.namespace, 'delete', 'mdep', scene.name, '--timeout=30s']);
      await scene.until('nothing is left', async () => ((await namesLeft()).length === 0 ? true : undefined), LONGEST_MS);
      process.stdout.write(`deletion while ${phase}: ${((Date.now() - began) / 1000).toFixed(1)} s\n`);
      expect((await scene.releases()).length).toBe(earlier + (version === undefined ? 1 : 2));
    },
    STORY_MS,
  );
});
