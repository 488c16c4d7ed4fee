import { describe, expect, test } from '@jest/globals';
import { RESOURCE } from '../../../src/api/resources.ts';
import type { KubeClient, ListOptions } from '../../../src/controller/client.ts';
import type { PodTrouble } from '../../../src/core/observed.ts';
import { findPodTrouble } from '../../../src/observe/trouble.ts';

const HELD_UP = {
  metadata: { name: 'fraud-1' },
  status: {
    phase: 'Pending',
    conditions: [
      { type: 'PodScheduled', status: 'True' },
      { type: 'PodReadyToStartContainers', status: 'False' },
    ],
  },
};
const CRASHED = {
  metadata: { name: 'fraud-2' },
  status: { containerStatuses: [{ name: 'model', state: { terminated: { exitCode: 1 } } }] },
};
const warning = (reason: string, message: string, lastTimestamp: string): object => ({ reason, message, lastTimestamp });

interface Found {
  readonly trouble: PodTrouble | undefined;
  /** What was asked of Events. */
  readonly asked: readonly (ListOptions | undefined)[];
}

async function find(pods: readonly object[], events: readonly object[], job?: string): Promise<Found> {
  const asked: (ListOptions | undefined)[] = [];
  const list: KubeClient['list'] = (resource, options) => {
    if (resource === RESOURCE.event) asked.push(options);
    return Promise.resolve({ items: (resource === RESOURCE.event ? events : pods) as never, resourceVersion: '' });
  };
  const signal = new AbortController().signal;
  const { trouble } = await findPodTrouble({ list } as unknown as KubeClient, { namespace: 'risk', labelSelector: 'a=b', job }, signal);
  return { trouble, asked };
}

describe('what keeps pods from running', () => {
  test('is asked of the Events of a pod that does not begin, and the newest one tells', async () => {
    const { trouble, asked } = await find(
      [HELD_UP],
      [
        warning('FailedMount', 'secret "reader" not found', '2026-11-24T10:00:05Z'),
        warning('FailedMount', 'timed out waiting', '2026-11-24T10:00:01Z'),
      ],
    );
    expect(trouble?.reason).toBe('SecretMissing');
    expect(asked).toMatchObject([{ namespace: 'risk', fieldSelector: 'type=Warning,involvedObject.kind=Pod,involvedObject.name=fraud-1' }]);
  });

  test('is asked of the Events of a Job that has no pod', async () => {
    const { trouble, asked } = await find([], [warning('FailedCreate', 'serviceaccount "me" not found', '')], 'resolve-1');
    expect(trouble?.reason).toBe('ServiceAccountMissing');
    expect(asked).toMatchObject([{ fieldSelector: 'type=Warning,involvedObject.kind=Job,involvedObject.name=resolve-1' }]);
  });

  test('is nothing when there is no Event either', async () => {
    expect((await find([HELD_UP], [])).trouble).toBeUndefined();
  });

  test.each([
    ['a pod says it itself', [CRASHED, HELD_UP], undefined],
    ['there are no pods and no Job', [], undefined],
    ['a Job has its pod', [{ metadata: { name: 'x' }, status: { phase: 'Running' } }], 'resolve-1'],
  ])('is not asked of Events when %s', async (_, pods, job) => {
    expect((await find(pods, [], job)).asked).toEqual([]);
  });
});
