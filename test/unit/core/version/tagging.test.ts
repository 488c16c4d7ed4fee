import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ModelVersion } from '../../../../src/api/generated/modelversion.ts';
import type { KubeObject } from '../../../../src/core/observed.ts';
import { tagInputs } from '../../../../src/core/resources/tagJob.ts';
import type { JobState } from '../../../../src/core/version/job.ts';
import { planVersion, type VersionPlan } from '../../../../src/core/version/plan.ts';
import { staleKeys, tagsOf, type Server, type Tags } from '../../../../src/core/version/tags.ts';
import { decodeTermination, encodeFailure } from '../../../../src/core/version/termination.ts';
import { deploymentObject, digestOf, versionObject } from '../../../support/world/objects.ts';
import { SETTINGS } from '../../../support/world.ts';

const NOW = Date.UTC(2026, 10, 24, 10);
const KEY = 'plimsoll.dev/risk/fraud';

function version(change: Partial<ModelVersion['spec']> = { writeTags: true }): ModelVersion {
  const { status, spec, metadata } = versionObject('1');
  const pins = { model: 'Fraud%20Detection%20(EU)', version: '3', artifacts: 'mlflow-artifacts:/1/x' };
  const source = { mlflow: { server: 'https://mlflow.example.com', model: 'Fraud Detection (EU)', alias: 'champion' } };
  return {
    apiVersion: 'plimsoll.dev/v1alpha1',
    kind: 'ModelVersion',
    metadata: { ...metadata, uid: 'u-1', resourceVersion: '7', generation: 1 },
    spec: { ...spec, source, access: { secretRef: { name: 'mlflow' } }, ...change },
    status: { ...status, resolved: { ...status!.resolved!, pins } },
  };
}

/** A deployment of version 1 with this share of the requests. */
function serving(weight = 100): Server {
  const stable = { version: '1', digest: digestOf('1'), revision: 'a', slot: 'a' } as const;
  const candidate = { version: '2', digest: digestOf('2'), revision: 'b', slot: 'b' } as const;
  const status = { stable, ...(weight < 100 && { candidate, weight: 100 - weight }) };
  return { deployment: { ...deploymentObject(), status }, release: undefined };
}

const saying = (weight = 100): Tags => ({ [KEY]: `Serving ${weight}% (fraud-1)` });

function job(change: Partial<JobState> = {}, tags: Tags = saying()): JobState {
  const state = { attempt: 1, state: 'Succeeded', termination: undefined, trouble: undefined, finishedAtMs: NOW } as const;
  return { name: 'plimsoll-tag-x-1', inputs: tagInputs(tags), ...state, ...change };
}

const denied = (attempt = 1): JobState => {
  const said = encodeFailure({ reason: 'AccessDenied', message: 'MLflow answered 403.', retryable: false });
  return job({ attempt, state: 'Failed', termination: decodeTermination(said) });
};

function planOf(of: ModelVersion, tagJob?: JobState, servers: readonly Server[] = [serving()], now = NOW): VersionPlan {
  return planVersion({ version: of, job: undefined, tagJob, servers, settings: SETTINGS }, now);
}

function statusIn({ actions }: VersionPlan): ModelVersion['status'] {
  const action = actions.find(({ type }) => type === 'ApplyStatus');
  return action?.type === 'ApplyStatus' ? (action.object['status'] as ModelVersion['status']) : undefined;
}

/** The version with the status that a plan writes; throws when it writes none. */
function after(of: ModelVersion, plan: VersionPlan): ModelVersion {
  const status = statusIn(plan);
  if (!status) throw new Error('no status is written');
  return { ...of, status };
}

function made({ actions }: VersionPlan): KubeObject | undefined {
  const action = actions.find(({ type }) => type === 'Create');
  return action?.type === 'Create' ? action.object : undefined;
}

function tagged({ status }: ModelVersion): string | undefined {
  const found = status?.conditions?.find(({ type }) => type === 'Tagged');
  return found && `${found.status}/${found.reason}`;
}

