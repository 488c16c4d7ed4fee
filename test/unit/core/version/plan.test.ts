import { describe, expect, test } from '@jest/globals';
import type { ModelVersion } from '../../../../src/api/generated/modelversion.ts';
import { resolveInputs } from '../../../../src/core/resources/resolveJob.ts';
import type { JobState } from '../../../../src/core/version/job.ts';
import { planVersion, type VersionPlan } from '../../../../src/core/version/plan.ts';
import { decodeTermination, encodeFailure, encodeResolved, type Resolved } from '../../../../src/core/version/termination.ts';
import { versionObject } from '../../../support/world/objects.ts';
import { SETTINGS } from '../../../support/world.ts';

const NOW = Date.UTC(2026, 10, 24, 10);
const DIGEST = `sha256:${'0'.repeat(64)}`;
const OTHER = `sha256:${'1'.repeat(64)}`;
const RESOLVED: Resolved = {
  digest: DIGEST,
  omsDigest: OTHER,
  files: 2,
  bytes: 1000,
  uri: 'https://models.example.com/fraud/2.tar.gz',
  resolvedAt: '2026-11-24T09:59:00Z',
};

function version(spec: Partial<ModelVersion['spec']> = {}, status?: ModelVersion['status']): ModelVersion {
  const { status: _, ...rest } = versionObject('2', 'Resolving');
  const metadata = { ...rest.metadata, uid: 'u-1', resourceVersion: '7', generation: 1 };
  return { ...rest, metadata, spec: { ...rest.spec, ...spec }, ...(status ? { status } : {}) };
}

function job(change: Partial<JobState> = {}, of = version()): JobState {
  return {
    name: 'plimsoll-resolve-x-1',
    attempt: 1,
    state: 'Failed',
    termination: undefined,
    inputs: resolveInputs(of),
    trouble: undefined,
    finishedAtMs: NOW,
    ...change,
  };
}

function said(text: string): Pick<JobState, 'termination'> {
  return { termination: decodeTermination(text) };
}

function planOf(of: ModelVersion, found?: JobState, now = NOW): VersionPlan {
  return planVersion({ version: of, job: found, tagJob: undefined, servers: [], settings: SETTINGS }, now);
}

/** The status that a plan writes. */
function written({ actions }: VersionPlan): ModelVersion['status'] {
  const action = actions.find(({ type }) => type === 'ApplyStatus');
  return action?.type === 'ApplyStatus' ? (action.object['status'] as ModelVersion['status']) : undefined;
}

function reasons(status: ModelVersion['status']): Readonly<Record<string, string>> {
  return Object.fromEntries((status?.conditions ?? []).map(({ type, status: value, reason }) => [type, `${value}/${reason}`]));
}

const started = ({ actions }: VersionPlan): number => actions.filter(({ type }) => type === 'Create').length;

