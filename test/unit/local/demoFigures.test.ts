import { describe, expect, test } from '@jest/globals';
import {
  countByRevision,
  describeFailures,
  describeReport,
  figuresOf,
  makeReport,
  otherFailures,
  type Answer,
  type ReleaseRecord,
} from '../../../deploy/local/demo/figures.ts';
import { SCENARIOS, UNMEASURED_SCENARIOS } from '../../../deploy/local/demo/scenarios.ts';

const [better, failing, slow] = SCENARIOS as [(typeof SCENARIOS)[number], (typeof SCENARIOS)[number], (typeof SCENARIOS)[number]];

const answer = (revision: string, sentAt: number, more: Partial<Answer> = {}): Answer => {
  const latencyMs = more.latencyMs ?? 10;
  return { revision, sentAt, latencyMs, receivedAt: sentAt + latencyMs, status: 200, ...more };
};

const record = (more: Partial<ReleaseRecord>): ReleaseRecord => ({
  scenario: failing,
  from: 'v2',
  to: 'v7',
  revision: 'bad',
  outcome: 'RolledBack',
  reason: 'ErrorRateWorse',
  explanation: 'why',
  weights: [5],
  finishedAt: 9_000,
  ...more,
});

const promoted = record({
  scenario: better,
  from: 'v1',
  to: 'v2',
  revision: 'good',
  outcome: 'Promoted',
  reason: 'Promoted',
  weights: [5, 25, 50],
  finishedAt: 5_000,
});
const slowed = record({ scenario: slow, to: 'v4', revision: 'late', reason: 'LatencyWorse', finishedAt: 20_000 });

const LOCAL = { context: null, traffic: 'gateway', evidence: true } as const;
const reportOf = (...rest: [number | undefined, readonly ReleaseRecord[], readonly Answer[], string | undefined]) =>
  makeReport(LOCAL, SCENARIOS, ...rest);

const whole: readonly Answer[] = [
  answer('first', 0),
  answer('good', 1_000),
  answer('good', 6_000),
  answer('bad', 7_000),
  answer('bad', 8_000, { status: 500 }),
  answer('bad', 8_500),
  answer('late', 15_000, { latencyMs: 71 }),
  answer('late', 16_000, { latencyMs: 72 }),
];

describe('figures of a release', () => {
  test('count from the arrival of the first bad answer to the sending of the last request, whichever came back first', () => {
    const answers = [
      answer('bad', 1_000),
      answer('bad', 4_000, { latencyMs: 100 }),
      answer('bad', 2_000, { status: 500, latencyMs: 500 }),
      answer('good', 60_000),
    ];
    expect(figuresOf(record({}), answers)).toMatchObject({
      requestsToCandidate: 3,
      failedByCandidate: 1,
      slowByCandidate: 0,
      secondsFirstBadToLast: 1.5,
    });
  });

  test('have no time when the candidate gave no bad answer', () => {
    expect(figuresOf(record({}), [answer('bad', 1), answer('bad', 2)]).secondsFirstBadToLast).toBeNull();
  });

  test('take a slow answer for a bad one in the release that is about slowness, and nowhere else', () => {
    const answers = [answer('x', 0, { latencyMs: 51 }), answer('x', 1_051), answer('x', 2_000, { latencyMs: 50 })];
    expect(figuresOf(record({ scenario: slow, revision: 'x' }), answers)).toMatchObject({
      failedByCandidate: 0,
      slowByCandidate: 1,
      secondsFirstBadToLast: 1.949,
    });
    expect(figuresOf(record({ scenario: failing, revision: 'x' }), answers)).toMatchObject({
      slowByCandidate: 0,
      secondsFirstBadToLast: null,
    });
  });

  test('leave out what a promoted version answers as the stable one, but nothing that reaches a version after it was taken off', () => {
    expect(figuresOf(promoted, [answer('good', 4_999), answer('good', 5_000)]).requestsToCandidate).toBe(1);
    expect(figuresOf(record({}), [answer('bad', 8_999), answer('bad', 9_001)]).requestsToCandidate).toBe(2);
  });

  test('take no unanswered request for one of a release that never began', () => {
    expect(figuresOf(record({ revision: '' }), [answer('', 1, { status: 0 })]).requestsToCandidate).toBe(0);
  });
});

