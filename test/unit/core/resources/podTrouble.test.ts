import { describe, expect, test } from '@jest/globals';
import { blame, findTrouble, isHeldUp, quotaTrouble, troubleOfEvent, type PodObject } from '../../../../src/core/resources/podTrouble.ts';

type Status = NonNullable<PodObject['status']>;

function pod(status: Status, name = 'fraud-a'): PodObject {
  return { metadata: { name }, status };
}

function server(state: object, more: object = {}): Status {
  return { phase: 'Running', containerStatuses: [{ name: 'model', ready: false, state, ...more }] };
}

function fetcher(message: string, exitCode = 1): Status {
  return {
    phase: 'Pending',
    initContainerStatuses: [
      { name: 'plimsoll-fetch', state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: { exitCode, message } } },
    ],
  };
}

const failed = (reason: string): string => JSON.stringify({ failure: { reason, message: `because of ${reason}`, retryable: false } });
const BACKOFF = { waiting: { reason: 'CrashLoopBackOff' } };

describe('what keeps pods from being Ready', () => {
  test.each<[sentence: string, status: Status, kind: string, reason: string]>([
    ['a server that ended', server({ terminated: { exitCode: 1, reason: 'Error' } }), 'Evidence', 'CrashLoop'],
    ['a server in a crash loop', server(BACKOFF, { lastState: { terminated: { exitCode: 3 } } }), 'Evidence', 'CrashLoop'],
    [
      'a server that runs again after a crash',
      server({ running: {} }, { lastState: { terminated: { exitCode: 3 } } }),
      'Evidence',
      'CrashLoop',
    ],
    [
      'a server that ended without an error',
      server(BACKOFF, { lastState: { terminated: { exitCode: 0, reason: 'Completed' } } }),
      'Evidence',
      'CrashLoop',
    ],
    [
      'a server killed for want of memory',
      server(BACKOFF, { lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } } }),
      'Evidence',
      'OOMKilled',
    ],
    [
      'a command that the image does not have',
      server({ waiting: { reason: 'RunContainerError' } }, { lastState: { terminated: { exitCode: 128, reason: 'StartError' } } }),
      'Evidence',
      'StartError',
    ],
    ['a server that runs but is not Ready', server({ running: {} }), 'Evidence', 'NotReady'],
    ['an archive that must not be unpacked', fetcher(failed('ArchiveRefused')), 'Evidence', 'ArchiveRefused'],
    ['no file that is the model', fetcher(failed('FormatUnclear')), 'Evidence', 'FormatUnclear'],
    ['a source that does not answer', fetcher(failed('SourceUnreachable')), 'Infrastructure', 'SourceUnreachable'],
    ['other bytes than recorded', fetcher(failed('DigestMismatch')), 'Infrastructure', 'DigestMismatch'],
    ['credentials that are refused', fetcher(failed('AccessDenied')), 'Infrastructure', 'AccessDenied'],
    ['a fetch container that says nothing', fetcher(''), 'Infrastructure', 'InitFailed'],
    [
      'a claim that does not exist',
      {
        phase: 'Pending',
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'Unschedulable',
            message: '0/1 nodes are available: persistentvolumeclaim "models" not found. preemption: 0/1 nodes are available.',
          },
        ],
      },
      'Infrastructure',
      'ClaimMissing',
    ],
    [
      'an image that does not pull',
      server({ waiting: { reason: 'ImagePullBackOff', message: 'no such image' } }),
      'Infrastructure',
      'ImagePullBackOff',
    ],
    [
      'a missing Secret',
      server({ waiting: { reason: 'CreateContainerConfigError', message: 'secret "x" not found' } }),
      'Infrastructure',
      'CreateContainerConfigError',
    ],
    [
      'no node with room',
      {
        phase: 'Pending',
        conditions: [
          { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes are available: 1 Insufficient memory.' },
        ],
      },
      'Infrastructure',
      'InsufficientCapacity',
    ],
    [
      'nodes that are kept for others',
      {
        phase: 'Pending',
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'Unschedulable',
            message: '0/1 nodes are available: 1 had untolerated taint(s).',
          },
        ],
      },
      'Infrastructure',
      'Unschedulable',
    ],
    ['a node that is lost', { phase: 'Running', reason: 'NodeLost' }, 'Infrastructure', 'NodeLost'],
    ['an eviction', { phase: 'Failed', reason: 'Evicted', message: 'low on disk' }, 'Infrastructure', 'Evicted'],
  ])('%s', (_, status, kind, reason) => {
    expect(findTrouble([pod(status)])).toMatchObject({ class: kind, reason, message: expect.stringMatching(/./) });
  });

  test.each<[sentence: string, status: Status | undefined]>([
    ['a pod that is Ready', { phase: 'Running', containerStatuses: [{ name: 'model', ready: true, state: { running: {} } }] }],
    ['a pod that pulls its image', server({ waiting: { reason: 'ContainerCreating' } })],
    ['a pod that fetches', { phase: 'Pending', initContainerStatuses: [{ name: 'plimsoll-fetch', state: { running: {} } }] }],
    [
      'a pod that has fetched',
      {
        phase: 'Pending',
        initContainerStatuses: [{ name: 'plimsoll-fetch', state: { terminated: { exitCode: 0 } } }],
        containerStatuses: [{ name: 'model', state: { waiting: { reason: 'PodInitializing' } } }],
      },
    ],
    ['a pod without a status', undefined],
  ])('is not %s', (_, status) => {
    expect(findTrouble([status ? pod(status) : { metadata: { name: 'fraud-a' } }])).toBeUndefined();
  });

  test('is the worst of several: what speaks against the revision before what may pass', () => {
    const pods = [
      pod(server({ waiting: { reason: 'ImagePullBackOff' } })),
      pod(server({ running: {} })),
      pod(server({ terminated: { exitCode: 1 } })),
    ];
    expect(findTrouble(pods)?.reason).toBe('CrashLoop');
  });

  test('is not asked of pods that are being deleted', () => {
    expect(
      findTrouble([
        { ...pod(server({ terminated: { exitCode: 143 } })), metadata: { name: 'x', deletionTimestamp: '2026-01-01T00:00:00Z' } },
      ]),
    ).toBeUndefined();
  });

  test('holds no counts, so that it stays the same while the state does', () => {
    const crash = (restartCount: number): PodObject => pod(server(BACKOFF, { restartCount, lastState: { terminated: { exitCode: 1 } } }));
    expect(findTrouble([crash(1)])).toEqual(findTrouble([crash(7)]));
  });
});

