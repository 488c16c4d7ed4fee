// Each kind of check, from what a user writes to its verdict and sentence, on counters of known truth.
import { describe, expect, test } from '@jest/globals';
import type { CheckSamples, Tick } from '../../../../src/core/analysis/measurement.ts';
import type { Check, CheckSpec, Subject } from '../../../../src/core/release/checks/kind.ts';
import { readCheck, settingsOf } from '../../../../src/core/release/checks/kinds.ts';
import { evaluate, type Evaluation } from '../../../../src/core/release/evaluation.ts';
import { TRAFFIC } from '../../../../src/core/release/measures.ts';
import { evaluateWatch } from '../../../../src/core/release/watchEvaluation.ts';
import { formatTime } from '../../../../src/core/time.ts';
import { evidencePlan } from '../../../support/parameters.ts';

const INTERVAL_MS = 5000;
const START_MS = Date.UTC(2026, 0, 1);
/** Looks before the release, in which only stable has traffic. */
const BEFORE = 30;
const WEIGHT = 10;

const SUBJECT: Subject = {
  arms: { namespace: 'risk', route: 'fraud', stable: 'a', candidate: 'b' },
  stable: { namespace: 'risk', deployment: 'fraud', revision: 'aaa', version: '1' },
  candidate: { namespace: 'risk', deployment: 'fraud', revision: 'bbb', version: '2' },
};

/** What each arm counts in a look, by column. A candidate's own series count from their second look on: the first is the baseline. */
type Increments = (arm: 'stable' | 'candidate', look: number) => readonly number[];

function checkOf(spec: CheckSpec): Check {
  const { type, settings } = settingsOf(spec);
  return readCheck({ name: spec.name, isOptional: spec.optional ?? false }, type, settings);
}

/** Ticks of cumulative counters: `looks` of them in the release after those before it, each arm with one series. */
function ticksOf(looks: number, increments: Increments, toTick: (atMs: number, stable: number[], candidate: number[] | undefined) => Tick): Tick[] {
  const sums = { stable: [] as number[], candidate: [] as number[] };
  return Array.from({ length: BEFORE + looks }, (_, index) => {
    for (const arm of ['stable', 'candidate'] as const) {
      if (arm === 'candidate' && index <= BEFORE) continue;
      increments(arm, index - BEFORE).forEach((value, column) => (sums[arm][column] = (sums[arm][column] ?? 0) + value));
    }
    return toTick(START_MS + index * INTERVAL_MS, [...sums.stable], index > BEFORE ? [...sums.candidate] : undefined);
  });
}

function vectorTicks(columns: readonly string[], looks: number, increments: Increments): Tick[] {
  return ticksOf(looks, increments, (atMs, stable, candidate) => ({
    atMs,
    stable: null,
    candidate: null,
    value: null,
    vectors: { columns, stable: { s: stable }, candidate: candidate ? { c: candidate } : {} },
  }));
}

function countTicks(looks: number, increments: Increments): Tick[] {
  const counter = ([requests = 0, bad = 0]: number[]): { requests: number; bad: number } => ({ requests, bad });
  return ticksOf(looks, increments, (atMs, stable, candidate) => ({
    atMs,
    stable: { envoy: counter(stable) },
    candidate: candidate ? { envoy: counter(candidate) } : {},
    value: null,
  }));
}

function valueTicks(values: readonly (number | null)[]): Tick[] {
  const before = Array.from({ length: BEFORE }, () => null);
  return [...before, ...values].map((value, index) => ({ atMs: START_MS + index * INTERVAL_MS, stable: null, candidate: null, value }));
}

const PARAMETERS = evidencePlan([WEIGHT], [], INTERVAL_MS);

const TRAFFIC_PER_LOOK: Increments = (arm) => (arm === 'stable' ? [900, 0] : [100, 0]);

