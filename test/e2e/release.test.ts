// A better version goes through its steps under load, and the operator is killed on the way.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { LoadFigures, LoadRecord } from '../../deploy/local/load/figures.ts';
import type { ModelDeployment } from '../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../src/api/generated/modelrelease.ts';
import { kubectl } from '../support/cluster.ts';
import { failuresOfOthers, keepDiary, type Diary } from '../support/diary.ts';
import { killOperator, operatorPod } from '../support/operator.ts';
import { Scenario } from '../support/scenario.ts';

const RATE = 50;
const STORY_MS = 240_000;

let scene: Scenario;
let diary: Diary;
let figures: LoadFigures;
let atKill: ModelRelease;
let afterFirstWait: ModelDeployment;
let afterSecondWait: ModelDeployment;
let release: ModelRelease;
let oldRevision = '';
let newRevision = '';
const records: LoadRecord[] = [];
const columns = { whileHolding: '', afterwards: '' };

/** Names of all objects of one kind that belong to the deployment. */
async function children(kind: string): Promise<readonly string[]> {
  const names = await kubectl(['-n', scene.namespace, 'get', kind, '-l', `plimsoll.dev/deployment=${scene.name}`, '-o', 'name']);
  return names
    .split('\n')
    .filter((name) => name !== '')
    .map((name) => name.split('/')[1] ?? '')
    .sort();
}

async function waitForReady(): Promise<ModelDeployment> {
  await kubectl(['-n', scene.namespace, 'wait', 'mdep', scene.name, '--for=condition=Ready', '--timeout=180s']);
  return await scene.deployment();
}

async function holdingAt(weight: number): Promise<ModelRelease> {
  return await scene.until(
    `the release holds at ${weight} %`,
    async () => {
      const newest = (await scene.releases()).at(-1);
      const isHolding = newest?.status?.phase === 'Holding' && newest.status.windows?.at(-1)?.weight === weight;
      return isHolding ? newest : undefined;
    },
    90_000,
  );
}

beforeAll(async () => {
  scene = await Scenario.open('release');
  await scene.version('1.0.0');
  await scene.version('2.0.0');
  await scene.deploy('1.0.0');
  afterFirstWait = await waitForReady();
  oldRevision = afterFirstWait.status?.stable?.revision ?? '';
  diary = await keepDiary(scene);
  const load = scene.load(RATE, { onRecord: (record) => records.push(record) });

  await scene.release('2.0.0');
  const waiting = waitForReady();
  waiting.catch(() => undefined);
  await holdingAt(5);
  columns.whileHolding = await kubectl(['-n', scene.namespace, 'get', 'mver,mdep,mrel']);
  atKill = await holdingAt(25);
  const { name } = await killOperator();
  await scene.until('another pod of the operator is Ready', async () => ((await operatorPod()).name === name ? undefined : true), 60_000);
  release = await scene.finished(2, 120_000);
  newRevision = release.spec.to.revision;
  afterSecondWait = await waiting;
  await scene.until(
    'only one revision has children',
    async () => {
      const all = [...(await children('deployments')), ...(await children('poddisruptionbudgets')), ...(await children('services'))];
      return all.some((child) => child.includes(oldRevision)) ? undefined : true;
    },
    60_000,
  );
  await scene.until(
    'callers in the cluster meet the new version',
    () => Promise.resolve(diary.inCluster.at(-1) === '2.0.0' ? true : undefined),
    10_000,
  );
  columns.afterwards = await kubectl(['-n', scene.namespace, 'get', 'mver,mdep,mrel']);
  figures = await load.stop();
  await diary.stop();
}, STORY_MS);

afterAll(async () => {
  await scene.close();
}, 30_000);

