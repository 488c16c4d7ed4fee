// Which checks a release starts with: those of the spec and those of the CheckSets that it names; and what is said when there can be none.
import { describe, expect, test } from '@jest/globals';
import { RESOURCE, type KubeObject } from '../../../../src/api/resources.ts';
import type { CheckSpec } from '../../../../src/core/release/checks/kind.ts';
import { wantedChecks, type WantedChecks } from '../../../../src/core/release/wantedChecks.ts';
import { checkSetObject, deploymentObject, NAMESPACE, SPEC, type DeploymentSpec } from '../../../support/world/objects.ts';
import { createWorld, type World } from '../../../support/world.ts';
import { ended, releasing, servingWorld } from './scenario.ts';

type Analysis = NonNullable<DeploymentSpec['analysis']>;

const ERRORS: CheckSpec = { name: 'errors', errorRate: {} };
const SLOW: CheckSpec = { name: 'slow', latency: { slowerThan: '50ms', absoluteFloor: '5%' } };
const TAIL: CheckSpec = { name: 'tail', latency: {} };
const LAG: CheckSpec = { name: 'lag', limit: { query: 'max(lag{revision="{{revision}}"})', max: '10' } };
const SPLIT: CheckSpec = { name: 'share', split: {} };

const many = (prefix: string, count: number): readonly CheckSpec[] =>
  Array.from({ length: count }, (_, i) => ({ ...LAG, name: `${prefix}${i}` }));

function wanted(analysis: Analysis, sets: Readonly<Record<string, readonly CheckSpec[]>> = {}, spec: Partial<DeploymentSpec> = {}): WantedChecks {
  const checkSets = new Map(Object.entries(sets).map(([name, checks]) => [name, checkSetObject(name, checks)]));
  return wantedChecks({ deployment: deploymentObject({ ...spec, analysis }), checkSets });
}

const names = ({ specs }: WantedChecks): readonly string[] => specs.map(({ name }) => name);
const refusal = ({ refusal }: WantedChecks): readonly (string | undefined)[] => [refusal?.reason, refusal?.message];
const NO_COUNTS: Partial<DeploymentSpec> = {
  traffic: { replicaShare: {} },
  runtime: { preset: 'custom', custom: { port: 8000, probe: { path: '/' } } },
};

describe('a release starts with', () => {
  test.each<readonly [string, Analysis, readonly string[]]>([
    ['the defaults where nothing is given', {}, ['errors', 'latency']],
    ['the defaults where the list of sets is empty', { checkSets: [] }, ['errors', 'latency']],
    ['nothing where the list of checks is empty', { checks: [] }, []],
    ["the set's own alone where a set is given", { checkSets: ['speed'] }, ['slow', 'tail']],
    ["the spec's first, then the sets' in the order of their names in the spec", { checks: [ERRORS], checkSets: ['speed', 'load'] }, ['errors', 'slow', 'tail', 'lag']],
    ['another order where they are named in another order', { checks: [], checkSets: ['load', 'speed'] }, ['lag', 'slow', 'tail']],
  ])('%s', (_, analysis, expected) => {
    const found = wanted(analysis, { speed: [SLOW, TAIL], load: [LAG], unnamed: [SPLIT] });
    expect([names(found), found.refusal]).toEqual([expected, undefined]);
  });

  test('twenty checks at the most, wherever they are from', () => {
    expect(wanted({ checks: many('a', 12), checkSets: ['more'] }, { more: many('b', 8) }).refusal).toBeUndefined();
  });

  test('what its sets compare counted by whoever can', () => {
    const spec: Partial<DeploymentSpec> = { traffic: { none: {} } };
    expect(wanted({ checks: [LAG] }, {}, spec).counting).toBe('Nobody');
    expect(wanted({ checks: [LAG], checkSets: ['platform'] }, { platform: [ERRORS] }, spec).counting).toBe('MLServer');
  });
});