describe('a refusal to make pods', () => {
  test('over a quota is told in the words of the API server, without the name that is another one at each try', () => {
    const said = 'exceeded quota: gpus, requested: limits.cpu=1, used: limits.cpu=4, limited: limits.cpu=4';
    expect(quotaTrouble(`pods "fraud-3f9a1c07be-7c9f8-x2x9q" is forbidden: ${said}`)).toEqual({
      class: 'Infrastructure',
      reason: 'InsufficientCapacity',
      message: `the API server refuses more pods: ${said}`,
    });
  });

  test.each([undefined, '', 'pods "x" is forbidden: violates PodSecurity "restricted:latest"'])(
    'of %j is not about capacity',
    (refusal) => {
      expect(quotaTrouble(refusal)).toBeUndefined();
    },
  );
});

describe('pods that run without being Ready', () => {
  const MINUTE = 60_000;
  const now = Date.parse('2026-01-01T00:10:00Z');
  const running = (startedAt: string): PodObject => pod(server({ running: { startedAt } }));

  test('speak against their version once they have run for as long as was waited', () => {
    expect(blame(findTrouble([running('2026-01-01T00:00:00Z')]), 5 * MINUTE, now)).toBe('Evidence');
  });

  test('say nothing of it when they have only just begun to run', () => {
    expect(blame(findTrouble([running('2026-01-01T00:09:30Z')]), 5 * MINUTE, now)).toBe('Infrastructure');
  });

  test('are judged by the one that has run longest', () => {
    expect(blame(findTrouble([running('2026-01-01T00:09:30Z'), running('2026-01-01T00:01:00Z')]), 5 * MINUTE, now)).toBe('Evidence');
  });

  test('are not waited for when one ends by itself', () => {
    expect(blame(findTrouble([running('2026-01-01T00:09:30Z'), pod(server({ terminated: { exitCode: 1 } }))]), 5 * MINUTE, now)).toBe(
      'Evidence',
    );
  });

  test('that cannot be asked say nothing', () => {
    expect(blame(undefined, 5 * MINUTE, now)).toBe('Infrastructure');
  });
});

describe('what an Event says of a pod that does not begin', () => {
  test.each([
    [
      'FailedMount',
      'MountVolume.SetUp failed for volume "plimsoll-access" : secret "reader" not found',
      'SecretMissing',
      'there is no Secret reader in this namespace; create it, or name another one',
    ],
    [
      'FailedMount',
      'MountVolume.SetUp failed for volume "c" : configmap "conf" not found',
      'ConfigMapMissing',
      'there is no ConfigMap conf',
    ],
    [
      'FailedCreate',
      'Error creating: pods "x-" is forbidden: error looking up service account risk/me: serviceaccount "me" not found',
      'ServiceAccountMissing',
      'there is no ServiceAccount me',
    ],
    ['FailedCreate', 'Error creating: pods "x-" is forbidden: exceeded quota: small', 'FailedCreate', 'exceeded quota: small'],
  ])('%s: %s', (reason, message, told, sentence) => {
    const trouble = troubleOfEvent({ reason, message });
    expect(trouble).toMatchObject({ class: 'Infrastructure', reason: told, message: expect.stringContaining(sentence) as unknown });
  });

  test('is asked of a pod that has a node and no containers, and of no other', () => {
    const held = (scheduled: string, ready: string): boolean =>
      isHeldUp(
        pod({
          phase: 'Pending',
          conditions: [
            { type: 'PodScheduled', status: scheduled },
            { type: 'PodReadyToStartContainers', status: ready },
          ],
        }),
      );
    expect([held('True', 'False'), held('False', 'False'), held('True', 'True')]).toEqual([true, false, false]);
    expect(isHeldUp(pod({}))).toBe(false);
  });
});
