import { describe, expect, test } from '@jest/globals';
import type { ModelDeploymentRuntimeCustom } from '../../../../src/api/generated/modeldeployment.ts';
import type { CheckSpec } from '../../../../src/core/release/checks/kind.ts';
import { countingBy } from '../../../../src/core/release/counting.ts';
import { wantedChecks } from '../../../../src/core/release/wantedChecks.ts';
import { deploymentObject, type DeploymentSpec } from '../../../support/world/objects.ts';

const ERRORS: CheckSpec[] = [{ name: 'errors', errorRate: {} }];
const SLOW: CheckSpec[] = [{ name: 'slow', latency: { slowerThan: '1s' } }];
const LIMITS: CheckSpec[] = [{ name: 'lag', limit: { query: 'max(lag)', max: '10' } }];

describe('requests are counted', () => {
  test.each([
    ['by the gateway where there is one', 'Gateway', undefined, ERRORS, 'Gateway'],
    ['by the servers where a Service shares', 'ReplicaShare', 'MLServer', ERRORS, 'MLServer'],
    ['by the servers for minRequests too', 'ReplicaShare', 'Triton', LIMITS, 'Triton'],
    ['by nobody whose series can be read', 'ReplicaShare', undefined, LIMITS, 'Nobody'],
    ['by the servers where pods fetch their work and a check compares', 'None', 'VLLM', ERRORS, 'VLLM'],
    ['by nobody where pods fetch their work and limits judge', 'None', 'MLServer', LIMITS, 'Nobody'],
  ] as const)('%s', (_, routing, server, checks, counting) => {
    expect(countingBy(routing, server, checks)).toBe(counting);
  });
});

type Custom = ModelDeploymentRuntimeCustom;

/** What is said of these checks where a Service shares, and the servers count in these metrics. */
function said(metrics: Custom['metrics'], checks: CheckSpec[] | undefined, serving?: Custom | 'MLServer'): string | undefined {
  const custom: Custom = { port: 8000, probe: { path: '/' }, ...(metrics === undefined ? {} : { metrics }) };
  const spec: Partial<DeploymentSpec> = { traffic: { replicaShare: {} }, runtime: { preset: 'custom', custom } };
  const deployment = deploymentObject({ ...spec, analysis: checks === undefined ? {} : { checks } });
  const before = { revision: 'r', version: '1', digest: 'd', inputs: 'i', template: {} };
  const snapshot = serving === undefined ? undefined : { ...before, custom: serving === 'MLServer' ? undefined : serving };
  return wantedChecks({ deployment, checkSets: new Map() }, snapshot).refusal?.message;
}

describe('checks that nobody could judge', () => {
  test('are named, with the way out', () => {
    expect(said(undefined, [...LIMITS, ...ERRORS])).toBe(
      'check errors of spec.analysis.checks could never be judged: without spec.traffic.gateway the model servers must count requests, and preset custom does not say in which metrics those do; name the server in spec.runtime.custom.metrics, give checks with queries of your own only, or route through a gateway',
    );
    expect(said(undefined, undefined)).toMatch(/^checks errors, latency of the defaults could never be judged: /);
  });

  test('are those of errors, where the servers do not tell which requests failed', () => {
    expect(said('KServe', [...SLOW, ...ERRORS])).toBe(
      'check errors of spec.analysis.checks could never be judged: servers of KServe count requests and their durations, but do not tell which requests failed; give checks of kind latency, or with queries of your own, only, or route through a gateway',
    );
    expect(said('KServe', undefined)).toMatch(/^check errors of the defaults could never be judged: /);
  });

  test('are those that compare two kinds of servers', () => {
    expect(said('Triton', [...ERRORS, ...SLOW], 'MLServer')).toBe(
      'checks errors, slow of spec.analysis.checks could never be judged: the version that serves counts its requests as MLServer does, and the other one would as Triton does; give checks with queries of your own only until it serves, or route through a gateway',
    );
    expect(said('Triton', ERRORS, { port: 8000, probe: { path: '/' }, metrics: 'Triton' })).toBeUndefined();
    // What the servers of the version before count in was never said: the same, as far as anybody knows.
    expect(said('Triton', ERRORS, { port: 8000, probe: { path: '/' } })).toBeUndefined();
  });

  test('are none where limits judge, or where somebody counts', () => {
    expect(said(undefined, LIMITS)).toBeUndefined();
    expect(said('Triton', ERRORS)).toBeUndefined();
    expect(said('KServe', SLOW)).toBeUndefined();
  });
});
