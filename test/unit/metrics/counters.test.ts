import { describe, expect, test } from '@jest/globals';
import { readCounters } from '../../../src/metrics/counters.ts';
import type { Prometheus } from '../../../src/metrics/prometheus.ts';
import type { QueryResult, Series } from '../../../src/metrics/prometheusAnswer.ts';

const SPAN = { fromMs: 1000, toMs: 1000, stepMs: 0 };
const COMPARE = {
  type: 'counters',
  stable: { total: 'all{v="1"}', bad: 'bad{v="1"}' },
  candidate: { total: 'all{v="2"}', bad: 'bad{v="2"}' },
} as const;

function series(labels: Record<string, string>, value: number): Series {
  return { labels, points: [{ atMs: 1000, value }] };
}

/** Answers by the text of the query; nothing for the others. */
function answering(answers: Readonly<Record<string, readonly Series[] | QueryResult>>): Prometheus {
  const ask = (query: string): Promise<QueryResult> => {
    const answer = answers[query] ?? [];
    return Promise.resolve('ok' in answer ? answer : { ok: true, type: 'vector', series: answer });
  };
  return { instant: ask, range: ask, close: () => undefined };
}

describe('counters of the user', () => {
  test('keep their series apart, with a number for each column', async () => {
    const { ticks, problem } = await readCounters(
      answering({
        'all{v="1"}': [series({ __name__: 'all', pod: 'a' }, 100), series({ __name__: 'all', pod: 'b' }, 50)],
        'bad{v="1"}': [series({ __name__: 'bad', pod: 'a' }, 3)],
        'all{v="2"}': [series({ __name__: 'all', pod: 'c' }, 10)],
      }),
      SPAN,
      COMPARE,
    );
    expect(problem).toBeUndefined();
    expect(ticks[0]?.vectors).toEqual({
      columns: ['total', 'bad'],
      stable: { 'pod="a"': [100, 3], 'pod="b"': [50, NaN] },
      candidate: { 'pod="c"': [10, NaN] },
    });
  });

  test('are no data where a query finds nothing for either version: misspelt, it would certify everybody', async () => {
    const all = { 'all{v="1"}': [series({ pod: 'a' }, 100)], 'all{v="2"}': [series({ pod: 'c' }, 10)] };
    const { ticks, problem } = await readCounters(answering(all), SPAN, COMPARE);
    expect(ticks[0]?.vectors).toBeUndefined();
    expect(problem).toMatch(/^Query bad gives no series, for neither version: it is misspelt, or /);
  });

  test('are no data where a query fails, gives a range vector, or has forgotten the version', async () => {
    const read = async (bad: readonly Series[] | QueryResult): Promise<string | undefined> =>
      (await readCounters(answering({ 'all{v="1"}': [series({}, 1)], 'bad{v="1"}': bad }), SPAN, COMPARE)).problem;
    expect(await read({ ok: false, reason: 'timeout', sentence: 'Prometheus did not answer in time.' })).toBe('Query bad: Prometheus did not answer in time.');
    expect(await read({ ok: true, type: 'matrix', series: [series({}, 1)] })).toMatch(/^Query bad: The query gives a range vector/);
    const many = Array.from({ length: 2001 }, (_, index) => series({ pod: String(index) }, 1));
    expect(await read(many)).toMatch(/^Query bad: it gives 2001 series, more than 2000; name the version/);
  });

  test('are told apart by a label where they are bins, and a series without it is no data', async () => {
    const shift = { type: 'counters', stable: { counts: 'p1' }, candidate: { counts: 'p2' }, bin: 'class' } as const;
    const good = { p1: [series({ pod: 'a', class: 'cat' }, 5), series({ pod: 'a', class: 'dog' }, 7)], p2: [series({ pod: 'b', class: 'dog' }, 2)] };
    const { ticks } = await readCounters(answering(good), SPAN, shift);
    expect(ticks[0]?.vectors).toEqual({ columns: ['cat', 'dog'], stable: { 'pod="a"': [5, 7] }, candidate: { 'pod="b"': [NaN, 2] } });
    const bad = await readCounters(answering({ ...good, p2: [series({ pod: 'b' }, 2)] }), SPAN, shift);
    expect(bad.problem).toBe('Query counts: a series has no label class to tell its bin.');
    expect((await readCounters(answering({}), SPAN, shift)).problem).toBe('The query gives no series, for neither version.');
  });
});
