// Counts from a CSV file: a header, then one line to a look.

import type { RawCounts, RawRow } from '../core/analysis/row.ts';
import { quote } from '../core/version/text.ts';
import { Refusal } from './command.ts';
import { unsigned } from './options.ts';

const COUNTS = ['stable_requests', 'stable_bad', 'candidate_requests', 'candidate_bad'] as const;
const COLUMNS = [...COUNTS, 'time', 'metric'] as const;

const MOST_LINES = 100_000;
const MOST_LINE_LENGTH = 4096;
const MOST_METRICS = 50;
/** Above this a double no longer counts in ones. */
const MOST = Number.MAX_SAFE_INTEGER;

type Column = (typeof COLUMNS)[number];

/** Rows of one metric, as many as of every other one; null where a look has no data. */
export interface MetricRows {
  readonly name: string;
  readonly rows: readonly RawRow[];
}

/**
 * Metrics in the order of their first line. Lines are in time order. With a column `time`, metrics are matched by it and a metric that has
 * no line for a time has no data then; without one, every metric must have as many lines. An empty count is no data.
 */
export function readCsv(text: string): readonly MetricRows[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  if (lines.length > MOST_LINES + 2)
    throw new Refusal(`the file has more than ${MOST_LINES} lines; lengthen the intervals, or leave the oldest out`);
  if (text.trim() === '') throw new Refusal(`the file is empty; its first line names the columns ${COUNTS.join(', ')}`);
  const header = readHeader(lines[0] ?? '');
  const metrics = new Map<string, Map<string, RawRow>>();
  const times: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (index > 0 && line.trim() !== '') addLine(metrics, times, header, line, index + 1);
  }
  if (metrics.size === 0) throw new Refusal('the file has a header and nothing else; write one line for each look');
  return header.includes('time') ? matchByTime(metrics, times) : matchByPlace(metrics);
}

function addLine(metrics: Map<string, Map<string, RawRow>>, times: string[], header: readonly string[], line: string, at: number): void {
  const cells = splitLine(line, at);
  if (cells.length !== header.length)
    throw new Refusal(`line ${at} has ${cells.length} cells and the header has ${header.length}; write one for each column`);
  const cell = (column: Column): string => cells[header.indexOf(column)] ?? '';
  const name = header.includes('metric') ? cell('metric') : 'bad events';
  if (name === '') throw new Refusal(`line ${at}, column metric is empty; name the metric`);
  const rows = metrics.get(name) ?? new Map<string, RawRow>();
  metrics.set(name, rows);
  if (metrics.size > MOST_METRICS) throw new Refusal(`line ${at}: metric ${quote(name)} is one more than ${MOST_METRICS}; split the file`);
  const time = header.includes('time') ? readTime(cell('time'), times.at(-1), at) : String(rows.size);
  if (rows.has(time)) throw new Refusal(`line ${at}: metric ${quote(name)} has two lines for time ${quote(time)}; leave one out`);
  if (header.includes('time') && times.at(-1) !== time) times.push(time);
  rows.set(time, readRow(cell, at));
}

function readHeader(line: string): readonly string[] {
  const header = splitLine(line, 1).map((name) => name.toLowerCase());
  const missing = COUNTS.filter((column) => !header.includes(column));
  if (missing.length > 0 && /[;\t|\r]/.test(line))
    throw new Refusal(`line 1 is ${quote(line)}: cells are separated by commas, and lines by line feeds; save the file as such`);
  if (missing.length > 0)
    throw new Refusal(`line 1: the header has no ${missing.join(', ')}; the columns are ${COLUMNS.join(', ')}, the last two optional`);
  const other = header.find((name) => !(COLUMNS as readonly string[]).includes(name));
  if (other !== undefined)
    throw new Refusal(`line 1: column ${quote(other)} is not known; the columns are ${COLUMNS.join(', ')}; rename it, or leave it out`);
  const twice = header.find((name, index) => header.indexOf(name) !== index);
  if (twice !== undefined) throw new Refusal(`line 1: column ${quote(twice)} is there twice; leave one out`);
  return header;
}

/** Cells of a line, trimmed; a cell may stand in double quotes, in which "" is a quotation mark. */
function splitLine(line: string, at: number): readonly string[] {
  if (line.length > MOST_LINE_LENGTH)
    throw new Refusal(`line ${at} is longer than ${MOST_LINE_LENGTH} characters; write one look to a line, with commas between the cells`);
  const cells: string[] = [];
  // Each part begins with what no other can begin with, so that no line takes more than one pass.
  const cell = /(?:[ \t]*"((?:[^"]|"")*)"[ \t]*|([^",]*))(,|$)/y;
  for (let found = cell.exec(line); ; found = cell.exec(line)) {
    if (found === null)
      throw new Refusal(`line ${at}, column ${cells.length + 1}: a quotation mark is in the wrong place; put the whole cell in quotes`);
    cells.push((found[1]?.replaceAll('""', '"') ?? found[2] ?? '').trim());
    if (found[3] === '') return cells;
  }
}

function readRow(cell: (column: Column) => string, at: number): RawRow {
  const arm = (requestsColumn: Column, badColumn: Column): RawCounts => {
    const requests = readCount(cell(requestsColumn), requestsColumn, at);
    const bad = readCount(cell(badColumn), badColumn, at);
    if (requests !== null && bad !== null && bad > requests)
      throw new Refusal(`line ${at}, column ${badColumn} is ${bad}, more than its ${requests} requests; mend the order of the columns`);
    return { requests, bad };
  };
  return { stable: arm('stable_requests', 'stable_bad'), candidate: arm('candidate_requests', 'candidate_bad') };
}

function readCount(text: string, column: Column, at: number): number | null {
  if (text === '') return null;
  const value = unsigned(text);
  if (value <= MOST) return value;
  const wayOut = 'write how many were counted in this interval, or nothing if that is not known';
  throw new Refusal(`line ${at}, column ${column} is ${quote(text)}; ${wayOut}`);
}

function readTime(text: string, last: string | undefined, at: number): string {
  const value = timeOf(text);
  const place = `line ${at}, column time is ${quote(text)}`;
  if (Number.isNaN(value)) throw new Refusal(`${place}; write a time with its zone, such as 2026-01-31T12:00:15Z, or seconds`);
  if (last === undefined || value > timeOf(last)) return text;
  if (value < timeOf(last)) throw new Refusal(`${place}, before ${quote(last)}; sort the file by time`);
  return last;
}

/** RFC 3339, with seconds that may be left out: a time without its zone would be another one on another machine. */
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})$/i;

function timeOf(text: string): number {
  return TIME.test(text) ? Date.parse(text) : unsigned(text) * 1000;
}

function matchByTime(metrics: ReadonlyMap<string, ReadonlyMap<string, RawRow>>, times: readonly string[]): readonly MetricRows[] {
  return [...metrics].map(([name, rows]) => ({ name, rows: times.map((time) => rows.get(time) ?? null) }));
}

function matchByPlace(metrics: ReadonlyMap<string, ReadonlyMap<string, RawRow>>): readonly MetricRows[] {
  const all = [...metrics].map(([name, rows]) => ({ name, rows: [...rows.values()] }));
  const [first] = all;
  const other = all.find(({ rows }) => rows.length !== first?.rows.length);
  if (first === undefined || other === undefined) return all;
  const count = ({ name, rows }: MetricRows): string => `metric ${quote(name)} has ${rows.length} lines`;
  throw new Refusal(`${count(first)} and ${count(other)}; write as many for each, or add a column time`);
}
