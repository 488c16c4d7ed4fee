import { describe, expect, test } from '@jest/globals';
import { countingBy, findUncountable, sayUncountable } from '../../../../src/core/release/counting.ts';
import { deploymentObject } from '../../../support/world/objects.ts';

const ERRORS = [{ name: 'errors', errorRate: {} }];
const LIMITS = [{ name: 'lag', limit: { query: 'max(lag)', max: '10' } }];

describe('requests are counted', () => {
  test.each([
    ['by the gateway where there is one', 'Gateway', false, undefined, 'Gateway'],
    ['by the servers where a Service shares', 'ReplicaShare', true, undefined, 'Runtime'],
    ['by the servers for minRequests too', 'ReplicaShare', true, LIMITS, 'Runtime'],
    ['by nobody whose series can be read', 'ReplicaShare', false, LIMITS, 'Nobody'],
    ['by the servers where pods fetch their work and a check compares', 'None', true, ERRORS, 'Runtime'],
    ['by nobody where pods fetch their work and limits judge', 'None', true, LIMITS, 'Nobody'],
  ] as const)('%s', (_, routing, countsRequests, checks, counting) => {
    expect(countingBy(routing, countsRequests, checks)).toBe(counting);
  });
});

describe('checks that nobody could judge', () => {
  test('are named, with the way out', () => {
    expect(sayUncountable('custom', 'Nobody', [...LIMITS, ...ERRORS])).toBe(
      'spec.analysis.checks errors could never be judged: without spec.traffic.gateway the model servers must count requests, and those of preset custom do not in a way that Plimsoll reads; give checks with queries of your own only, or route through a gateway',
    );
  });

  test('may be the default ones', () => {
    expect(sayUncountable('custom', 'Nobody', undefined)).toMatch(/^the default checks errors and latency could never be judged: /);
  });

  test('are none where limits judge, or where somebody counts', () => {
    expect(sayUncountable('custom', 'Nobody', LIMITS)).toBeUndefined();
    expect(sayUncountable('mlserver', 'Runtime', ERRORS)).toBeUndefined();
    expect(findUncountable(deploymentObject({ traffic: { replicaShare: {} } }))).toBeUndefined();
  });
});