function judged(checks: readonly (readonly [CheckSpec, Tick[]])[], looks: number, traffic: Increments = TRAFFIC_PER_LOOK): Evaluation {
  const samples: CheckSamples[] = checks.map(([{ name }, ticks]) => ({ check: name, ticks }));
  const all = [{ check: TRAFFIC, ticks: countTicks(looks, traffic) }, ...samples];
  const from = START_MS + BEFORE * INTERVAL_MS;
  const windows = [{ step: 0, weight: WEIGHT, from: formatTime(from) }];
  const parameters = { ...PARAMETERS, checks: checks.map(([spec]) => checkOf(spec)) };
  return evaluate(parameters, all, windows, from + looks * INTERVAL_MS);
}

function one(spec: CheckSpec, ticks: Tick[], looks: number): { evaluation: Evaluation; verdict: string; words: string } {
  const evaluation = judged([[spec, ticks]], looks);
  const [result] = evaluation.checks;
  return { evaluation, verdict: result?.verdict ?? '', words: result?.explain() ?? '' };
}

/** Shares of 900 requests of stable, or 100 of the candidate, in buckets up to 10, 50, 250 ms and above; cumulative. */
const BUCKETS = ['10', '50', '250', 'Infinity'];
function buckets(stable: readonly number[], candidate: readonly number[]): Increments {
  return (arm) => {
    let sum = 0;
    return (arm === 'stable' ? stable : candidate).map((count) => (sum += count));
  };
}
const EVEN = [540, 270, 81, 9];
const SAME = [60, 30, 9, 1];
const SLOWER = [40, 30, 20, 10];

