import { describe, expect, test } from '@jest/globals';
import { countingBy } from '../../../../src/core/release/counting.ts';

const ERRORS = [{ name: 'errors', errorRate: {} }];
const LIMITS = [{ name: 'lag', limit: { query: 'max(lag)', max: '10' } }];

describe('requests are counted', () => {
  test.each([
    ['by the gateway where there is one', 'Gateway', false, ERRORS, 'Gateway'],
    ['by the servers where a Service shares', 'ReplicaShare', true, ERRORS, 'Runtime'],
    ['by the servers for minRequests too', 'ReplicaShare', true, LIMITS, 'Runtime'],
    ['by nobody whose series can be read', 'ReplicaShare', false, LIMITS, 'Nobody'],
    ['by the servers where pods fetch their work and a check compares', 'None', true, ERRORS, 'Runtime'],
    ['by nobody where pods fetch their work and limits judge', 'None', true, LIMITS, 'Nobody'],
  ] as const)('%s', (_, routing, countsRequests, checks, counting) => {
    expect(countingBy(routing, countsRequests, checks)).toBe(counting);
  });
});
