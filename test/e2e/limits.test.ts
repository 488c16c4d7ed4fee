// Checks of kind `limit`: a query of the user's own over the metrics of the model servers themselves.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ModelDeploymentSpec } from '../../src/api/generated/modeldeployment.ts';
import { QUICK_ANALYSIS, QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

const FAILURES =
  'sum(model_infer_request_failure_total{namespace="{{namespace}}",plimsoll_dev_deployment="{{deployment}}",plimsoll_dev_revision="{{revision}}"}) or vector(0)';

let scene: Scenario;

type Check = NonNullable<NonNullable<ModelDeploymentSpec['analysis']>['checks']>[number];

/** Served like this: one step of 50 %, and a check that compares so loosely that it never speaks. */
function spec(...checks: readonly Check[]): Partial<ModelDeploymentSpec> {
  const loose: Check = { name: 'loose', errorRate: { relativeMargin: '50%', absoluteFloor: '90%' } };
  return {
    rollout: { ...QUICK_ROLLOUT, steps: [{ weight: 50, hold: '6s' }], evidenceDeadline: '5s' },
    analysis: { ...QUICK_ANALYSIS, checks: [loose, ...checks] },
  };
}

beforeAll(async () => {
  scene = await Scenario.open('limits');
  await Promise.all([scene.version('1'), scene.version('2', { failWhenFirstAtLeast: 5 }), scene.version('3'), scene.version('4')]);
  await scene.deploy('1', spec());
  await scene.ready(90_000);
  scene.load(20);
}, 120_000);

afterAll(async () => {
  await scene.close();
}, 60_000);

test('two looks outside of the limit roll back, and the explanation has the value and the limit', async () => {
  await scene.deploy('2', spec({ name: 'failures', limit: { query: FAILURES, max: '5' } }));
  const { status } = await scene.finished(2, 90_000);
  expect(status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'LimitExceeded' });
  expect(status?.message).toMatch(/version 2 failed check failures: value \d+, which must be at most 5; two looks in a row were outside/);
  expect(status?.checks?.find(({ name }) => name === 'failures')?.verdict).toBe('Fail');
}, 120_000);

test('a value within the limit, of the candidate alone, does not hold the release up', async () => {
  await scene.deploy(
    '3',
    spec(
      { name: 'failures', limit: { query: FAILURES, max: '5' } },
      { name: 'ready', limit: { query: `min(up{namespace="{{namespace}}",plimsoll_dev_revision="{{revision}}"})`, min: '1' } },
    ),
  );
  const { status } = await scene.finished(3, 90_000);
  expect(status).toMatchObject({ outcome: 'Promoted' });
  expect(status?.checks?.map(({ name, verdict }) => [name, verdict])).toEqual(
    expect.arrayContaining([
      ['failures', 'Pass'],
      ['ready', 'Pass'],
    ]),
  );
}, 120_000);

test('a query without an answer neither promotes nor rolls back, and its sentence is shown', async () => {
  await scene.deploy('4', spec({ name: 'unknown', limit: { query: 'nobody_exports_this', max: '5' } }));
  const paused = await scene.until(
    'the release is paused for want of data',
    async () => {
      const deployment = await scene.deployment();
      return deployment.status?.phase === 'Paused' ? deployment : undefined;
    },
    90_000,
  );
  const verdict = paused.status?.verdicts?.find(({ check }) => check === 'unknown');
  expect(verdict?.verdict).toBe('Inconclusive/NoData');
  expect(verdict?.explanation).toMatch(/no data: The query gives no series/);
  expect(paused.status).toMatchObject({ weight: 50, verdict: 'Inconclusive/NoData' });
  const until = Date.now() + 10_000;
  while (Date.now() < until) {
    expect((await scene.deployment()).status?.phase).toBe('Paused');
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  expect((await scene.releases()).at(-1)?.status?.finishedAt).toBeUndefined();
}, 150_000);