/** As it is once all is written. */
const told = (of = version()): ModelVersion => after(of, planOf(of, job()));

describe('tags', () => {
  test('are nobody’s business unless they are asked for, and there is a registered version to write them on', () => {
    const unasked = after(version({}), planOf(version({})));
    expect([tagged(unasked), made(planOf(unasked))]).toEqual([undefined, undefined]);
    const run = version();
    const { pins: _, ...resolved } = run.status!.resolved!;
    const without = { ...run, status: { ...run.status, resolved } };
    expect(tagged(after(without, planOf(without)))).toBeUndefined();
  });

  test('are announced in the status first, then written by one Job, then recorded', () => {
    const first = planOf(version());
    expect([made(first), first.requeueAfterMs]).toEqual([undefined, 0]);
    const announced = after(version(), first);
    expect([tagged(announced), announced.status?.tags]).toEqual(['False/Writing', undefined]);
    const second = planOf(announced);
    expect([made(second)?.metadata.name, statusIn(second)]).toEqual([expect.stringMatching(/^plimsoll-tag-[0-9a-f]{10}-1$/), undefined]);
    const running = planOf(announced, job({ state: 'Running', finishedAtMs: undefined }));
    expect(running).toMatchObject({ actions: [], events: [], requeueAfterMs: 10_000 });
    const done = after(announced, planOf(announced, job()));
    expect([tagged(done), done.status?.tags]).toEqual(['True/Written', saying()]);
    expect(planOf(done, undefined, [serving()], NOW + 1e9)).toEqual({ actions: [], events: [], requeueAfterMs: undefined });
  });

  test('change nothing else of the status: the version stays Ready', () => {
    const conditions = ({ status }: ModelVersion) =>
      status?.conditions?.filter(({ type }) => type !== 'Tagged').map((condition) => [condition.type, condition.status]);
    const announced = after(version(), planOf(version()));
    expect(conditions(announced)).toEqual([
      ['Resolved', 'True'],
      ['Verified', 'True'],
      ['Durable', 'False'],
      ['Ready', 'True'],
    ]);
    expect(conditions(after(announced, planOf(announced, denied())))).toEqual(conditions(announced));
  });

  test('are written by a Job with what it needs and no more', () => {
    const tags = saying();
    const access = { serviceAccountName: 'reader', secretRef: { name: 'mlflow' }, tagSecretRef: { name: 'writer' } };
    const of = version({ writeTags: true, access, storage: { claim: { name: 'copies' } } });
    const { actions } = planOf(after(of, planOf(of)));
    const made = actions.flatMap((action) => (action.type === 'Create' ? [action.object] : []));
    expect(made.map(({ metadata }) => metadata.name.replace(/[0-9a-f]{10}/, 'x'))).toEqual(['plimsoll-resolve-x-1', 'plimsoll-tag-x-1']);
    const object = made[1];
    expect(object).toMatchObject({
      metadata: {
        namespace: 'risk',
        labels: { 'plimsoll.dev/program': 'tag', 'plimsoll.dev/model-version': 'fraud-1', 'plimsoll.dev/managed-by': 'plimsoll' },
        annotations: { 'plimsoll.dev/inputs': tagInputs(tags) },
        ownerReferences: [{ kind: 'ModelVersion', name: 'fraud-1', uid: 'u-1' }],
      },
      spec: { backoffLimit: 0, activeDeadlineSeconds: 180, ttlSecondsAfterFinished: 900 },
    });
    const pod = (object?.['spec'] as { readonly template: { readonly spec: Record<string, unknown> } }).template.spec;
    expect(pod).toMatchObject({
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      serviceAccountName: 'reader',
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      volumes: [{ name: 'tmp' }, { name: 'access', secret: { secretName: 'writer' } }],
    });
    const [container] = pod['containers'] as readonly { readonly args: unknown; readonly env: readonly { readonly value: string }[] }[];
    expect([container?.args, JSON.parse(container?.env[0]?.value ?? '')]).toEqual([
      ['tag'],
      {
        server: 'https://mlflow.example.com',
        model: 'Fraud%20Detection%20(EU)',
        version: '3',
        owner: 'fraud-1',
        prefix: 'plimsoll.dev/risk/',
        tags,
        accessDir: '/var/run/plimsoll/access',
      },
    ]);
  });

  test('of one Job that was overtaken are written again, not sooner than 10 s after it', () => {
    const half = [serving(50)];
    const moved = planOf(told(), job(), half, NOW + 3000);
    expect([tagged(after(told(), moved)), made(moved), moved.requeueAfterMs]).toEqual(['False/Writing', undefined, 7000]);
    const announced = after(told(), moved);
    expect(made(planOf(announced, job(), half, NOW + 9000))).toBeUndefined();
    expect(made(planOf(announced, job(), half, NOW + 10_000))?.metadata.name).toMatch(/-2$/);
    // Back to what was recorded: a Job may have written something else since, so this is written too.
    const overtaken = job({ attempt: 2 }, saying(50));
    expect(made(planOf(announced, overtaken, [serving()], NOW + 20_000))?.metadata.name).toMatch(/-3$/);
  });

  test('that nobody asks for any more are removed, and then not spoken of', () => {
    const off = { ...told(), spec: version({}).spec };
    const announced = after(off, planOf(off, undefined));
    expect(tagged(announced)).toBe('False/Writing');
    expect(JSON.stringify(made(planOf(announced)))).toContain('\\"tags\\":{}');
    const removed = after(announced, planOf(announced, job({}, {})));
    expect([removed.status?.tags, tagged(removed)]).toEqual([undefined, undefined]);
  });

  test('that nobody asks for and that cannot be removed are given up after an hour', () => {
    const off = { ...told(), spec: version({}).spec };
    const announced = after(off, planOf(off, undefined));
    const failing = after(announced, planOf(announced, denied()));
    expect(tagged(failing)).toBe('False/AccessDenied');
    expect(made(planOf(failing, denied(2), [], NOW + 3_500_000))).toBeDefined();
    const given = planOf(failing, denied(2), [], NOW + 3_700_000);
    expect([made(given), tagged(after(failing, given))]).toEqual([undefined, undefined]);
  });
});

