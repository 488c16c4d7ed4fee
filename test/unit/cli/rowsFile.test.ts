import { describe, expect, test } from '@jest/globals';
import type { ModelRelease } from '../../../src/api/generated/modelrelease.ts';
import { runClusterCommand } from '../../../src/cli/clusterCommands.ts';
import { Refusal } from '../../../src/cli/command.ts';
import { compare, render } from '../../../src/cli/replay.ts';
import { readRows, writeRows, type Stored } from '../../../src/cli/rowsFile.ts';
import type { CheckSamples, Tick } from '../../../src/core/analysis/measurement.ts';
import { placesOf } from '../../../src/core/release/replay.ts';

const START_MS = Date.UTC(2026, 10, 24, 10, 0, 0);

function releaseWith(number: number, outcome?: string): ModelRelease {
  const plan = {
    steps: [{ weight: 50, hold: '1m' }],
    checks: [{ name: 'errors', type: 'errorRate', parameters: { relativeMargin: '50%', absoluteFloor: '0.5%' } }],
    interval: '15s',
    minRequests: 100,
    unavailableGrace: '30s',
    progressDeadline: '15m',
    evidenceDeadline: '1h',
    settle: '20s',
  };
  const end = { version: '1', digest: 'sha256:0', revision: 'aaaaaaaaaa' };
  return {
    apiVersion: 'plimsoll.dev/v1alpha1',
    kind: 'ModelRelease',
    metadata: { name: `fraud-r${number}`, namespace: 'risk', creationTimestamp: new Date(START_MS - 60_000).toISOString() },
    spec: { deployment: 'fraud', number, from: end, to: { ...end, version: '2', revision: 'bbbbbbbbbb' }, cause: { type: 'Version' }, plan },
    status: {
      windows: [{ step: 0, weight: 50, from: new Date(START_MS).toISOString() }],
      ...(outcome === undefined ? {} : { outcome, finishedAt: new Date(START_MS + 600_000).toISOString() }),
    },
  };
}

const tick = (look: number, bad: number): Tick => ({
  atMs: START_MS + look * 15_000,
  stable: { gateway: { requests: 100 * look, bad: look } },
  candidate: { gateway: { requests: 100 * look, bad } },
  value: null,
});
const samplesWith = (badPerLook: number): readonly CheckSamples[] =>
  ['$traffic', 'errors'].map((check) => ({ check, ticks: Array.from({ length: 20 }, (_, look) => tick(look, badPerLook * look)) }));
const stored = (badPerLook: number, verdict: string): Stored => ({
  release: releaseWith(2, 'RolledBack'),
  recorded: [{ name: 'errors', verdict, explanation: 'as it was said' }],
  samples: samplesWith(badPerLook),
});

