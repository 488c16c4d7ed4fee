// Whole releases on answers that no Prometheus should give: the real client, measurements, evaluation and plan in simulated time.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { LATENCY, REQUESTS } from '../../../src/metrics/envoyGateway.ts';
import { createSeededRandom } from '../../support/clocks.ts';
import { HOSTILE, startFakePrometheus } from '../../support/prometheus.ts';
import type { FakeAnswer, FakePrometheus, FakeSample, Samples } from '../../support/prometheus.ts';
import { SPEC } from '../../support/world/objects.ts';
import { answerTruth, createMeasuring, scraped, type Measuring } from '../../support/world/measuring.ts';
import { createWorld, type Behaviour, type World } from '../../support/world.ts';

const THRESHOLD_MS = 50;
const QUEUE = 'max(queue)';
const LIMIT = { name: 'queue', limit: { query: QUEUE, min: '0', max: '10' } };
const BAD: Partial<Behaviour> = { errorRate: 0.26 };

jest.setTimeout(30_000);

let fake: FakePrometheus;
const measuring: Measuring[] = [];

beforeAll(async () => {
  fake = await startFakePrometheus();
});

beforeEach(() => fake.reset());

afterEach(() => measuring.splice(0).forEach((one) => one.stop()));

afterAll(() => fake.stop());

/** Version 1 serves, and the truth is told of both versions. */
async function servingWorld(timeoutMs?: number): Promise<World> {
  const world = createWorld({
    measuring: (nowMs) => {
      const one = createMeasuring(fake.url, nowMs, timeoutMs);
      measuring.push(one);
      return one;
    },
  });
  const { checks = [] } = SPEC.analysis ?? {};
  world.serve('1', { analysis: { ...SPEC.analysis, checks: [...checks, LIMIT] } });
  tellTruth(world);
  await world.run(60_000);
  return world;
}

const queue: Samples = { kind: 'samples', at: () => [{ labels: { job: 'models' }, value: 3 }] };

function truthOf(world: World): { readonly [part: string]: Samples } {
  const { errors, latency } = scraped(world.gateway, THRESHOLD_MS);
  return { [REQUESTS]: { kind: 'samples', at: errors }, [LATENCY]: { kind: 'samples', at: latency }, [QUEUE]: queue };
}

function tellTruth(world: World): void {
  fake.reset();
  answerTruth(fake, scraped(world.gateway, THRESHOLD_MS));
  fake.answer(QUEUE, queue);
}

function lie(world: World, parts: readonly string[], lieOf: Lie): void {
  for (const part of parts) fake.answer(part, lieOf(truthOf(world)[part]!));
}

async function holdingAt(world: World, version: string, weight: number): Promise<void> {
  await world.until(() => world.weight(version) === weight && world.newest().status?.phase === 'Holding');
}

function outcome(world: World): string | undefined {
  return world.newest().status?.outcome;
}

function explanation(world: World, check: string): string | undefined {
  return world.deployment.status?.verdicts?.find((verdict) => verdict.check === check)?.explanation;
}

/** Makes a lie of what is true. */
type Lie = (truth: Samples) => FakeAnswer;

/** The same series, each with another value. */
function values(change: (value: number) => number | string): Lie {
  return (truth) => ({ kind: 'samples', at: (atMs) => truth.at(atMs).map((sample) => ({ ...sample, value: change(Number(sample.value)) })) });
}

function series(change: (samples: readonly FakeSample[]) => readonly FakeSample[]): Lie {
  return (truth) => ({ kind: 'samples', at: (atMs) => change(truth.at(atMs)) });
}

/** What a lie makes checks say: `errors` and `latency` about the built-in questions, `limit` about a user's query. */
interface Hostile {
  readonly lie: Lie;
  readonly errors: string;
  readonly latency: string;
  readonly limit: string;
  readonly timeoutMs?: number;
}

const always = (answer: FakeAnswer | undefined): Lie => () => answer!;
const allSay = (sentence: string): Pick<Hostile, 'errors' | 'latency' | 'limit'> => ({ errors: sentence, latency: sentence, limit: sentence });
const noSeries = (of: string): string => `Prometheus has no ${of} of the route risk/fraud`;
const NONE = { errors: noSeries(REQUESTS), latency: noSeries(LATENCY) };
const UNREADABLE = {
  errors: `Prometheus has no usable numbers in ${REQUESTS} of the route risk/fraud`,
  latency: 'The latency histogram cannot be read at its boundary of 50 ms.',
};
const noNumber = (text: string): string => `The query gives ${text}, which is no number to compare.`;