describe('what keeps tags from being written', () => {
  const announced = after(version(), planOf(version()));

  test('is told by condition and Event, once', () => {
    const plan = planOf(announced, denied());
    const message = 'MLflow answered 403. (tried again; serving does not depend on it)';
    expect(plan.events).toEqual([{ type: 'Warning', reason: 'AccessDenied', message }]);
    const failing = after(announced, plan);
    expect(tagged(failing)).toBe('False/AccessDenied');
    expect(planOf(failing, denied())).toEqual({ actions: [], events: [], requeueAfterMs: 30_000 });
    const again = job({ attempt: 2, state: 'Running', finishedAtMs: undefined });
    expect(planOf(failing, again)).toMatchObject({ actions: [], events: [] });
    expect(planOf(failing, denied(2))).toMatchObject({ actions: [], events: [] });
    expect(tagged(after(failing, planOf(failing, job({ attempt: 3 }))))).toBe('True/Written');
  });

  test.each([
    [0, 30_000],
    [45_000, 45_000],
    [200_000, 200_000],
    [9e6, 600_000],
  ])('is tried again: failing for %i ms, after %i ms', (failingMs, pauseMs) => {
    const failing = after(announced, planOf(announced, denied()));
    const last = { ...denied(5), finishedAtMs: NOW + failingMs };
    expect(planOf(failing, last, [serving()], NOW + failingMs).requeueAfterMs).toBe(pauseMs);
    expect(made(planOf(failing, last, [serving()], NOW + failingMs + pauseMs))?.metadata.name).toMatch(/-6$/);
  });

  test('may be a Secret that is missing, or a Job without a word', () => {
    const trouble = { class: 'Infrastructure', reason: 'SecretMissing', message: 'there is no Secret mlflow' } as const;
    const waits = planOf(announced, job({ state: 'Running', finishedAtMs: undefined, trouble }));
    const message = 'the Job that writes the tags waits: there is no Secret mlflow';
    expect(waits.events).toEqual([{ type: 'Warning', reason: 'SecretMissing', message }]);
    expect(waits.requeueAfterMs).toBe(10_000);
    const wordless = after(announced, planOf(announced, job({ state: 'Failed' })));
    expect(tagged(wordless)).toBe('False/TaggingFailed');
  });

  test('can be as long as it likes', () => {
    const trouble = { class: 'Infrastructure', reason: 'FailedCreate', message: 'x'.repeat(5000) } as const;
    const failed = job({ state: 'Failed', trouble });
    expect(made(planOf(after(announced, planOf(announced, failed)), failed, [serving()], NOW + 60_000))).toBeDefined();
  });
});