describe('no release starts with', () => {
  test('sets that are not there', () => {
    expect(refusal(wanted({ checkSets: ['a', 'b', 'c'] }, { b: [ERRORS] }))).toEqual([
      'CheckSetNotFound',
      'there is no CheckSet a and no CheckSet c in this namespace; apply what is missing, or take it out of spec.analysis.checkSets',
    ]);
  });

  test('more checks than its record keeps', () => {
    expect(refusal(wanted({ checks: many('a', 12), checkSets: ['more'] }, { more: many('b', 9) }))).toEqual([
      'TooManyChecks',
      'a release keeps at most 20 checks, and these are 21: 12 of spec.analysis.checks, 9 of CheckSet more; take some of them out, or a set out of spec.analysis.checkSets',
    ]);
  });

  test('a name that the spec and a set have', () => {
    expect(refusal(wanted({ checks: [ERRORS], checkSets: ['platform'] }, { platform: [SLOW, { ...LAG, name: 'errors' }] }))).toEqual([
      'CheckConflict',
      'check errors is in spec.analysis.checks and in CheckSet platform; rename one of them, or take CheckSet platform out of spec.analysis.checkSets',
    ]);
  });

  test('a name that two sets have', () => {
    expect(refusal(wanted({ checkSets: ['platform', 'team'] }, { platform: [SLOW, ERRORS], team: [ERRORS] }))).toEqual([
      'CheckConflict',
      'check errors is in CheckSet platform and in CheckSet team; rename one of them, or take CheckSet team out of spec.analysis.checkSets',
    ]);
  });

  test.each(['replicaShare', 'none'])('a split of traffic that no gateway splits, with %s', (routing) => {
    const spec: Partial<DeploymentSpec> = { traffic: { [routing]: {} } };
    expect(refusal(wanted({ checks: [ERRORS], checkSets: ['platform'] }, { platform: [SPLIT] }, spec))).toEqual([
      'ChecksNotCountable',
      'check share of CheckSet platform could never be judged: kind split needs spec.traffic.gateway, since without one the number of pods makes the shares; take it out, or take CheckSet platform out of spec.analysis.checkSets',
    ]);
  });

  test("queries of one's own that no Prometheus answers", () => {
    const analysis: Analysis = { metrics: { scrape: {} }, checks: [ERRORS, SPLIT], checkSets: ['speed', 'load'] };
    expect(refusal(wanted(analysis, { speed: [TAIL], load: [LAG] }))).toEqual([
      'ChecksNotCountable',
      'check lag of CheckSet load could never be judged: with spec.analysis.metrics.scrape nobody answers queries; take spec.analysis.metrics.scrape away, so that the Prometheus of the operator is asked, or take CheckSet load out of spec.analysis.checkSets',
    ]);
    expect(wanted({ ...analysis, checkSets: ['speed'] }, { speed: [TAIL] }).refusal).toBeUndefined();
  });

  test('checks that nobody counts for', () => {
    expect(refusal(wanted({ checks: [LAG, ERRORS], checkSets: ['speed', 'load'] }, { speed: [SLOW, TAIL], load: many('b', 1) }, NO_COUNTS))).toEqual([
      'ChecksNotCountable',
      'check errors of spec.analysis.checks and checks slow, tail of CheckSet speed could never be judged: without spec.traffic.gateway the model servers must count requests, and preset custom does not say in which metrics those do; name the server in spec.runtime.custom.metrics, give checks with queries of your own only, take CheckSet speed out of spec.analysis.checkSets, or route through a gateway',
    ]);
  });

  test('the defaults where nobody counts', () => {
    expect(refusal(wanted({}, {}, NO_COUNTS))).toEqual([
      'ChecksNotCountable',
      'checks errors, latency of the defaults could never be judged: without spec.traffic.gateway the model servers must count requests, and preset custom does not say in which metrics those do; name the server in spec.runtime.custom.metrics, give checks with queries of your own only, or route through a gateway',
    ]);
    expect(wanted({ checkSets: ['load'] }, { load: [LAG] }, NO_COUNTS).refusal).toBeUndefined();
  });

  test('sets that cannot certify where certificates are asked for', () => {
    const certified = (checks: readonly CheckSpec[]): WantedChecks => wanted({ promoteWhen: 'Certified', checkSets: ['platform'] }, { platform: checks });
    expect(refusal(certified([TAIL, LAG, SPLIT]))).toEqual([
      'NothingCertifies',
      'promoteWhen Certified needs a check that can certify, and checks tail, lag, share of CheckSet platform cannot; add errorRate, compare, score, rate, or latency with slowerThan or p99AtMost, or give promoteWhen: NotWorse',
    ]);
    expect(certified([TAIL, SLOW]).refusal).toBeUndefined();
    expect(wanted({ promoteWhen: 'Certified', checks: [], checkSets: [] }).refusal?.message).toMatch(/can certify, and there is none; add/);
    expect(wanted({ promoteWhen: 'Certified' }).refusal).toBeUndefined();
  });
});