describe('a better version at 50 requests a second, the operator killed while it holds 25 %', () => {
  test('goes 5, 25, 50 and 100 % and is promoted, with no weight ever falling or repeated', () => {
    const slot = diary.routes.find(({ revisions }) => revisions.includes(newRevision))?.revisions.indexOf(newRevision) ?? -1;
    const weights = diary.routes.filter(({ revisions }) => revisions[slot] === newRevision).map((entry) => entry.weights[slot]);
    expect(weights.filter((weight, index) => weight !== weights[index - 1])).toEqual([5, 25, 50, 100]);
    expect(diary.routes.every(({ weights: all }) => (all[0] ?? 0) + (all[1] ?? 0) === 100)).toBe(true);
    expect(release.status).toMatchObject({ phase: 'Promoted', outcome: 'Promoted', decision: 'Promote' });
  });

  test('fails no request, from before the release until nothing is left of the old version', () => {
    expect(failuresOfOthers(records).slice(0, 5)).toEqual([]);
    expect(figures).toMatchObject({ connectionErrors: 0, sent: records.length });
    expect(figures.sent).toBeGreaterThan(RATE * 30);
  });

  test('names the revision on every answer, and the candidate answers about its share', () => {
    expect(Object.keys(figures.revisions).sort()).toEqual([oldRevision, newRevision].sort());
    const [five] = release.status?.windows ?? [];
    const sent = records.filter(({ sentAt }) => sentAt >= Date.parse(five?.from ?? '') && sentAt < Date.parse(five?.to ?? ''));
    const share = sent.filter(({ revision }) => revision === newRevision).length / sent.length;
    expect(share).toBeGreaterThan(0.01);
    expect(share).toBeLessThan(0.12);
  });

  test('stays the same release when the operator dies: no step again, no window lost', () => {
    expect(atKill.spec.number).toBe(2);
    expect(release.metadata.uid).toBe(atKill.metadata.uid);
    const windows = release.status?.windows ?? [];
    expect(windows.map(({ step, weight }) => [step, weight])).toEqual([
      [0, 5],
      [1, 25],
      [2, 50],
    ]);
    expect(windows[0]).toEqual(atKill.status?.windows?.[0]);
    expect(windows[1]?.from).toBe(atKill.status?.windows?.[1]?.from);
    const holds = (release.status?.timeline ?? []).filter(({ event }) => event === 'Holding').map(({ weight }) => weight);
    expect(holds).toEqual([5, 25, 50]);
  });

  test('keeps both slots in their places and points the free one at what serves in the end', () => {
    const [first] = diary.routes;
    expect(first?.revisions[0]).toBe(oldRevision);
    expect(diary.routes.every(({ revisions }) => revisions.length === 2)).toBe(true);
    const releasing = diary.routes.filter(({ weights }) => weights[0] !== 0 && weights[1] !== 0);
    expect(releasing.every(({ revisions }) => revisions[0] === oldRevision && revisions[1] === newRevision)).toBe(true);
    expect(diary.routes.at(-1)).toMatchObject({ revisions: [newRevision, newRevision], weights: [0, 100] });
    expect(afterSecondWait.status?.stable).toMatchObject({ revision: newRevision, slot: 'b' });
  });

  test('hides the candidate from callers in the cluster until it is promoted', () => {
    const early = diary.routes.filter(({ selected, decision }) => selected === newRevision && !decision.includes('/Promote/'));
    expect(early).toEqual([]);
    expect(diary.routes.at(-1)?.selected).toBe(newRevision);
    expect(diary.inCluster).toEqual(['1.0.0', '2.0.0']);
    expect(diary.inClusterFailures).toEqual([]);
  });

  test('leaves only the new revision with pods, Service and PodDisruptionBudget', async () => {
    const own = `${scene.name}-${newRevision}`;
    expect(await children('deployments')).toEqual([own]);
    expect(await children('poddisruptionbudgets')).toEqual([own]);
    expect(await children('services')).toEqual([scene.name, own].sort());
    const pods = await scene.until(
      'the old pods are gone',
      async () => {
        const names = await children('pods');
        return names.length === 2 ? names : undefined;
      },
      30_000,
    );
    expect(pods.every((pod) => pod.startsWith(own))).toBe(true);
  });
});

describe('people who follow the release', () => {
  test('can wait for Ready right after an apply and after a change of version', () => {
    expect(afterFirstWait.status?.stable?.version).toBe('1.0.0');
    expect(afterFirstWait.status?.phase).toBe('Serving');
    expect(afterSecondWait.status?.stable?.version).toBe('2.0.0');
    expect(afterSecondWait.status?.phase).toBe('Serving');
  });

  test('read the story in the columns of kubectl get', () => {
    const row = (text: string, name: string): readonly string[] =>
      (text.split('\n').find((line) => line.startsWith(name)) ?? '').split(/ {2,}/);
    expect(row(columns.whileHolding, 'modeldeployment.plimsoll.dev/toy').slice(1, 6)).toEqual(['toy', '1.0.0', '2.0.0', '5', 'Holding']);
    expect(row(columns.whileHolding, 'modelrelease.plimsoll.dev/toy-r2').slice(1, 5)).toEqual(['toy', '1.0.0', '2.0.0', 'Holding']);
    expect(row(columns.afterwards, 'modelversion.plimsoll.dev/toy-2.0.0').slice(1, 4)).toEqual(['toy', '2.0.0', 'True']);
    expect(columns.afterwards).toMatch(/modeldeployment\.plimsoll\.dev\/toy +toy +2\.0\.0 +Serving/);
    expect(columns.afterwards).toMatch(/modelrelease\.plimsoll\.dev\/toy-r1 +toy +1\.0\.0 +Promoted +Promoted +Promoted/);
    expect(row(columns.afterwards, 'modelrelease.plimsoll.dev/toy-r2').slice(1, 7)).toEqual([
      'toy',
      '1.0.0',
      '2.0.0',
      'Promoted',
      'Promoted',
      'Promoted',
    ]);
  });

  test('read a log of decisions in the Events', async () => {
    const told = await scene.until(
      'the last Event is there',
      async () => {
        const events = await scene.events();
        return events.some(({ reason, message }) => reason === 'Promoted' && message.includes('2.0.0')) ? events : undefined;
      },
      10_000,
    );
    const second = told.filter(({ message }) => message.includes('2.0.0'));
    const reasons = ['ReleaseStarted', 'TrafficShifted', 'TrafficShifted', 'TrafficShifted', 'Promoting', 'Promoted'];
    expect(second.map(({ reason }) => reason)).toEqual(reasons);
    expect(second.map(({ type, count }) => `${type} ${count}`)).toEqual(reasons.map(() => 'Normal 1'));
    expect(second.map(({ message }) => message).join('\n')).toMatch(/5 % of the traffic.*\n.*25 % of the traffic.*\n.*50 % of the traffic/);
    expect(await kubectl(['-n', scene.namespace, 'describe', 'mdep', scene.name])).toMatch(/Events:[\s\S]*ReleaseStarted[\s\S]*Promoted/);
  });
});