const TABLE: Readonly<Record<string, Hostile>> = {
  'NaN': { lie: values(() => NaN), ...UNREADABLE, limit: noNumber('NaN') },
  'plus infinity': { lie: values(() => Infinity), ...UNREADABLE, limit: noNumber('Infinity') },
  'minus infinity': { lie: values(() => -Infinity), ...UNREADABLE, limit: noNumber('-Infinity') },
  'an empty result': { lie: series(() => []), ...NONE, limit: 'The query gives no series.' },
  'text for numbers': { lie: values(() => 'banana'), ...allSay('a point is not [time, "value"]') },
  'two scalars': {
    lie: always({ kind: 'text', status: 200, text: '{"status":"success","data":{"resultType":"scalar","result":[[1,"2"],[1,"3"]]}}' }),
    ...allSay('a scalar is not [time, "value"]'),
  },
  'labels that nobody asked for': {
    lie: series((samples) => samples.flatMap(({ value }) => [{ labels: { a: '1' }, value }, { labels: { a: '2' }, value }])),
    ...NONE,
    limit: 'The query gives 2 series: aggregate them to one',
  },
  'points of ten minutes ago': {
    lie: (truth) => ({ ...truth, stamp: (atMs) => atMs - 600_000 }),
    ...NONE,
    limit: 'The query gives no series.',
  },
  'status 500': { lie: always(HOSTILE['status 500']), ...allSay('Prometheus answered 500: internal error.') },
  'truncated JSON': { lie: always(HOSTILE['truncated JSON']), ...allSay('it is not valid JSON') },
  'silence': { lie: always(HOSTILE['silence']), ...allSay('did not answer within 50 ms'), timeoutMs: 50 },
  'a connection cut in the middle': { lie: always(HOSTILE['a connection cut in the middle']), ...allSay('cannot be asked') },
  'a warning beside the data': { lie: (truth) => ({ ...truth, warnings: ['store 7 is away'] }), ...allSay('store 7 is away') },
};

const CASES = Object.entries(TABLE).map(([name, hostile]) => ({ name, ...hostile }));

describe.each(CASES)('$name', ({ lie: lieOf, errors, latency, limit, timeoutMs }) => {
  test('to the built-in questions holds a release, which says why and goes on by itself', async () => {
    const world = await servingWorld(timeoutMs);
    world.release('2');
    await holdingAt(world, '2', 5);
    await world.run(20_000);
    lie(world, [REQUESTS, LATENCY], lieOf);
    await world.run(70_000);
    expect([world.weight('2'), world.newest().status?.decision]).toEqual([5, 'Shift']);
    expect(world.deployment.status?.verdict).toBe('Inconclusive/NoData');
    expect(explanation(world, 'errors')).toMatch(/^no data: .*\.$/);
    expect(explanation(world, 'errors')).toContain(errors);
    expect(explanation(world, 'latency')).toMatch(/^no data: .*\.$/);
    expect(explanation(world, 'latency')).toContain(latency);
    tellTruth(world);
    await world.until(() => outcome(world) !== undefined);
    expect(outcome(world)).toBe('Promoted');
    world.assertSound();
  });

  test("to a user's query holds a release, which says why and goes on by itself", async () => {
    const world = await servingWorld(timeoutMs);
    world.release('2');
    await holdingAt(world, '2', 5);
    await world.run(20_000);
    lie(world, [QUEUE], lieOf);
    await world.run(70_000);
    expect([world.weight('2'), world.newest().status?.decision]).toEqual([5, 'Shift']);
    expect(world.deployment.status?.verdict).toBe('Inconclusive/NoData');
    expect(explanation(world, 'queue')).toMatch(/^no data: .*\.$/);
    expect(explanation(world, 'queue')).toContain(limit);
    tellTruth(world);
    await world.until(() => outcome(world) !== undefined);
    expect(outcome(world)).toBe('Promoted');
    world.assertSound();
  });

  test('to everything from the beginning promotes and rolls back nothing, and a bad version is found out afterwards', async () => {
    const world = await servingWorld(timeoutMs);
    world.behave('2', BAD);
    lie(world, [REQUESTS, LATENCY, QUEUE], lieOf);
    world.release('2');
    await holdingAt(world, '2', 5);
    await world.run(90_000);
    expect([world.weight('2'), world.newest().status?.decision]).toEqual([5, 'Shift']);
    expect(world.deployment.status?.verdict).toBe('Inconclusive/NoData');
    tellTruth(world);
    await world.until(() => outcome(world) !== undefined);
    expect(world.newest().status).toMatchObject({ outcome: 'RolledBack', reason: 'ErrorRateWorse' });
    world.assertSound();
  });
});

describe('negative numbers', () => {
  test('are no counts', async () => {
    const world = await servingWorld();
    world.release('2');
    await holdingAt(world, '2', 5);
    await world.run(20_000);
    lie(world, [REQUESTS, LATENCY], values((value) => -value));
    await world.run(70_000);
    expect(world.weight('2')).toBe(5);
    expect(explanation(world, 'errors')).toContain(UNREADABLE.errors);
    expect(explanation(world, 'latency')).toContain(UNREADABLE.latency);
    tellTruth(world);
    await world.until(() => outcome(world) !== undefined);
    expect(outcome(world)).toBe('Promoted');
  });
});