describe('CheckSets in a world', () => {
  const withSets = (...checkSets: readonly string[]): Partial<DeploymentSpec> => ({ analysis: { ...SPEC.analysis, checkSets } });
  const put = (world: World, name: string, checks: readonly CheckSpec[]): void => {
    world.api.put(checkSetObject(name, checks) as unknown as KubeObject);
  };
  const planned = (world: World): readonly string[] => world.newest().spec.plan.checks.map(({ name }) => name);

  test('a first version waits for a set, and is served as soon as it is there', async () => {
    const world = createWorld();
    world.serve('1', withSets('platform'));
    await world.run(60_000);
    expect([world.releases, world.deployment.status?.phase, world.condition('Accepted'), world.condition('Stalled')]).toEqual([
      [],
      'Refused',
      'False/CheckSetNotFound',
      'True/CheckSetNotFound',
    ]);
    put(world, 'platform', [LAG]);
    await world.run(60_000);
    expect([world.condition('Ready'), world.condition('Accepted')]).toEqual(['True/Serving', 'True/Accepted']);
    world.assertSound();
  });

  test('a set that has gone is told of while the version serves, which it goes on doing; the next release waits for it', async () => {
    const world = createWorld();
    put(world, 'platform', [SLOW]);
    world.serve('1', withSets('platform'));
    await world.run(60_000);
    world.api.remove(RESOURCE.checkSet, NAMESPACE, 'platform');
    await world.run(10_000);
    expect([world.condition('Ready'), world.condition('Accepted')]).toEqual(['True/Serving', 'False/CheckSetNotFound']);
    expect(world.events.filter(({ reason }) => reason === 'CheckSetNotFound')).toHaveLength(1);
    world.release('2');
    await world.run(60_000);
    expect([world.releases.length, world.deployment.status?.phase, world.condition('Available')]).toEqual([1, 'Refused', 'True/Serving']);
    put(world, 'platform', [SLOW]);
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.assertSound();
  });

  test('a release keeps the checks that it started with, whatever becomes of the set; and none starts for another set', async () => {
    const world = await servingWorld();
    put(world, 'platform', [SLOW]);
    world.edit(withSets('platform'));
    world.release('2');
    await world.until(() => world.weight('2') === 5);
    put(world, 'platform', [LAG]);
    await world.run(10_000);
    world.api.remove(RESOURCE.checkSet, NAMESPACE, 'platform');
    const release = await ended(world);
    expect([planned(world), release.status?.outcome]).toEqual([['errors', 'latency', 'slow'], 'Promoted']);
    put(world, 'platform', [TAIL]);
    await world.run(60_000);
    expect([world.releases.length, world.condition('Accepted')]).toEqual([2, 'True/Accepted']);
    world.assertSound();
  });

  test('a check of a set fails a candidate that no check of the spec finds bad', async () => {
    const world = await servingWorld();
    put(world, 'platform', [LAG]);
    world.gateway.values = () => 11;
    world.edit(withSets('platform'));
    world.release('2');
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'LimitExceeded' });
    world.assertSound();
  });

  test("a set's query that Prometheus cannot read starts no release, and a mended set does", async () => {
    const world = await servingWorld();
    put(world, 'platform', [{ name: 'lag', limit: { query: 'max(lag', max: '10' } }]);
    world.edit(withSets('platform'));
    world.release('2');
    await world.run(60_000);
    expect([world.releases.length, world.condition('Stalled')]).toEqual([1, 'True/InvalidQuery']);
    put(world, 'platform', [SLOW]);
    expect((await ended(world)).status?.outcome).toBe('Promoted');
    world.assertSound();
  });

  test('a version that is asked for in a release without its sets does not take the place of the one that is tried', async () => {
    const world = await releasing();
    await world.until(() => world.weight('2') === 5);
    world.edit({ ...withSets('platform'), version: '3' });
    world.addVersion('3');
    await world.run(20_000);
    expect([world.condition('Accepted'), world.weight('2')]).toEqual(['False/CheckSetNotFound', 5]);
    put(world, 'platform', [SLOW]);
    await world.until(() => world.releases.length === 3);
    expect([world.releases[1]?.status?.reason, planned(world)]).toEqual(['Superseded', ['errors', 'latency', 'slow']]);
    world.assertSound();
  });
});