describe('latency', () => {
  const any: CheckSpec = { name: 'latency', latency: {} };

  test('without a threshold: is compared at every boundary, and the worst one is named', () => {
    expect(checkOf(any).measure(SUBJECT)).toEqual({ type: 'latencies', arms: SUBJECT.arms });
    const { evaluation, words } = one(any, vectorTicks(BUCKETS, 12, buckets(EVEN, SLOWER)), 12);
    expect(evaluation).toMatchObject({ verdict: 'Fail', reason: 'LatencyWorse' });
    expect(words).toMatch(/^slower than 250 ms: candidate 100\/1000 vs stable 99\/9900: e=10\^\d+ >= 100, ratio >= /);
  });

  test('without a threshold: as fast as stable is no objection, but no certificate either', () => {
    const { evaluation, verdict, words } = one(any, vectorTicks(BUCKETS, 40, buckets(EVEN, SAME)), 40);
    expect(verdict).toBe('Pass');
    expect(words).toMatch(/^at no boundary of the histogram is it clearly slower; most at slower than \d+ ms: /);
    expect(evaluation.isCertified).toBe(false);
  });

  test('p99AtMost as a factor: the boundary is that of stable before the release, and stays', () => {
    const spec: CheckSpec = { name: 'latency', latency: { p99AtMost: '1.2x' } };
    // Stable's p99 is the end of the third bucket exactly, 250 ms; 1.2x of it lies above the last boundary.
    expect(one(spec, vectorTicks(BUCKETS, 12, buckets(EVEN, SAME)), 12)).toMatchObject({
      verdict: 'Inconclusive/NoData',
      words: "no data: 1.2x of the stable version's p99 is above 250 ms, the last boundary of the histogram",
    });
    const fast = [540, 351, 8, 1];
    const good = one(spec, vectorTicks(BUCKETS, 60, buckets(fast, [60, 39, 1, 0])), 60);
    expect(good.words).toMatch(/^slower than 50 ms, which is 1\.2x of stable's p99 of 50 ms: candidate |^slower than 250 ms, which is 1\.2x/);
    const bad = one(spec, vectorTicks(BUCKETS, 30, buckets(fast, [50, 30, 10, 10])), 30);
    expect(bad.evaluation.verdict).toBe('Fail');
    expect(bad.words).toMatch(/^slower than 250 ms, which is 1\.2x of stable's p99 of 50 ms: candidate 280\/2800 vs stable 29\/26100: /);
  });

  test('p95AtMost as a time: the candidate alone is held against it', () => {
    const spec: CheckSpec = { name: 'latency', latency: { p95AtMost: '50ms' } };
    expect(checkOf(spec).measure(SUBJECT)).toEqual({ type: 'slowerThan', arms: SUBJECT.arms, thresholdMs: 50 });
    const slow = (bad: number): Tick[] => countTicks(40, (arm) => (arm === 'stable' ? [900, 900] : [100, bad]));
    expect(one(spec, slow(2), 40)).toMatchObject({ verdict: 'Pass', words: expect.stringMatching(/^p95 within 50 ms: candidate 78\/3900 where 5% is allowed/) });
    expect(one(spec, slow(15), 40).evaluation).toMatchObject({ verdict: 'Fail', reason: 'LatencyWorse' });
  });

  test('a bucket with fewer than a narrower one comes from two scrapes: no data', () => {
    const broken = vectorTicks(BUCKETS, 10, (arm) => (arm === 'stable' ? [540, 270, 900, 900] : [60, 30, 100, 100]));
    expect(one(any, broken, 10).verdict).toBe('Inconclusive/NoData');
  });
});

describe('compare', () => {
  const spec: CheckSpec = {
    name: 'accuracy',
    compare: { bad: 'wrong{revision="{{revision}}"}', total: 'labelled{version="{{version}}"}', relativeMargin: '30%' },
  };

  test('asks both queries for both versions', () => {
    expect(checkOf(spec).measure(SUBJECT)).toEqual({
      type: 'counters',
      stable: { total: 'labelled{version="1"}', bad: 'wrong{revision="aaa"}' },
      candidate: { total: 'labelled{version="2"}', bad: 'wrong{revision="bbb"}' },
    });
  });

  test('three times as many wrong predictions roll back; as many are certified', () => {
    const wrong = (candidate: number): Tick[] => vectorTicks(['total', 'bad'], 40, (arm) => (arm === 'stable' ? [450, 9] : [50, candidate]));
    const bad = one(spec, wrong(3), 40);
    expect(bad.evaluation).toMatchObject({ verdict: 'Fail', reason: 'RateWorse' });
    expect(bad.words).toMatch(/^candidate 114\/1900 vs stable 351\/17550: e=/);
    expect(one(spec, wrong(0.2), 40)).toMatchObject({ verdict: 'Pass', evaluation: { isCertified: true } });
  });

  test('optional: its lack of data holds nothing, and its evidence counts all the same', () => {
    const errors: CheckSpec = { name: 'errors', errorRate: {} };
    const clean = countTicks(40, (arm) => (arm === 'stable' ? [900, 0] : [100, 0]));
    const silent = vectorTicks(['total', 'bad'], 40, () => [0, 0]).map((tick) => ({ ...tick, vectors: { columns: [], stable: {}, candidate: {} } }));
    expect(judged([[errors, clean], [spec, silent]], 40).verdict).toBe('Inconclusive/NoData');
    const lenient = judged([[errors, clean], [{ ...spec, optional: true }, silent]], 40);
    expect(lenient).toMatchObject({ verdict: 'Pass', isCertified: true });
    expect(lenient.checks[1]?.verdict).toBe('Inconclusive/NoData');
    const wrong = vectorTicks(['total', 'bad'], 40, (arm) => (arm === 'stable' ? [450, 9] : [50, 20]));
    expect(judged([[errors, clean], [{ ...spec, optional: true }, wrong]], 40).verdict).toBe('Fail');
  });
});

test('checks that are all optional and silent judge nothing, and that is no pass', () => {
  const spec: CheckSpec = { name: 'accuracy', optional: true, compare: { bad: 'b', total: 't' } };
  const silent = vectorTicks(['total', 'bad'], 40, () => [0, 0]).map((tick) => ({ ...tick, vectors: { columns: [], stable: {}, candidate: {} } }));
  expect(judged([[spec, silent]], 40)).toMatchObject({ verdict: 'Inconclusive/NoData', isCertified: false });
});

describe('rate', () => {
  test('holds the candidate alone against its limit', () => {
    const spec: CheckSpec = { name: 'slo', rate: { atMost: '1%' } };
    expect(checkOf(spec).measure(SUBJECT)).toEqual({ type: 'errors', arms: SUBJECT.arms });
    const failing = (bad: number): Tick[] => countTicks(40, (arm) => (arm === 'stable' ? [900, 450] : [100, bad]));
    expect(one(spec, failing(0.1), 40)).toMatchObject({ verdict: 'Pass', evaluation: { isCertified: true } });
    expect(one(spec, failing(5), 40).evaluation).toMatchObject({ verdict: 'Fail', reason: 'RateExceeded' });
    expect(one(spec, failing(5), 40).words).toMatch(/^candidate 195\/3900 where 1% is allowed: e=10\^\d+, at most [\d.]+% with 95% confidence$/);
  });

  test('asks queries of the user for the candidate only', () => {
    const spec: CheckSpec = { name: 'slo', rate: { bad: 'b{r="{{revision}}"}', total: 't{r="{{revision}}"}', atMost: '1%' } };
    expect(checkOf(spec).measure(SUBJECT)).toEqual({ type: 'counters', stable: {}, candidate: { total: 't{r="bbb"}', bad: 'b{r="bbb"}' } });
  });
});

describe('score', () => {
  const spec: CheckSpec = { name: 'rating', score: { count: 'n', sum: 's', sumOfSquares: 'q', lowest: '1', highest: '5', margin: '5%' } };
  /** Ratings around a mean between 1 and 5, with a standard deviation of 0.8. */
  const rated = (candidate: number, looks = 60): Tick[] =>
    vectorTicks(['count', 'sum', 'squares'], looks, (arm, look) => {
      const [count, mean] = arm === 'stable' ? [90, 4] : [30, candidate];
      const wobble = mean + (look % 2 === 0 ? 0.02 : -0.02);
      return [count, count * wobble, count * (0.64 + wobble * wobble)];
    });

  test('a lower mean fails once the intervals lie apart at two looks, and the sentence is in the units of the score', () => {
    const bad = one(spec, rated(3), 60);
    expect(bad.evaluation).toMatchObject({ verdict: 'Fail', reason: 'ScoreWorse' });
    expect(bad.words).toMatch(/^candidate mean 3(\.0\d)? \(between [\d.]+ and [\d.]+\), stable mean (4|3\.99|4\.0\d) \(between [\d.]+ and [\d.]+\), each bound with 99\.5% confidence$/);
  });

  test('the same mean passes within the margin, a better one too, and where less is better the other way round', () => {
    expect(one(spec, rated(4), 60).verdict).toBe('Pass');
    expect(one(spec, rated(4.6), 60).verdict).toBe('Pass');
    const lower: CheckSpec = { name: 'rating', score: { ...spec.score, better: 'Lower' } };
    expect(one(lower, rated(4.9), 60).evaluation).toMatchObject({ verdict: 'Fail', reason: 'ScoreWorse' });
    expect(one(lower, rated(3), 60).verdict).toBe('Pass');
  });

  test('without squares it takes longer, and says the same', () => {
    const plain: CheckSpec = { name: 'rating', score: { count: 'n', sum: 's', lowest: '1', highest: '5', margin: '5%' } };
    expect(one(plain, rated(3, 20), 20).evaluation.verdict).not.toBe('Pass');
    expect(one(plain, rated(3, 120), 120).evaluation.verdict).toBe('Fail');
  });

  test('a histogram of scores stands for them by the middles of its buckets', () => {
    const histogram: CheckSpec = { name: 'rating', score: { histogram: 'h' } };
    const columns = ['0.25', '0.5', '0.75', '1', 'Infinity'];
    const filled = (candidate: readonly number[]): Tick[] =>
      vectorTicks(columns, 60, (arm) => {
        let sum = 0;
        return (arm === 'stable' ? [9, 9, 18, 54, 0] : candidate).map((count) => (sum += count));
      });
    expect(checkOf(histogram).measure(SUBJECT)).toMatchObject({ stable: { histogram: 'h' }, bin: 'le' });
    expect(one(histogram, filled([3, 3, 6, 18, 0]), 60).verdict).not.toBe('Fail');
    expect(one(histogram, filled([18, 6, 3, 3, 0]), 60).evaluation.verdict).toBe('Fail');
  });

  test('no scores of the candidate are no data, and nothing else fails a release with it', () => {
    expect(one(spec, rated(3).map((tick) => ({ ...tick, vectors: { ...tick.vectors!, candidate: {} } })), 60)).toMatchObject({
      verdict: 'Inconclusive/NoData',
      words: 'no scores of the candidate were counted',
    });
  });
});

describe('limit', () => {
  const limit = (more: object): CheckSpec => ({ name: 'queue', limit: { query: 'q', max: '10', ...more } });

  test('fails at two looks in a row, unless it says otherwise', () => {
    expect(one(limit({}), valueTicks([5, 12, 5, 12]), 4).verdict).toBe('Inconclusive/Suspect');
    expect(one(limit({}), valueTicks([5, 12, null, 12]), 4).verdict).toBe('Fail');
    expect(one(limit({ consecutive: 1 }), valueTicks([5, 12, 5]), 3)).toMatchObject({ verdict: 'Fail' });
    expect(one(limit({ consecutive: 3 }), valueTicks([12, 12, 5, 12, 12]), 5).verdict).toBe('Inconclusive/Suspect');
    expect(one(limit({ consecutive: 3 }), valueTicks([12, 12, 12]), 3).words).toBe(
      'value 12, which must be at most 10; it was outside at 3 looks in a row',
    );
  });

  test('fails after a time', () => {
    expect(one(limit({ for: '15s' }), valueTicks([12, 12, 12]), 3).verdict).toBe('Inconclusive/Suspect');
    expect(one(limit({ for: '15s' }), valueTicks([12, 12, 12, 13]), 4)).toMatchObject({
      verdict: 'Fail',
      words: 'value 13, which must be at most 10; it was outside for 15s',
    });
  });
});

describe('shift', () => {
  const spec: CheckSpec = { name: 'predictions', shift: { counts: 'p{r="{{revision}}"}', bin: 'class' } };
  const classes = (candidate: readonly number[], looks = 40): Tick[] =>
    vectorTicks(['cat', 'dog', 'cow'], looks, (arm) => (arm === 'stable' ? [450, 360, 90] : candidate));

  test('a shift is held and reported, and rolls back only when asked', () => {
    const held = one(spec, classes([10, 40, 50]), 40);
    expect(held.evaluation).toMatchObject({ verdict: 'Inconclusive/Suspect', named: { name: 'predictions' } });
    expect(held.words).toMatch(/^PSI 1\.28 of 3800 against 35100 of stable in 3 bins: e=10\^\d+, the distribution has shifted$/);
    const strict: CheckSpec = { name: 'predictions', shift: { ...spec.shift!, whenShifted: 'Rollback' } };
    expect(one(strict, classes([10, 40, 50]), 40).evaluation).toMatchObject({ verdict: 'Fail', reason: 'DistributionShifted' });
  });

  test('the same distribution is no objection, and a certain but small shift is none to act upon', () => {
    expect(one(spec, classes([50, 40, 10]), 40).verdict).toBe('Pass');
    const small = one({ name: 'p', shift: { counts: 'p', whenShifted: 'Rollback', bin: 'class' } }, classes([3800, 4800, 1400], 60), 60);
    expect(small.evaluation.verdict).toBe('Inconclusive/Collecting');
    expect(small.words).toMatch(/, less than 0\.1 is no shift to act upon$/);
  });
});

describe('split', () => {
  const spec: CheckSpec = { name: 'split', split: {} };
  const shared = (candidate: number): Tick[] => countTicks(20, (arm) => (arm === 'stable' ? [1000 - candidate, 0] : [candidate, 0]));

  test('holds while the traffic is not split as the weight says, and says how it is split', () => {
    expect(one(spec, shared(100), 20).verdict).toBe('Pass');
    const evaluation = judged([[spec, shared(400)]], 20);
    expect(evaluation.verdict).toBe('Inconclusive/SplitMismatch');
    expect(evaluation.checks[0]?.explain()).toMatch(
      /^candidate got 7600 of 19000 requests at a weight of 10%: e=10\^\d+ >= 1000, the traffic is not split as the weight says$/,
    );
  });

  test('a tolerance of its own lets more pass', () => {
    expect(one({ name: 'split', split: { tolerance: '100%' } }, shared(160), 20).verdict).toBe('Pass');
  });
});

describe('several checks', () => {
  test('share the bound on false roll-backs: what is combined keeps its parts, a score has its own', () => {
    const errors: CheckSpec = { name: 'errors', errorRate: {} };
    const score: CheckSpec = { name: 'rating', score: { count: 'n', sum: 's' } };
    const clean = countTicks(40, (arm) => (arm === 'stable' ? [900, 0] : [100, 0]));
    const rated = vectorTicks(['count', 'sum'], 40, (arm) => (arm === 'stable' ? [90, 63] : [30, 21]));
    const both = judged([[errors, clean], [score, rated]], 40);
    expect(both.checks[1]?.explain()).toContain('97.5% confidence');
    const worse = vectorTicks(['count', 'sum'], 40, (arm) => (arm === 'stable' ? [90, 80] : [30, 3]));
    expect(judged([[errors, clean], [score, worse]], 40).checks[1]?.explain()).toContain('99.75% confidence');
  });
});

describe('after the promotion', () => {
  /** A second window, in which the candidate has all traffic. */
  function watched(spec: CheckSpec, ticks: Tick[]): Evaluation {
    const from = START_MS + BEFORE * INTERVAL_MS;
    const windows = [
      { step: 0, weight: WEIGHT, from: formatTime(from), to: formatTime(from + 20 * INTERVAL_MS) },
      { step: 1, weight: 100, from: formatTime(from + 21 * INTERVAL_MS) },
    ];
    const samples = [
      { check: TRAFFIC, ticks: countTicks(40, TRAFFIC_PER_LOOK) },
      { check: spec.name, ticks },
    ];
    return evaluateWatch({ ...PARAMETERS, checks: [checkOf(spec)] }, samples, windows);
  }

  test.each<[string, CheckSpec, Increments, readonly string[]]>([
    ['compare', { name: 'c', compare: { bad: 'b', total: 't' } }, (arm, look) => (arm === 'stable' ? [900, 9] : [100, look > 21 ? 30 : 1]), ['total', 'bad']],
    ['rate', { name: 'c', rate: { bad: 'b', total: 't', atMost: '2%' } }, (arm, look) => (arm === 'stable' ? [900, 9] : [100, look > 21 ? 30 : 1]), ['total', 'bad']],
    ['latency', { name: 'c', latency: {} }, (arm, look) => buckets(EVEN, look > 21 ? [0, 10, 30, 60] : SAME)(arm, look), BUCKETS],
  ])('a check %s finds a collapse', (_, spec, increments, columns) => {
    expect(watched(spec, vectorTicks(columns, 40, increments)).verdict).toBe('Fail');
  });

  test('a check that needs both versions keeps its last word', () => {
    const spec: CheckSpec = { name: 'c', shift: { counts: 'p', bin: 'class' } };
    const ticks = vectorTicks(['cat', 'dog'], 40, (arm, look) => (arm === 'stable' ? [450, 450] : look > 21 ? [100, 0] : [50, 50]));
    const evaluation = watched(spec, ticks);
    expect(evaluation.verdict).toBe('Pass');
    expect(evaluation.checks[0]?.verdict).toBe('Pass');
  });

  test('a latency check goes on beside another one where stable had no requests before the release', () => {
    const windows = [
      { step: 0, weight: WEIGHT, from: formatTime(START_MS), to: formatTime(START_MS + 19 * INTERVAL_MS) },
      { step: 1, weight: 100, from: formatTime(START_MS + 21 * INTERVAL_MS) },
    ];
    const specs: CheckSpec[] = [{ name: 'errors', errorRate: {} }, { name: 'latency', latency: {} }];
    const samples = [
      { check: TRAFFIC, ticks: countTicks(10, TRAFFIC_PER_LOOK) },
      { check: 'errors', ticks: countTicks(10, TRAFFIC_PER_LOOK) },
      { check: 'latency', ticks: vectorTicks(BUCKETS, 10, buckets(EVEN, SAME)) },
    ];
    expect(evaluateWatch({ ...PARAMETERS, checks: specs.map(checkOf) }, samples, windows).verdict).toBe('Inconclusive/Collecting');
  });
});

describe('what a check would have caught, and its bounds', () => {
  const asked = (spec: CheckSpec, ticks: Tick[]) => {
    const [result] = judged([[spec, ticks]], 40).checks;
    return { power: result?.power?.(), bounds: { ...result?.bounds?.() } };
  };

  test('latency without a threshold: a longer tail, and no bounds', () => {
    const { power, bounds } = asked({ name: 'l', latency: {} }, vectorTicks(BUCKETS, 40, buckets(EVEN, SAME)));
    expect(power?.caught).toMatch(/^[1-9][.0-9]* beyond 250 ms$/);
    expect(power?.words).toBe(power?.caught?.replace(' ', ' times as bad '));
    expect(bounds).toEqual({});
    expect(asked({ name: 'l', latency: {} }, vectorTicks(BUCKETS, 40, () => [0, 0, 0, 0])).power).toEqual({ caught: undefined, words: 'one 100 times as bad' });
  });

  test('rate: a share, and the upper bound of it', () => {
    const spec: CheckSpec = { name: 'r', rate: { bad: 'b', total: 't', atMost: '2%' } };
    const { power, bounds } = asked(spec, vectorTicks(['total', 'bad'], 40, (arm) => (arm === 'stable' ? [0, 0] : [100, 1])));
    expect(power?.words).toMatch(/^with [2-4][.0-9]*% bad$/);
    expect(bounds.rateUpper).toBeGreaterThan(0.01);
    expect(bounds.rateUpper).toBeLessThan(0.02);
    const silent = asked(spec, vectorTicks(['total', 'bad'], 40, () => [0, 0]));
    expect(silent).toEqual({ power: { caught: undefined, words: 'one that is always bad' }, bounds: { rateUpper: 1 } });
  });

  test('score: a worse mean, and how much worse it can be, in its own units', () => {
    const spec: CheckSpec = { name: 's', score: { count: 'c', sum: 's', sumOfSquares: 'q', lowest: '0', highest: '10' } };
    const { power, bounds } = asked(spec, vectorTicks(['count', 'sum', 'squares'], 40, (arm) => (arm === 'stable' ? [900, 5400, 33000] : [100, 600, 3700])));
    expect(Number(power?.caught)).toBeGreaterThan(0.1);
    expect(Number(power?.caught)).toBeLessThan(2);
    expect(power?.words).toBe(`with a mean worse by ${power?.caught}`);
    expect(bounds.meanWorseLower).toBeLessThan(0);
    expect(bounds.meanWorseUpper).toBeGreaterThan(0);
    expect(bounds.meanWorseUpper).toBeLessThan(2);
  });

  test('not a shift', () => {
    const shift = asked({ name: 'p', shift: { counts: 'p', bin: 'class' } }, vectorTicks(['cat', 'dog'], 40, () => [50, 50]));
    expect(shift).toEqual({ power: undefined, bounds: {} });
  });
});
