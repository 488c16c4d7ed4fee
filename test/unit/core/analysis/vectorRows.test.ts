import { describe, expect, test } from '@jest/globals';
import type { ArmVectors, Tick } from '../../../../src/core/analysis/measurement.ts';
import { makeVectorRows } from '../../../../src/core/analysis/vectorRows.ts';

const COLUMNS = ['total', 'bad'];
const WINDOW = [{ fromMs: 0 }];

function look(atMs: number, stable: ArmVectors, candidate: ArmVectors, columns: readonly string[] = COLUMNS): Tick {
  return { atMs, stable: null, candidate: null, value: null, vectors: { columns, stable, candidate } };
}

const NO_DATA = (atMs: number): Tick => ({ atMs, stable: null, candidate: null, value: null });

/** What the candidate counted in each row, where only it is looked at. */
function counted(values: readonly (readonly number[] | undefined)[], signed?: readonly string[]): unknown[] {
  const ticks = values.map((value, index) => (value ? look(index, { s: [index, 0] }, { c: value }) : NO_DATA(index)));
  return makeVectorRows(ticks, WINDOW, signed).rows.map(({ row }) => row && row.candidate);
}

describe('counters in columns', () => {
  test('the first look is the baseline; a look without data adds nothing and loses nothing', () => {
    expect(counted([[100, 5], [110, 6], undefined, [140, 9]])).toEqual([[10, 1], null, [30, 3]]);
  });

  test('a fall below half is a restart, and all columns begin at 0 again', () => {
    expect(counted([[100, 50], [4, 1], [6, 1]])).toEqual([[4, 1], [2, 0]]);
  });

  test('a smaller fall is not believed at once: a store that goes back and comes again counts nothing twice', () => {
    expect(counted([[100, 5], [90, 5], [110, 6]])).toEqual([[0, 0], [10, 1]]);
  });

  test('a smaller fall that goes on is believed at the second look, and the evidence does not end', () => {
    expect(counted([[100, 5], [90, 5], [95, 6], [99, 8]])).toEqual([[0, 0], [5, 1], [4, 2]]);
  });

  test('a column that nobody had yet began at 0 where the arm was known; NaN is no value', () => {
    expect(counted([[100, NaN], [110, 2], [120, NaN], [130, 5]])).toEqual([[10, 2], [10, 0], [10, 3]]);
  });

  test('a sum of scores may fall', () => {
    expect(counted([[10, 5], [12, -1]], ['bad'])).toEqual([[2, -6]]);
  });

  test('a series that appears late is a baseline, unless the other arm has had it', () => {
    const late = [look(0, { s: [5, 0] }, { a: [1, 0] }), look(1, { s: [6, 0] }, { a: [2, 0], b: [50, 9] }), look(2, { s: [7, 0] }, { a: [3, 0], b: [51, 9] })];
    expect(makeVectorRows(late, WINDOW).rows.map(({ row }) => row?.candidate)).toEqual([[1, 0], [2, 0]]);
    const shared = [look(0, { envoy: [5, 0] }, {}), look(1, { envoy: [9, 0] }, { envoy: [3, 1] })];
    expect(makeVectorRows(shared, WINDOW).rows.map(({ row }) => row?.candidate)).toEqual([[3, 1]]);
  });

  test('columns of all looks are one list, in the order in which they were seen', () => {
    const bins = [look(0, { s: [1] }, { c: [1] }, ['cat']), look(1, { s: [2, 3] }, { c: [4, 2] }, ['dog', 'cat'])];
    const { columns, rows } = makeVectorRows(bins, WINDOW);
    expect(columns).toEqual(['cat', 'dog']);
    expect(rows[0]?.row?.candidate).toEqual([1, 4]);
  });

  test('rows are cut at windows, and what stable counted before the first is the history', () => {
    const ticks = [0, 1, 2, 3, 4, 5].map((at) => look(at, { s: [at * 10, at] }, { c: [at, 0] }));
    const { rows, history } = makeVectorRows(ticks, [{ fromMs: 2, toMs: 3 }, { fromMs: 4 }]);
    expect(rows.map(({ atMs, window }) => [atMs, window])).toEqual([[3, 0], [5, 1]]);
    expect(history).toEqual([[10, 1], [10, 1]]);
  });
});
