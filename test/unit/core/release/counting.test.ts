import { describe, expect, test } from '@jest/globals';
import type { ModelDeploymentRuntimeCustom } from '../../../../src/api/generated/modeldeployment.ts';
import { countingBy, findUncountable, sayUncountable } from '../../../../src/core/release/counting.ts';
import { deploymentObject } from '../../../support/world/objects.ts';

const ERRORS = [{ name: 'errors', errorRate: {} }];
const SLOW = [{ name: 'slow', latency: { slowerThan: '1s' } }];
const LIMITS = [{ name: 'lag', limit: { query: 'max(lag)', max: '10' } }];

describe('requests are counted', () => {
  test.each([
    ['by the gateway where there is one', 'Gateway', undefined, undefined, 'Gateway'],
    ['by the servers where a Service shares', 'ReplicaShare', 'MLServer', undefined, 'MLServer'],
    ['by the servers for minRequests too', 'ReplicaShare', 'Triton', LIMITS, 'Triton'],
    ['by nobody whose series can be read', 'ReplicaShare', undefined, LIMITS, 'Nobody'],
    ['by the servers where pods fetch their work and a check compares', 'None', 'VLLM', ERRORS, 'VLLM'],
    ['by nobody where pods fetch their work and limits judge', 'None', 'MLServer', LIMITS, 'Nobody'],
  ] as const)('%s', (_, routing, server, checks, counting) => {
    expect(countingBy(routing, server, checks)).toBe(counting);
  });
});

describe('checks that nobody could judge', () => {
  test('are named, with the way out', () => {
    expect(sayUncountable('custom', 'Nobody', [...LIMITS, ...ERRORS])).toBe(
      'spec.analysis.checks errors could never be judged: without spec.traffic.gateway the model servers must count requests, and preset custom does not say in which metrics those do; name the server in spec.runtime.custom.metrics, give checks with queries of your own only, or route through a gateway',
    );
  });

  test('may be the default ones', () => {
    expect(sayUncountable('custom', 'Nobody', undefined)).toMatch(/^the default checks errors and latency could never be judged: /);
  });

  test('are those of errors, where the servers do not tell which requests failed', () => {
    expect(sayUncountable('custom', 'KServe', [...SLOW, ...ERRORS])).toBe(
      'spec.analysis.checks errors could never be judged: servers of KServe count requests and their durations, but do not tell which requests failed; give checks of kind latency, or with queries of your own, only, or route through a gateway',
    );
    expect(sayUncountable('custom', 'KServe', undefined)).toMatch(/^the default check errors could never be judged: /);
  });

  test('are those that compare two kinds of servers', () => {
    const custom = { port: 8000, probe: { path: '/' }, metrics: 'Triton' } as const;
    const deployment = deploymentObject({ traffic: { replicaShare: {} }, runtime: { preset: 'custom', custom } });
    const serving = (kept: ModelDeploymentRuntimeCustom | undefined) => ({ revision: 'r', version: '1', digest: 'd', inputs: 'i', template: {}, custom: kept });
    expect(findUncountable(deployment, serving(undefined))).toBe(
      'spec.analysis.checks errors, latency could never be judged: the version that serves counts its requests as MLServer does, and the other one would as Triton does; give checks with queries of your own only until it serves, or route through a gateway',
    );
    expect(findUncountable(deployment, serving(custom))).toBeUndefined();
    // What the servers of the version before count in was never said: the same, as far as anybody knows.
    expect(findUncountable(deployment, serving({ port: 8000, probe: { path: '/' } }))).toBeUndefined();
  });

  test('are none where limits judge, or where somebody counts', () => {
    expect(sayUncountable('custom', 'Nobody', LIMITS)).toBeUndefined();
    expect(sayUncountable('mlserver', 'MLServer', ERRORS)).toBeUndefined();
    expect(sayUncountable('custom', 'KServe', SLOW)).toBeUndefined();
    expect(findUncountable(deploymentObject({ traffic: { replicaShare: {} } }))).toBeUndefined();
  });
});