describe('a gateway that restarts', () => {
  /** Counters as if each had begun again at this time. */
  function restarted(sinceMs: number): Lie {
    return (truth) => {
      const before = new Map(truth.at(sinceMs).map(({ labels, value }) => [JSON.stringify(labels), Number(value)]));
      const since = (sample: FakeSample): FakeSample => ({ ...sample, value: Number(sample.value) - (before.get(JSON.stringify(sample.labels)) ?? 0) });
      return { kind: 'samples', at: (atMs) => (atMs <= sinceMs ? truth.at(atMs) : truth.at(atMs).map(since)) };
    };
  }

  test.each([
    [{}, 'Promoted'],
    [BAD, 'RolledBack'],
  ])('at every step changes no verdict (%j)', async (behaviour, expected) => {
    const world = await servingWorld();
    world.behave('2', behaviour);
    world.release('2');
    await holdingAt(world, '2', 5);
    for (const weight of [5, 25, 50]) {
      await world.until(() => outcome(world) !== undefined || (world.weight('2') === weight && world.newest().status?.phase === 'Holding'));
      if (outcome(world) !== undefined) break;
      await world.run(10_000);
      lie(world, [REQUESTS, LATENCY], restarted(Math.floor(world.now / 5000) * 5000));
    }
    await world.until(() => outcome(world) !== undefined);
    expect(outcome(world)).toBe(expected);
    world.assertSound();
  });
});

describe('ranges that come with their newest points first', () => {
  test('are read as they were meant, after a restart of the operator too', async () => {
    const world = await servingWorld();
    lie(world, [REQUESTS, LATENCY, QUEUE], (truth) => ({ ...truth, backwards: true }));
    world.release('2');
    await holdingAt(world, '2', 25);
    world.restart();
    await world.until(() => outcome(world) !== undefined);
    expect(outcome(world)).toBe('Promoted');
    world.assertSound();
  });
});

/** Version 2 was rolled back: its errors stay in the counters of the slot that the next version gets. */
async function afterRollback(): Promise<World> {
  const world = await servingWorld();
  world.behave('2', BAD);
  world.release('2');
  await world.until(() => outcome(world) === 'RolledBack');
  await world.run(60_000);
  return world;
}

/** Counters that are no lie by themselves, but do not go on from those before. */
const JUMPS: Readonly<Record<string, Lie>> = {
  'the candidate left out': series((samples) => samples.filter(({ labels }) => labels['envoy_cluster_name']!.endsWith('/0'))),
  'errors left out': series((samples) => samples.filter(({ labels }) => labels['envoy_response_code_class'] !== '5')),
  'every second class said twice': series((samples) => samples.flatMap((sample) => [sample, { ...sample, value: Number(sample.value) * 0.5 }])),
  'points of half a minute ago': (truth) => ({ ...truth, at: (atMs) => truth.at(atMs - 30_000) }),
  'everything left out': series(() => []),
};

describe.each(Object.entries(JUMPS))('now and then %s', (name, lieOf) => {
  /** One answer among ten, at looks drawn by a seed. */
  function nowAndThen(world: World, seed: number): void {
    const random = createSeededRandom(seed * 1_000_003);
    const chosen = new Map<number, boolean>();
    const isLie = (atMs: number): boolean => {
      if (!chosen.has(atMs)) chosen.set(atMs, random() < 0.1);
      return chosen.get(atMs)!;
    };
    for (const [part, truth] of Object.entries(truthOf(world))) {
      if (part === QUEUE) continue;
      const lies = lieOf(truth) as Samples;
      fake.answer(part, { kind: 'samples', at: (atMs) => (isLie(atMs) ? lies : truth).at(atMs) });
    }
  }

  test.each([1, 2, 3, 4])('rolls back no healthy version (seed %i)', async (seed) => {
    const world = await afterRollback();
    nowAndThen(world, seed);
    world.release('3');
    await world.run(1_200_000);
    expect(world.releases).toHaveLength(3);
    expect(world.newest().status?.decision).not.toBe('RollBack');
    // Old errors that the first look of a step leaves out are new to the second. One row does not roll back, but it is doubted for long.
    if (name !== 'errors left out') expect(outcome(world)).toBe('Promoted');
  });

  test('promotes no bad version', async () => {
    const world = await afterRollback();
    nowAndThen(world, 5);
    world.behave('3', BAD);
    world.release('3');
    await world.until(() => outcome(world) !== undefined && world.releases.length === 3);
    expect(world.newest().status).toMatchObject({ outcome: 'RolledBack', reason: 'ErrorRateWorse' });
  });
});