/** What happens between two passes; times in seconds. */
const act = fc.oneof(
  fc.record({ type: fc.constant('weigh' as const), weight: fc.constantFrom(100, 75, 50) }),
  fc.record({ type: fc.constant('toggle' as const) }),
  fc.record({ type: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ type: fc.constant('end' as const), how: fc.constantFrom('Succeeded', 'Failed', 'Half') }),
  fc.record({ type: fc.constant('expire' as const) }),
);

test('whatever happens to Jobs and weights, MLflow says in the end what is so, and no two Jobs run at once', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      // Less than the hour after which what nobody asks for is given up.
      fc.pre(acts.filter(({ type }) => type === 'expire').length <= 2);
      let of = version();
      let weight = 100;
      let now = NOW;
      let registry: Tags = {};
      let newest: (JobState & { readonly tags: Tags }) | undefined;
      let endedMs = -Infinity;
      const pass = (): void => {
        for (let rounds = 0; rounds < 5; rounds += 1) {
          const plan = planOf(of, newest, [serving(weight)], now);
          const status = statusIn(plan);
          if (status) of = { ...of, status };
          if (made(plan)) {
            expect(newest?.state).not.toBe('Running');
            expect(now - endedMs).toBeGreaterThanOrEqual(10_000);
            const tags = of.spec.writeTags === true ? tagsOf(of, [serving(weight)], 'plimsoll.dev') : {};
            newest = { ...job({ attempt: (newest?.attempt ?? 0) + 1, state: 'Running', finishedAtMs: undefined }, tags), tags };
          }
          if (plan.requeueAfterMs !== 0) return;
        }
        throw new Error('passes go on without end');
      };
      const end = (how: 'Succeeded' | 'Failed' | 'Half'): void => {
        if (newest?.state !== 'Running') return;
        // Half done is to have written, and not removed.
        if (how !== 'Failed') registry = { ...registry, ...newest.tags };
        const stale = how === 'Succeeded' ? staleKeys(registry, newest.tags, 'plimsoll.dev/risk/', 'fraud-1') : [];
        registry = Object.fromEntries(Object.entries(registry).filter(([key]) => !stale.includes(key)));
        newest = { ...newest, state: how === 'Succeeded' ? 'Succeeded' : 'Failed', finishedAtMs: now };
        endedMs = now;
      };
      pass();
      for (const one of acts) {
        switch (one.type) {
          case 'weigh':
            ({ weight } = one);
            break;
          case 'toggle':
            of = { ...of, spec: { ...of.spec, writeTags: of.spec.writeTags !== true } };
            break;
          case 'wait':
            now += one.seconds * 1000;
            break;
          case 'end':
            end(one.how);
            break;
          case 'expire':
            now += 901_000;
            if (newest?.state !== 'Running') newest = undefined;
            break;
        }
        pass();
      }
      for (let rounds = 0; rounds < 8; rounds += 1) {
        now += 700_000;
        pass();
        end('Succeeded');
        pass();
      }
      expect(registry).toEqual(of.spec.writeTags === true ? saying(weight) : {});
      expect(tagged(of)).toBe(of.spec.writeTags === true ? 'True/Written' : undefined);
    }),
    { numRuns: 300 },
  );
});