describe('a replay', () => {
  test('judges anew what was counted, whatever the record says', () => {
    const now = START_MS + 3_600_000;
    expect(compare(stored(30, 'Fail'), now)).toMatchObject([{ name: 'errors', replayed: { verdict: 'Fail' }, recorded: { verdict: 'Fail' } }]);
    expect(compare(stored(1, 'Fail'), now)).toMatchObject([
      { name: 'errors', replayed: { verdict: 'Inconclusive/Collecting' }, recorded: { verdict: 'Fail' } },
    ]);
  });

  test('is told with both sentences, and in one when they are the same', () => {
    const differing = stored(1, 'Fail');
    expect(render(differing, compare(differing, 0))).toMatch(
      /\n20 looks from 2026-11-24T10:00:00\.000Z to 2026-11-24T10:04:45\.000Z, one each 15s\.\n\nerrors: DIFFERS\n {2}replayed: Inconclusive\/Collecting\. candidate 19\/1900 [^]*\n {2}recorded: Fail\. as it was said\n\nThe verdicts differ from the record: errors\.\n$/,
    );
    const [found] = compare(differing, 0);
    const same = { ...differing, recorded: [{ name: 'errors', verdict: '', explanation: '', ...found?.replayed }] };
    expect(render(same, compare(same, 0))).toMatch(/\nerrors: agrees\n {2}both: Inconclusive\/Collecting\. [^]*\n\nThe verdicts agree with the record\.\n$/);
    const unknown = { ...differing, recorded: [] };
    expect(render(unknown, compare(unknown, 0))).toContain('\nerrors: not in the record\n  replayed: Inconclusive/Collecting. candidate 19/1900 ');
  });

  test('does not agree with a record that names another check, nor with one of no checks at all', () => {
    const agreeing = stored(30, 'Fail');
    const more = { ...agreeing, recorded: [...agreeing.recorded, { name: 'latency\u001b[2J', verdict: 'Fail', explanation: 'too slow' }] };
    expect(render(more, compare(more, 0))).toMatch(
      /\nerrors: agrees\n[^]*\nlatency \[2J: only in the record\n {2}recorded: Fail\. too slow\n\nThe verdicts differ from the record: latency \[2J\.\n$/,
    );
    const { spec } = agreeing.release;
    const none = { ...agreeing, release: { ...agreeing.release, spec: { ...spec, plan: { ...spec.plan, checks: [] } } }, recorded: [] };
    expect(() => compare(none, 0)).toThrow(new Refusal("release 'fraud-r2' has no checks, so there is nothing to replay"));
  });

  test('of a file without data is no comparison', async () => {
    const { release, recorded } = stored(1, 'Fail');
    const text = writeRows({ release, recorded, samples: [] });
    const input = { read: () => Promise.resolve(text) } as unknown as Parameters<typeof runClusterCommand>[2];
    const complaint = "plimsoll replay: 'rows.json' has no look with data, so there is nothing to replay\n";
    expect(await runClusterCommand('replay', ['fraud-r2', '--rows', 'rows.json'], input)).toEqual({ text: '', code: 2, complaint });
  });

  test('shows nothing of the cluster that moves the cursor', () => {
    const { release, samples } = stored(1, 'Fail');
    const checks = [{ ...release.spec.plan.checks[0]!, name: 'errors\u001b[2J' }];
    const hostile = { release: { ...release, spec: { ...release.spec, plan: { ...release.spec.plan, checks } } }, recorded: [], samples };
    expect(render(hostile, compare(hostile, 0))).toContain('\nerrors [2J: not in the record\n');
  });

  test('refuses a plan that this version does not know', () => {
    const { plan } = releaseWith(2).spec;
    const release = { ...releaseWith(2), spec: { ...releaseWith(2).spec, plan: { ...plan, checks: [{ name: 'errors', type: 'oracle' }] } } };
    expect(() => compare({ ...stored(1, 'Pass'), release }, 0)).toThrow(/^release 'fraud-r2' cannot be judged: .* of type oracle/);
  });
});

describe('where the two versions were', () => {
  const deployment = { status: { stable: { slot: 'b' } } } as unknown as NonNullable<Parameters<typeof placesOf>[2]>;
  const releases = [releaseWith(1, 'Promoted'), releaseWith(2, 'RolledBack'), releaseWith(3, 'Promoted'), releaseWith(4, 'Aborted'), releaseWith(5)];
  const of = (index: number, all = releases) => placesOf(all[index]!, all, deployment);

  test('follows from where stable is now and from the promotions since', () => {
    expect(releases.map((_, index) => of(index)?.stable)).toEqual(['b', 'a', 'a', 'b', 'b']);
    expect(of(1)).toEqual({ stable: 'a', candidate: 'b' });
  });

  test('counts a promotion whose version before is still kept', () => {
    const watched = { ...releaseWith(5), status: { promotedAt: '2026-11-24T10:00:00Z' } };
    expect(of(4, [...releases.slice(0, 4), watched])?.stable).toBe('a');
  });

  test('is not known when a record is missing, or the ModelDeployment', () => {
    const gapped = releases.filter(({ spec }) => spec.number !== 4);
    expect(placesOf(gapped[1]!, gapped, deployment)).toBeUndefined();
    expect(of(3, gapped)?.stable).toBe('b');
    expect(placesOf(releases[4]!, releases, undefined)).toBeUndefined();
  });
});

describe('a file of rows', () => {
  test('gives back what was written, unreadable counters too', () => {
    const samples: readonly CheckSamples[] = [
      { check: 'errors', ticks: [{ ...tick(1, 1), candidate: null }, { ...tick(2, 1), stable: { east: { requests: NaN, bad: 0 } } }], boundaryMs: 50, problem: 'no answer' },
      { check: 'latency', ticks: [{ atMs: 1, stable: null, candidate: null, value: 7, vectors: { columns: ['50', 'Infinity'], stable: { a: [1, NaN] }, candidate: {} } }] },
    ];
    const { release } = stored(1, 'Pass');
    const text = writeRows({ release: { ...release, metadata: { ...release.metadata, managedFields: [{}] } }, recorded: [], samples });
    expect(readRows('rows.json', text)).toEqual({ release, recorded: [], samples });
    expect(text).not.toContain('managedFields');
  });

  const whole = JSON.parse(writeRows(stored(1, 'Pass'))) as Record<string, unknown>;
  interface Loose {
    spec: Record<string, unknown>;
    readonly status: Record<string, unknown>;
  }
  const changed = (change: (release: Loose) => void): string => {
    const release = structuredClone(whole['release']) as Loose;
    change(release);
    return JSON.stringify({ ...whole, release });
  };
  test.each([
    ['{', 'JSON'],
    ['[]', 'the file is no object'],
    [JSON.stringify({ ...whole, release: { kind: 'Pod' } }), 'release is no ModelRelease'],
    [changed((release) => { release.spec = {}; }), 'release.spec.to is no object'],
    [changed(({ spec }) => { delete spec['plan']; }), 'release.spec.plan is no object'],
    [changed(({ spec }) => { spec['to'] = {}; }), 'release.spec.to.version is no text'],
    [changed(({ spec }) => { spec['plan'] = { interval: '15s', steps: {} }; }), 'release.spec.plan.steps is no list'],
    [changed(({ spec }) => { spec['plan'] = { interval: '15s', steps: [], checks: [{}] }; }), 'a name of a check is no text'],
    [changed(({ status }) => { status['windows'] = [{}]; }), 'release.status.windows[].from is no text'],
    [changed(({ status }) => { status['windows'] = [{ from: '2026-11-24T10:00:00Z', to: 'later' }]; }), 'release.status.windows[].to is no time'],
    [changed(({ status }) => { status['finishedAt'] = 'soon'; }), 'release.status.finishedAt is no time'],
    [changed(({ status }) => { status['message'] = 5; }), 'release.status.message is no text'],
    [JSON.stringify({ ...whole, samples: [{ check: 'errors', ticks: [{ ...tick(1, 1), atMs: 9e15 }] }] }), 'tick.atMs is no time'],
    [JSON.stringify({ ...whole, recorded: {} }), 'recorded is no list'],
    [JSON.stringify({ ...whole, samples: [{ check: 'errors', ticks: [{ atMs: 'now' }] }] }), 'tick.atMs is no number'],
    [JSON.stringify({ ...whole, samples: [{ check: 'errors', ticks: [tick(2, 1), tick(1, 1)] }] }), 'not in the order of time'],
    [JSON.stringify({ ...whole, samples: [{ check: 'errors', ticks: [{ ...tick(1, 1), stable: { a: { requests: '7', bad: 0 } } }] }] }), 'counter.requests is no number'],
  ])('that begins with %.40s is refused', (text, said) => {
    expect(() => readRows('rows.json', text)).toThrow(Refusal);
    expect(() => readRows('rows.json', text)).toThrow(said);
  });
});