describe('failures for another reason', () => {
  test('are those of good versions and of nobody, and not those of a version that is to be rolled back', () => {
    const failures = ['first', 'good', 'bad', 'late', ''].map((revision) => answer(revision, 1, { status: revision === '' ? 0 : 503 }));
    expect(otherFailures([promoted, record({}), slowed], failures).map(({ revision }) => revision)).toEqual(['first', 'good', '']);
  });

  test('include unanswered requests when a bad version has no revision yet', () => {
    expect(otherFailures([record({ revision: '' })], [answer('', 1, { status: 0 })])).toHaveLength(1);
  });

  test('are told by kind, with what was said and when the first came', () => {
    const failures = [
      answer('good', 0, { status: 503, error: 'reset' }),
      answer('good', 9, { status: 503, error: 'reset' }),
      answer('', 0, { status: 0, error: 'ECONNRESET' }),
    ];
    expect(describeFailures(failures)).toEqual([
      '503 from revision good ("reset"), 2 times, first at 1970-01-01T00:00:00.010Z',
      'no answer from nobody ("ECONNRESET"), 1 times, first at 1970-01-01T00:00:00.010Z',
    ]);
  });
});

describe('the report', () => {
  test('finds no problem when all went as described', () => {
    const report = reportOf(61.26, [promoted, record({}), slowed], whole, undefined);
    expect(report).toMatchObject({ setupSeconds: 61.3, failedOther: 0, problems: [] });
    expect(report.releases.map(({ name, secondsFirstBadToLast }) => [name, secondsFirstBadToLast])).toEqual([
      ['better', null],
      ['failing', 0.49],
      ['slow', 0.929],
    ]);
  });

  test.each([
    ['another outcome', record({ outcome: 'Promoted' }), 'release failing ended as Promoted, not as RolledBack'],
    ['another reason', record({ reason: 'LatencyWorse' }), 'release failing gives the reason LatencyWorse, not ErrorRateWorse'],
    ['no end', record({ outcome: undefined }), 'release failing did not come to an end'],
    ['no traffic', record({ revision: 'nobody' }), 'no request met the candidate of release failing'],
  ])('names %s', (_, wrong, problem) => {
    expect(reportOf(1, [promoted, wrong, slowed], whole, undefined).problems.filter((each) => each.includes('failing'))).toEqual([problem]);
  });

  test('names a promotion that left out a step, and a candidate that was never bad', () => {
    const answers = whole.filter(({ status }) => status === 200);
    expect(reportOf(1, [record({ ...promoted, weights: [5, 50] }), record({}), slowed], answers, undefined).problems).toEqual([
      'release better did not hold 5, 25 and 50 %, but 5, 50',
      'the candidate of release failing gave no bad answer',
    ]);
  });

  test('names failures for another reason, and releases that did not begin', () => {
    const answers = [answer('good', 1), answer('first', 3, { status: 503 })];
    expect(reportOf(1, [promoted], answers, undefined).problems).toEqual([
      'release failing did not begin',
      'release slow did not begin',
      'requests that failed for another reason than a bad version: 503 from revision first, 1 times, first at 1970-01-01T00:00:00.013Z',
    ]);
  });

  test('says of a demo that ended early why, and no more than is known', () => {
    expect(reportOf(undefined, [], [], 'Go is missing.')).toEqual({
      ...LOCAL,
      setupSeconds: null,
      failedOther: 0,
      releases: [],
      problems: ['Go is missing.'],
    });
  });

  test('of a cluster without metrics wants a promotion, and a refusal before any user met the version', () => {
    const unmeasured = { context: 'prod', traffic: 'replicaShare', evidence: false } as const;
    const refusal = record({ scenario: UNMEASURED_SCENARIOS[1]!, to: 'v5', revision: 'v5', reason: 'ProbeFailed', weights: [] });
    const answers = whole.slice(0, 3);
    expect(makeReport(unmeasured, UNMEASURED_SCENARIOS, 1, [promoted, refusal], answers, undefined)).toMatchObject({
      ...unmeasured,
      problems: [],
    });
    const met = [...answers, answer('v5', 9_000)];
    expect(makeReport(unmeasured, UNMEASURED_SCENARIOS, 1, [promoted, refusal], met, undefined).problems).toEqual([
      '1 requests met the candidate of release refused',
    ]);
  });

  test('is a table with a line for each release and one for other failures', () => {
    const lines = describeReport(reportOf(1, [promoted, record({}), slowed], whole, undefined));
    expect(lines).toHaveLength(5);
    expect(lines[3]).toMatch(/^slow +v2 -> v4 +RolledBack +2 +0 +2 +0\.9 s$/);
    expect(lines[4]).toBe('requests that failed for any other reason: 0');
  });
});

test('answers are counted by revision, with those that nobody gave under an empty name', () => {
  const counts = countByRevision(
    [answer('a', 1), answer('a', 2, { latencyMs: 60 }), answer('a', 3, { status: 500, latencyMs: 60 }), answer('', 4, { status: 0 })],
    50,
  );
  expect([...counts]).toEqual([
    ['a', { requests: 3, failed: 1, slow: 1 }],
    ['', { requests: 1, failed: 1, slow: 0 }],
  ]);
});
