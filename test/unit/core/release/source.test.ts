// Checks that have their requests counted by somebody else than the release: what is refused, kept, measured and said.
import { describe, expect, test } from '@jest/globals';
import type { ModelDeploymentRuntimeCustom } from '../../../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../../../src/api/generated/modelrelease.ts';
import type { Arms } from '../../../../src/core/analysis/measurement.ts';
import type { CheckSpec } from '../../../../src/core/release/checks/kind.ts';
import { readCheck } from '../../../../src/core/release/checks/kinds.ts';
import { parametersOf, planSnapshot } from '../../../../src/core/release/parameters.ts';
import { judgeAgain, requestsOf } from '../../../../src/core/release/replay.ts';
import { wantedChecks, type WantedChecks } from '../../../../src/core/release/wantedChecks.ts';
import { checkSetObject, deploymentObject, type DeploymentSpec } from '../../../support/world/objects.ts';
import { ended, releasing } from './scenario.ts';

type Custom = ModelDeploymentRuntimeCustom;
type Runtime = DeploymentSpec['runtime'];

const SHARED: Partial<DeploymentSpec> = { traffic: { replicaShare: {} } };
/** One of each kind that can have a source, with that of the gateway or of the runtime, and one of each that leaves it open. */
const counted = (source: 'Gateway' | 'Runtime'): CheckSpec[] => [
  { name: 'errors', errorRate: { source } },
  { name: 'slow', latency: { slowerThan: '1s', source } },
  { name: 'any', latency: { source } },
  { name: 'objective', rate: { atMost: '1%', source } },
];
const OTHERS: CheckSpec[] = [
  { name: 'plain', errorRate: {} },
  { name: 'split', split: {} },
  { name: 'lag', limit: { query: 'max(lag)', max: '10' } },
];

const custom = (metrics?: Custom['metrics']): Custom => ({ port: 8000, probe: { path: '/' }, ...(metrics === undefined ? {} : { metrics }) });
const own = (metrics?: Custom['metrics']): Runtime => ({ preset: 'custom', custom: custom(metrics) });

/** What a release would start with whose checks are of a set: of those in spec the API server says it already. */
function wanted(checks: readonly CheckSpec[], spec: Partial<DeploymentSpec>, serving?: Custom | 'MLServer'): WantedChecks {
  const deployment = deploymentObject({ ...spec, analysis: { checkSets: ['platform'] } });
  const before = { revision: 'r', version: '1', digest: 'd', inputs: 'i', template: {} };
  const snapshot = serving === undefined ? undefined : { ...before, custom: serving === 'MLServer' ? undefined : serving };
  return wantedChecks({ deployment, checkSets: new Map([['platform', checkSetObject('platform', checks)]]) }, snapshot);
}

const said = (...args: Parameters<typeof wanted>): string | undefined => wanted(...args).refusal?.message;
const ERRORS: CheckSpec[] = [{ name: 'errors', errorRate: { source: 'Runtime' } }];
const SLOW: CheckSpec[] = [{ name: 'slow', latency: { slowerThan: '1s', source: 'Runtime' } }];

describe('no release starts with', () => {
  test('a gateway that counts where there is none', () => {
    for (const traffic of [{ replicaShare: {} }, { none: {} }])
      expect(said([{ name: 'errors', errorRate: { source: 'Gateway' } }], { traffic })).toBe(
        'check errors of CheckSet platform could never be judged: source Gateway needs spec.traffic.gateway, since without one the model servers count; leave source out, or take CheckSet platform out of spec.analysis.checkSets',
      );
  });

  test('servers that count in metrics that nobody can read, beside a gateway', () => {
    expect(said([...ERRORS, ...OTHERS], { runtime: own() })).toBe(
      'check errors of CheckSet platform could never be judged: with source Runtime the model servers must count requests, and preset custom does not say in which metrics those do; name the server in spec.runtime.custom.metrics, give checks with queries of your own only, take CheckSet platform out of spec.analysis.checkSets, or leave source out',
    );
  });

  test('servers that do not tell failures', () => {
    expect(said([...ERRORS, ...SLOW, { name: 'objective', rate: { atMost: '1%', source: 'Runtime' } }], { runtime: own('KServe') })).toBe(
      'checks errors, objective of CheckSet platform could never be judged: servers of KServe count requests and their durations, but do not tell which requests failed; give checks of kind latency, or with queries of your own, only, take CheckSet platform out of spec.analysis.checkSets, or leave source out',
    );
    expect(said(ERRORS, { ...SHARED, runtime: own('KServe') })).toMatch(/, or route through a gateway and leave source out$/);
  });

  test('two kinds of servers', () => {
    expect(said([...SLOW, ...OTHERS], { runtime: own('Triton') }, 'MLServer')).toBe(
      'check slow of CheckSet platform could never be judged: the version that serves counts its requests as MLServer does, and the other one would as Triton does; give checks with queries of your own only until it serves, take CheckSet platform out of spec.analysis.checkSets, or leave source out',
    );
  });

  test('but with all that can be counted', () => {
    expect(said(counted('Gateway'), { runtime: own() })).toBeUndefined();
    expect(said(counted('Runtime'), {})).toBeUndefined();
    expect(said(counted('Runtime'), SHARED)).toBeUndefined();
    expect(said(counted('Runtime'), { runtime: own('Triton') }, custom('Triton'))).toBeUndefined();
    expect(said(SLOW, { runtime: own('KServe') })).toBeUndefined();
    expect(said([{ name: 'plain', errorRate: {} }], { runtime: own('Triton') }, 'MLServer')).toBeUndefined();
  });
});

