// Scenes in which what the evidence says is the point: enough traffic, and a past that is known.
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadRecord } from '../../deploy/local/load/figures.ts';
import { QUICK_ROLLOUT, Scenario, type Behaviour } from './scenario.ts';

const RATE = 200;
/** So many looks, for the burst factor, before a release begins. */
const HISTORY_LOOKS = 11;
const CHECKS = [{ name: 'errors', errorRate: { relativeMargin: '50%', absoluteFloor: '0.1%' } }];

/** 0.5 % of the requests fail, four in a row. */
export const BURSTY: Behaviour = { failPercent: 0.125, failBurst: 4 };

/** Version 1 serves, under load for long enough to be known. */
export async function openEvidence(
  title: string,
  intervalSeconds: number,
  behaviours: Readonly<Record<string, Behaviour>>,
  steps: readonly (readonly [weight: number, hold: string])[],
): Promise<{ readonly scene: Scenario; readonly records: LoadRecord[] }> {
  const scene = await Scenario.open(title);
  const records: LoadRecord[] = [];
  await Promise.all(Object.entries(behaviours).map(async ([version, behaviour]) => await scene.version(version, behaviour)));
  await scene.deploy('1', {
    rollout: { ...QUICK_ROLLOUT, steps: steps.map(([weight, hold]) => ({ weight, hold })), evidenceDeadline: '10m' },
    analysis: { interval: `${intervalSeconds}s`, minRequests: 50, checks: CHECKS },
  });
  await scene.ready(90_000);
  scene.load(RATE, { onRecord: (record) => records.push(record) });
  await sleep(HISTORY_LOOKS * intervalSeconds * 1000);
  return { scene, records };
}
