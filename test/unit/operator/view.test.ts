import { describe, expect, test } from '@jest/globals';
import type { Observed, View } from '../../../src/core/observed.ts';
import { deploymentView } from '../../../src/operator/view.ts';

const observed = {
  deployment: {
    metadata: { namespace: 'risk', name: 'fraud' },
    status: { stable: { version: '1', revision: 'aaaaaaaaaa' } },
  },
  releases: [],
  revisions: new Map([['aaaaaaaaaa', { workload: { readyReplicas: 2 } }]]),
} as unknown as Observed;

const view: View = {
  phase: 'Holding',
  weight: 25,
  logE: 1.5,
  checks: [
    { check: 'queue', verdict: 'Pass', logE: undefined, phi: undefined, bounds: undefined, value: 7, stable: undefined, candidate: undefined },
    {
      check: 'errors',
      verdict: 'Inconclusive/Collecting',
      logE: 1.5,
      phi: 1.25,
      bounds: () => ({ ratioLower: 0, ratioUpper: 4, rateUpper: 0.1 }),
      value: undefined,
      stable: { requests: 90, bad: 1 },
      candidate: { requests: 30, bad: 2 },
    },
  ],
};

describe('a deployment in /metrics', () => {
  test('shows the value of a limit, the counts of a comparison, and a verdict apart from its reason', () => {
    expect(deploymentView(observed, view)).toMatchObject({
      namespace: 'risk',
      name: 'fraud',
      weight: 25,
      combinedLogE: 1.5,
      stable: { version: '1', revision: 'aaaaaaaaaa', readyReplicas: 2 },
      candidate: undefined,
      checks: [
        { check: 'queue', verdict: 'Pass', value: 7 },
        { check: 'errors', verdict: 'Inconclusive', reason: 'Collecting', logE: 1.5, phi: 1.25, candidate: { requests: 30, bad: 2 } },
      ],
    });
  });
});