/** The record of a release that starts with these checks. */
function recordOf(checks: readonly CheckSpec[], spec: Partial<DeploymentSpec> = {}): ModelRelease {
  const deployment = deploymentObject({ ...spec, analysis: { checkSets: ['platform'] } });
  const end = (revision: string): ModelRelease['spec']['to'] => ({ version: revision, digest: 'd', revision });
  return {
    apiVersion: 'plimsoll.dev/v1alpha1',
    kind: 'ModelRelease',
    metadata: { name: 'fraud-r2', namespace: 'risk' },
    spec: {
      deployment: 'fraud',
      number: 2,
      from: end('aaa'),
      to: end('bbb'),
      cause: { type: 'Version' },
      plan: planSnapshot(deployment, wanted(checks, spec), 0, false),
    },
  };
}

/** Of whom the requests are asked that each check wants counted. */
function askedOf(release: ModelRelease): readonly (readonly [string, Arms | undefined])[] {
  return requestsOf(release, [], { stable: 'a', candidate: 'b' }).map(({ check, measurand }) => [
    check,
    'arms' in measurand ? measurand.arms : undefined,
  ]);
}

const ROUTE: Arms = { namespace: 'risk', route: 'fraud', stable: 'a', candidate: 'b' };
const PODS: Arms = { namespace: 'risk', deployment: 'fraud', stable: 'aaa', candidate: 'bbb', server: 'MLServer' };

describe('a release keeps', () => {
  test('whose series each check with a source reads, and nothing for the others', () => {
    const sources = ({ spec }: ModelRelease): unknown => spec.plan.checks.map(({ parameters }) => parameters?.['source']);
    expect(sources(recordOf([...counted('Runtime'), ...OTHERS], { runtime: own('Triton') }))).toEqual([
      ...['Triton', 'Triton', 'Triton', 'Triton'],
      ...[undefined, undefined, undefined],
    ]);
    expect(sources(recordOf(counted('Gateway')))).toEqual(['Gateway', 'Gateway', 'Gateway', 'Gateway']);
    expect(recordOf(ERRORS).spec.plan.checks).toEqual([
      { name: 'errors', type: 'errorRate', parameters: { relativeMargin: '50%', absoluteFloor: '0.5%', source: 'MLServer' } },
    ]);
  });

  test('who counts for whoever judges it again from its record', () => {
    const release = recordOf(ERRORS);
    expect(judgeAgain(release, [], 0).checks[0]?.explain()).toMatch(/^counted by the model servers \(MLServer\): /);
    expect(parametersOf(release).checks[0]?.source).toBe('MLServer');
  });

  test('no name of who counts but those that this operator knows', () => {
    const base = { name: 'errors', isOptional: false };
    expect(readCheck(base, 'errorRate', { source: 'KServe' }).source).toBe('KServe');
    expect(() => readCheck(base, 'errorRate', { source: 'TorchServe' })).toThrow('check errors of a release has "TorchServe" count requests');
  });
});

describe('a source is asked', () => {
  test('for its checks alone: the traffic and all others stay with the gateway', () => {
    expect(askedOf(recordOf([...counted('Runtime'), ...OTHERS]))).toEqual([
      ['$traffic', ROUTE],
      ...['errors', 'slow', 'any', 'objective'].map((name) => [name, PODS]),
      ['plain', ROUTE],
      ['split', ROUTE],
      ['lag', undefined],
    ]);
  });

  test('where it is the one that counts anyway', () => {
    expect(askedOf(recordOf(counted('Gateway'))).map(([, arms]) => arms)).toEqual(Array.from({ length: 5 }, () => ROUTE));
    expect(askedOf(recordOf(counted('Runtime'), SHARED)).map(([, arms]) => arms)).toEqual(Array.from({ length: 5 }, () => PODS));
  });
});

/** What a release of version 2, which fails every tenth request behind a gateway that asks again, comes to by this check. */
async function hiding(check: NonNullable<CheckSpec['errorRate']>): Promise<{ readonly release: ModelRelease; readonly message: string }> {
  const analysis: DeploymentSpec['analysis'] = { interval: '5s', minRequests: 50, checks: [{ name: 'errors', errorRate: check }] };
  const world = await releasing({ errorRate: 0.1 }, { analysis });
  world.gateway.retries = true;
  const release = await ended(world);
  world.assertSound();
  return { release, message: release.status?.checks?.[0]?.explanation ?? '' };
}

describe('failures that a gateway hides by asking again', () => {
  test('are seen by the servers: the sentence says who counted', async () => {
    const { release, message } = await hiding({ source: 'Runtime' });
    expect(release.status).toMatchObject({ outcome: 'RolledBack', reason: 'ErrorRateWorse' });
    expect(release.spec.plan.evidence).toBeUndefined();
    expect(message).toMatch(/^counted by the model servers \(MLServer\): /);
    expect(release.status?.message).toContain(message);
  });

  test('are none for the gateway, named or not', async () => {
    const named = await hiding({ source: 'Gateway' });
    expect(named.release.status?.outcome).toBe('Promoted');
    expect(named.message).toMatch(/^counted by the gateway: /);
    const open = await hiding({});
    expect(open.release.status?.outcome).toBe('Promoted');
    expect(named.message).toBe(`counted by the gateway: ${open.message}`);
  });
});