describe('a new version', () => {
  test('gets a Job that resolves it, and says so', () => {
    const plan = planOf(version());
    expect(plan.actions.map(({ type }) => type)).toEqual(['Create', 'ApplyStatus']);
    expect(reasons(written(plan))).toEqual({ Resolved: 'False/Resolving', Ready: 'False/Resolving', Reconciling: 'True/Resolving' });
  });

  test('is left alone while its Job runs', () => {
    const of = version();
    const running = job({ state: 'Running', finishedAtMs: undefined });
    const told = version({}, written(planOf(of)));
    expect(planOf(told, running).actions).toEqual([]);
  });

  test('tells what keeps its Job from running', () => {
    const running = job({
      state: 'Running',
      finishedAtMs: undefined,
      trouble: { class: 'Infrastructure', reason: 'ImagePullBackOff', message: 'the image does not pull' },
    });
    expect(written(planOf(version(), running))?.conditions?.find(({ type }) => type === 'Ready')?.message).toContain(
      'the image does not pull',
    );
  });

  test('tells by condition and Event that a claim is missing, and looks again until the Job can run', () => {
    const trouble = { class: 'Infrastructure', reason: 'ClaimMissing', message: 'there is no PersistentVolumeClaim models' } as const;
    const waiting = job({ state: 'Running', finishedAtMs: undefined, trouble });
    const plan = planOf(version(), waiting);
    const reason = 'ClaimMissing';
    expect(reasons(written(plan))).toEqual({ Resolved: `False/${reason}`, Ready: `False/${reason}`, Reconciling: `True/${reason}` });
    const message = 'the resolve Job waits: there is no PersistentVolumeClaim models';
    expect(plan.events).toEqual([{ type: 'Warning', reason: 'ClaimMissing', message }]);
    const told = version({}, written(plan));
    expect(planOf(told, waiting)).toEqual({ actions: [], events: [], requeueAfterMs: 10_000 });
    expect(reasons(written(planOf(told, { ...waiting, trouble: undefined })))['Ready']).toBe('False/Resolving');
  });

  test('is given a Job that reads the claim of its source, read-only', () => {
    const of = version({ source: { pvc: { claim: 'models', path: 'fraud' } } });
    const [create] = planOf(of).actions;
    const pod = JSON.stringify(create?.type === 'Create' && create.object['spec']);
    expect(pod).toContain('{"name":"plimsoll-source","persistentVolumeClaim":{"claimName":"models","readOnly":true}}');
    expect(pod).toContain('{"name":"plimsoll-source","mountPath":"/var/run/plimsoll/source","readOnly":true}');
    expect(pod).toContain('\\"sourceDir\\":\\"/var/run/plimsoll/source\\"');
  });

  test('is pinned to what its Job found, once and for all', () => {
    const plan = planOf(version(), job({ state: 'Succeeded', ...said(encodeResolved(RESOLVED)) }));
    expect(written(plan)?.resolved).toEqual(RESOLVED);
    expect(reasons(written(plan))).toEqual({
      Resolved: 'True/Resolved',
      Verified: 'True/DigestPinned',
      Durable: 'False/PerPodDownload',
      Ready: 'True/Ready',
    });
    expect(plan.events).toEqual([{ type: 'Normal', reason: 'Resolved', message: expect.stringContaining(DIGEST) }]);
    const pinned = version({}, written(plan));
    expect(planOf(pinned, undefined, NOW + 1e9)).toEqual({ actions: [], events: [], requeueAfterMs: undefined });
  });

  test('keeps what its pointer was resolved to and what was known of it, and a copy that is made later is of that', () => {
    const resolved = { ...RESOLVED, pins: { commit: '4f0c2a7d9be1' } };
    const metadata = { metrics: { auc: '0.947' } };
    const first = written(planOf(version(), job({ state: 'Succeeded', ...said(encodeResolved(resolved, metadata)) })));
    expect(first).toMatchObject({ resolved, metadata });
    const [create, write] = planOf(version({ storage: { claim: { name: 'copies' } } }, first)).actions;
    expect(JSON.stringify(create)).toContain('\\"pins\\":{\\"commit\\":\\"4f0c2a7d9be1\\"}');
    expect(write?.type === 'ApplyStatus' && write.object['status']).toMatchObject({ resolved, metadata });
  });
});

describe('a version whose Job failed', () => {
  const failure = (retryable: boolean): Pick<JobState, 'termination'> =>
    said(encodeFailure({ reason: 'NotFound', message: 'the source has nothing there', retryable }));

  test('says why, and is tried again later', () => {
    const plan = planOf(version(), job(failure(true)));
    expect(reasons(written(plan))).toEqual({ Resolved: 'False/NotFound', Ready: 'False/NotFound', Reconciling: 'True/NotFound' });
    expect(started(plan)).toBe(0);
    expect(plan.requeueAfterMs).toBe(15_000);
    expect(started(planOf(version(), job(failure(true)), NOW + 15_000))).toBe(1);
  });

  test('for good stalls, and is tried again all the same', () => {
    const plan = planOf(version(), job(failure(false)));
    expect(reasons(written(plan))['Stalled']).toBe('True/NotFound');
    expect(plan.requeueAfterMs).toBeGreaterThan(0);
  });

  test.each([
    [1, 15_000],
    [2, 30_000],
    [3, 60_000],
    [10, 60_000],
    [15, 600_000],
  ])('attempt %i is followed by the next after %i ms', (attempt, pauseMs) => {
    expect(planOf(version(), job({ attempt, ...failure(true) })).requeueAfterMs).toBe(pauseMs);
  });

  test('is told once, and its next attempt has a name of its own', () => {
    const told = version({}, written(planOf(version(), job(failure(true)))));
    expect(planOf(told, job(failure(true)), NOW + 1000).actions).toEqual([]);
    const [again] = planOf(told, job(failure(true)), NOW + 15_000).actions;
    expect(again?.type === 'Create' && again.object.metadata.name).toMatch(/-2$/);
  });

  test.each([
    ['nothing', undefined],
    ['a text', 'hello'],
    ['JSON of another shape', '{"resolved":{"digest":"latest"}}'],
    ['five kilobytes', JSON.stringify({ resolved: { ...RESOLVED, uri: `https://x/${'a'.repeat(5000)}` } })],
    ['a digest with a shell in it', JSON.stringify({ resolved: { ...RESOLVED, digest: 'sha256:$(reboot)' } })],
  ])('and left %s pins nothing', (_, text) => {
    const plan = planOf(version(), job({ state: 'Succeeded', ...(text === undefined ? {} : said(text)) }));
    expect(written(plan)?.resolved).toBeUndefined();
    expect(reasons(written(plan))['Ready']).toBe('False/ResolveFailed');
  });
});

