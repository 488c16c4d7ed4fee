// Releases where pods are scarce: stable gives its pods away, and gets its share back as they return; a quota and a full node are told.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { LoadRecord } from '../../deploy/local/load/figures.ts';
import { failuresOfOthers, keepDiary, type Diary } from '../support/diary.ts';
import { conditionBecomes, conditionOf } from '../support/expectations.ts';
import { MODELSERVER, QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const STORY_MS = 240_000;

/** Lets the namespace have so many pods. Those that are still ending count, too. */
async function allow(scene: Scenario, pods: number): Promise<void> {
  await scene.apply({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'gpus', namespace: scene.namespace },
    spec: { hard: { pods: String(pods) } },
  });
}

/** The test server as no node has room for it. */
function hugeServer() {
  const [model] = MODELSERVER.spec.containers;
  return { spec: { containers: [{ ...model, resources: { requests: { cpu: '4000', memory: '16Mi' }, limits: { memory: '128Mi' } } }] } };
}

const scenes: Scenario[] = [];

async function open(title: string): Promise<Scenario> {
  const scene = await Scenario.open(title);
  scenes.push(scene);
  return scene;
}

afterAll(async () => {
  await Promise.all(scenes.map((scene) => scene.close()));
}, 60_000);

describe('with four replicas and room for one pod more', () => {
  let scene: Scenario;
  let diary: Diary;
  const records: LoadRecord[] = [];

  beforeAll(async () => {
    scene = await open('scarce');
    await Promise.all([scene.version('1'), scene.version('2'), scene.version('3')]);
    await scene.deploy('1', {
      replicas: 4,
      rollout: {
        ...QUICK_ROLLOUT,
        capacity: { stable: 'Release' },
        steps: [
          { weight: 25, hold: '4s' },
          { weight: 50, hold: '4s' },
          { weight: 75, hold: '4s' },
        ],
      },
    });
    await scene.ready(90_000);
    await allow(scene, 5);
    diary = await keepDiary(scene);
    scene.load(50, { onRecord: (record) => records.push(record) });
  }, STORY_MS);

  test(
    'a good version is promoted, and the status says on the way how many pods a roll-back would need',
    async () => {
      await scene.release('2');
      const said = await scene.until(
        'a roll-back needs pods',
        async () => {
          const { status } = await scene.deployment();
          return status?.rollback?.startsWith('NeedsPods') === true ? status.rollback : undefined;
        },
        90_000,
      );
      expect(said).toMatch(/^NeedsPods\([12]\)$/);
      const release = await scene.finished(2);
      expect(release.status?.outcome).toBe('Promoted');
      expect(release.spec.plan.capacity).toEqual({ candidate: 'Proportional', stable: 'Release' });
      expect(failuresOfOthers(records).slice(0, 5)).toEqual([]);
    },
    STORY_MS,
  );

  test(
    'a version that is aborted at three quarters goes back as fast as pods return, and no weight of it ever rises',
    async () => {
      await scene.ready(60_000);
      await scene.release('3');
      const release = await scene.until(
        'release 3 holds at 75 %',
        async () => {
          const found = (await scene.releases()).find(({ spec }) => spec.number === 3);
          return found?.status?.phase === 'Holding' && found.status.step === 2 ? found : undefined;
        },
        120_000,
      );
      await scene.release('2');
      const { status } = await scene.finished(3);
      expect(status?.decision).toBe('RollBack');
      const { revision } = release.spec.to;
      // The diary is written a moment after what it tells of.
      await scene.until('the diary knows the end', () => Promise.resolve(diary.routes.at(-1)?.revisions.includes(revision) === false || undefined), 10_000);
      const decided = diary.routes.filter(({ decision }) => decision.startsWith('r3/RollBack'));
      const weights = decided.map(({ revisions, weights: all }) => all[revisions.indexOf(revision)] ?? 0);
      process.stdout.write(
        `weights after the decision: ${weights.join(', ')} within ${(decided.at(-1)?.atMs ?? 0) - (decided[0]?.atMs ?? 0)} ms\n`,
      );
      expect(weights).toEqual([...weights].sort((a, b) => b - a));
      expect([weights[0], weights.at(-1)]).toEqual([expect.any(Number), 0]);
      expect(weights.length).toBeGreaterThan(1);
      expect(failuresOfOthers(records).slice(0, 5)).toEqual([]);
      await scene.ready(60_000);
    },
    STORY_MS,
  );

  afterAll(async () => {
    await diary.stop();
  }, 30_000);
});

test(
  'a quota is told at once, in the words of the API server, and more of it is enough to go on',
  async () => {
    const scene = await open('quota');
    await Promise.all([scene.version('1'), scene.version('2')]);
    await scene.deploy('1');
    await scene.ready(90_000);
    await allow(scene, 2);
    await scene.release('2');
    const message = await conditionBecomes(scene, 'Ready', 'False/InsufficientCapacity', 30_000);
    expect(message).toMatch(
      /^version 2 waits for pods: the API server refuses more pods: exceeded quota: gpus, requested: pods=1, used: pods=2, limited: pods=2$/,
    );
    expect(conditionOf(await scene.deployment(), 'Available')?.is).toBe('True/Serving');
    const events = await scene.until(
      'an Event tells it',
      async () => {
        const found = (await scene.events()).filter(({ reason }) => reason === 'InsufficientCapacity');
        return found.length > 0 ? found : undefined;
      },
      10_000,
    );
    expect(events).toEqual([expect.objectContaining({ type: 'Warning', message, count: 1 })]);
    await allow(scene, 8);
    scene.load(50);
    expect((await scene.finished(2)).status?.outcome).toBe('Promoted');
  },
  STORY_MS,
);

test(
  'pods that no node has room for are told at once, and the release ends as no fault of the version',
  async () => {
    const scene = await open('unschedulable');
    await Promise.all([scene.version('1'), scene.version('2')]);
    const rollout = { ...QUICK_ROLLOUT, progressDeadline: '20s' };
    await scene.deploy('1', { rollout });
    await scene.ready(90_000);
    await scene.deploy('2', { rollout, runtime: { preset: 'mlserver', template: hugeServer() } });
    const message = await conditionBecomes(scene, 'Ready', 'False/InsufficientCapacity', 15_000);
    expect(message).toMatch(/^version 2 waits for pods: no node takes the pod: 0\/1 nodes are available: 1 Insufficient cpu/);
    const { status } = await scene.finished(2, 60_000);
    expect(status).toMatchObject({ outcome: 'RolledBack', class: 'Infrastructure', reason: 'InsufficientCapacity' });
    expect((await scene.deployment()).status?.stable?.version).toBe('1');
  },
  STORY_MS,
);