describe('the digest of a version', () => {
  test('that its author states and the files do not have keeps it from being served', () => {
    const of = version({ digest: OTHER });
    const plan = planOf(of, job({ state: 'Succeeded', ...said(encodeResolved(RESOLVED)) }, of));
    expect(reasons(written(plan))).toMatchObject({
      Ready: 'False/DigestMismatch',
      Verified: 'False/DigestMismatch',
      Stalled: 'True/DigestMismatch',
    });
    expect(plan.events).toEqual([{ type: 'Warning', reason: 'DigestMismatch', message: expect.stringContaining(OTHER) }]);
  });

  test('that its author states later is compared as well', () => {
    const pinned = written(planOf(version(), job({ state: 'Succeeded', ...said(encodeResolved(RESOLVED)) })));
    expect(reasons(written(planOf(version({ digest: OTHER }, pinned))))['Ready']).toBe('False/DigestMismatch');
    expect(planOf(version({ digest: DIGEST }, pinned)).actions).toEqual([]);
  });
});

describe('a version with storage', () => {
  const storage = { claim: { name: 'copies' } };
  const pinnedBefore = written(planOf(version(), job({ state: 'Succeeded', ...said(encodeResolved(RESOLVED)) })));
  const of = version({ storage }, pinnedBefore);
  const stored = job({ state: 'Succeeded', attempt: 2, ...said(encodeResolved(RESOLVED)) }, of);

  test('that is new is pinned and stored by one Job, which writes the claim', () => {
    const fresh = version({ storage });
    const [create] = planOf(fresh).actions;
    const pod = JSON.stringify(create?.type === 'Create' && create.object['spec']);
    expect(pod).toContain('{"name":"plimsoll-storage","persistentVolumeClaim":{"claimName":"copies"}}');
    expect(pod).toContain('{"name":"plimsoll-storage","mountPath":"/var/run/plimsoll/storage"}');
    expect(pod).toContain('"fsGroup":65532');
    const plan = planOf(fresh, job({ state: 'Succeeded', ...said(encodeResolved(RESOLVED)) }, fresh));
    expect(written(plan)?.stored).toEqual({ claim: 'copies', storedAt: '2026-11-24T10:00:00.000Z' });
    expect(reasons(written(plan))).toMatchObject({ Durable: 'True/Stored', Ready: 'True/Ready' });
    expect(plan.events.map(({ reason }) => reason)).toEqual(['Resolved', 'Stored']);
  });

  test('that is added later gets a Job for the recorded digest, and stays Ready meanwhile', () => {
    const plan = planOf(of);
    const [create] = plan.actions;
    expect(JSON.stringify(create?.type === 'Create' && create.object['spec'])).toContain(DIGEST);
    expect(reasons(written(plan))).toMatchObject({ Durable: 'False/Storing', Ready: 'True/Ready' });
    const told = version({ storage }, written(planOf(of, stored)));
    expect(reasons(told.status)).toMatchObject({ Durable: 'True/Stored', Ready: 'True/Ready' });
    expect(planOf(told, undefined, NOW + 1e9)).toEqual({ actions: [], events: [], requeueAfterMs: undefined });
  });

  test('that cannot be written says why, once, and is tried again', () => {
    const message = 'The copy could not be written: claim copies is full.';
    const failed = job({ attempt: 2, ...said(encodeFailure({ reason: 'StorageFailed', message, retryable: true })) }, of);
    const plan = planOf(of, failed);
    expect(reasons(written(plan))).toMatchObject({ Durable: 'False/StorageFailed', Ready: 'True/Ready' });
    expect(plan.events).toEqual([{ type: 'Warning', reason: 'StorageFailed', message: expect.stringContaining(message) }]);
    expect(plan.requeueAfterMs).toBe(30_000);
    const told = version({ storage }, written(plan));
    expect(planOf(told, failed, NOW + 1000).actions).toEqual([]);
    expect(started(planOf(told, failed, NOW + 30_000))).toBe(1);
    const again = job({ attempt: 3, state: 'Running', finishedAtMs: undefined }, of);
    expect(planOf(told, again).actions).toEqual([]);
  });

  test('whose claim is missing says so by Event as well', () => {
    const trouble = { class: 'Infrastructure', reason: 'ClaimMissing', message: 'there is no PersistentVolumeClaim copies' } as const;
    const plan = planOf(of, job({ attempt: 2, state: 'Running', finishedAtMs: undefined, trouble }, of));
    expect(reasons(written(plan))).toMatchObject({ Durable: 'False/ClaimMissing', Ready: 'True/Ready' });
    expect(plan.events).toEqual([{ type: 'Warning', reason: 'ClaimMissing', message: expect.stringContaining('copies') }]);
    expect(plan.requeueAfterMs).toBe(10_000);
  });

  test('with a limit tells its Job how much that is, and what has to stay', () => {
    const limited = version({ storage: { ...storage, limit: '1Ki' } });
    const observed = { version: limited, job: undefined, needed: [DIGEST], tagJob: undefined, servers: [], settings: SETTINGS };
    const [create] = planVersion(observed, NOW).actions;
    const told = `"allowance":{"bytes":1024,"gatheredAtMs":${NOW},"needed":["${DIGEST}"]}`;
    expect(create?.type === 'Create' && JSON.stringify(create.object['spec'])).toContain(JSON.stringify(told).slice(1, -1));
  });

  test('whose limit was too small is filled by a new Job as soon as that is raised', () => {
    const tight = version({ storage: { ...storage, limit: '1' } }, pinnedBefore);
    const failed = job({ attempt: 2, ...said(encodeFailure({ reason: 'StorageFailed', message: 'full', retryable: false })) }, tight);
    expect(reasons(written(planOf(tight, failed)))).toMatchObject({ Durable: 'False/StorageFailed', Ready: 'True/Ready' });
    expect(started(planOf(tight, failed))).toBe(0);
    expect(started(planOf(version({ storage: { ...storage, limit: '2' } }, pinnedBefore), failed))).toBe(1);
    const kept = written(planOf(of, stored));
    expect(planOf(version({ storage: { ...storage, limit: '1' } }, kept), undefined, NOW + 1e9).actions).toEqual([]);
  });

  test('that is taken away or names another claim is not said to be stored', () => {
    const { status } = version({ storage }, written(planOf(of, stored)));
    expect(written(planOf(version({}, status)))?.stored).toBeUndefined();
    const other = planOf(version({ storage: { claim: { name: 'other' } } }, status));
    expect([started(other), reasons(written(other))['Durable'], written(other)?.stored]).toEqual([1, 'False/Storing', undefined]);
  });

  test('is told apart from one without, whose Jobs from before an upgrade still count', () => {
    expect(resolveInputs(version())).toBe('ad093e98b9a28cd0');
    expect(resolveInputs(version({ storage }))).not.toBe(resolveInputs(version()));
  });
});

describe('a Job of other inputs', () => {
  test('says nothing about these, and a new one is made', () => {
    const found = job({ state: 'Succeeded', inputs: 'of another Secret', ...said(encodeResolved(RESOLVED)) });
    const plan = planOf(version(), found);
    expect(written(plan)?.resolved).toBeUndefined();
    expect(started(plan)).toBe(1);
  });
});

describe('what is not touched', () => {
  test('is a version that is being deleted, or one with a status of a newer operator', () => {
    const deleted = { ...version(), metadata: { ...version().metadata, deletionTimestamp: '2026-11-24T10:00:00Z' } };
    expect(planOf(deleted).actions).toEqual([]);
    expect(planOf(version({}, { schema: 99 })).actions).toEqual([]);
  });
});
