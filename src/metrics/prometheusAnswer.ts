// Reads the JSON of Prometheus's HTTP API. Whatever the server sends, the result is data or a sentence, never a throw.

/** One series: its labels (with `__name__` when the query kept it) and its points, oldest first. Values may be NaN or infinite. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly points: readonly Point[];
}

export interface Point {
  readonly atMs: number;
  readonly value: number;
}

/** Why a query brought nothing. Only `unreachable`, `timeout` and `unavailable` count against the server's health. */
export type FailureReason =
  | 'unreachable' // no connection, or it broke
  | 'timeout'
  | 'unavailable' // 429, 502, 503, 504
  | 'unreadable' // the query itself cannot be parsed or has a wrong type
  | 'refused' // any other status: wrong query, wrong credentials, wrong path
  | 'malformed' // not the JSON that the API promises
  | 'tooLarge'
  | 'partial' // the server itself warns that the data may be incomplete
  | 'skipped'; // not asked: the circuit breaker is open

/** `aheadMs`: by how much the server's clock is ahead of ours, as its answer tells. */
interface Answered {
  readonly aheadMs?: number;
}
export type QueryFailure = { readonly ok: false; readonly reason: FailureReason; readonly sentence: string } & Answered;
export type QueryResult = ({ readonly ok: true; readonly type: ResultType; readonly series: readonly Series[] } & Answered) | QueryFailure;
export type ResultType = 'scalar' | 'vector' | 'matrix';

/**
 * Reads a response of /api/v1/query or /api/v1/query_range. A scalar becomes one series without labels. Warnings make the answer
 * `partial`, since Thanos and Mimir use them to say that a store did not answer, for which VictoriaMetrics has `isPartial`; `infos` (hints on
 * the query) are ignored.
 */
export function readAnswer(status: number, body: string): QueryResult {
  const json = parseJson(body);
  if (status !== 200) return refusal(status, json, body);
  if (json === undefined) return malformed(`it is not valid JSON (${String(body.length)} characters, "${clip(body, 40)}")`);
  if (!isRecord(json) || json['status'] !== 'success') return malformed('its status is not "success"');
  const warnings = json['warnings'];
  if (Array.isArray(warnings) && warnings.length > 0) {
    return failure('partial', `Prometheus warns that the answer may be wrong or incomplete: ${clip(String(warnings[0]), 200)}.`);
  }
  if (json['isPartial'] === true) return failure('partial', 'The answer is incomplete: a part of the storage did not answer.');
  const data = json['data'];
  if (!isRecord(data)) return malformed('it has no data');
  return readData(data['resultType'], data['result']);
}

/** A failed result; the sentence is shown to people. */
export function failure(reason: FailureReason, sentence: string): QueryFailure {
  return { ok: false, reason, sentence };
}

function readData(type: unknown, result: unknown): QueryResult {
  if (!Array.isArray(result)) return malformed('its result is not a list');
  switch (type) {
    case 'scalar': {
      const point = readPoint(result);
      if (point === undefined) return malformed('a scalar is not [time, "value"]');
      return { ok: true, type, series: [{ labels: {}, points: [point] }] };
    }
    case 'vector':
    case 'matrix': {
      const series: Series[] = [];
      for (const item of result as unknown[]) {
        const read = readSeries(item, type);
        if (typeof read === 'string') return malformed(read);
        series.push(read);
      }
      return { ok: true, type, series };
    }
    default:
      return malformed(`its resultType is ${clip(String(type), 40)}, not scalar, vector or matrix`);
  }
}

function readSeries(item: unknown, type: 'vector' | 'matrix'): Series | string {
  if (!isRecord(item) || !isRecord(item['metric'])) return 'a series has no labels';
  if ('histogram' in item || 'histograms' in item) return 'a series is a native histogram, not a number';
  const labels: Record<string, string> = {};
  for (const [name, value] of Object.entries(item['metric'])) {
    if (typeof value !== 'string') return `the label ${clip(name, 40)} is not text`;
    labels[name] = value;
  }
  const pairs: unknown = type === 'vector' ? [item['value']] : item['values'];
  if (!Array.isArray(pairs)) return 'a series has no values';
  const points: Point[] = [];
  for (const pair of pairs as unknown[]) {
    const point = readPoint(pair);
    if (point === undefined) return 'a point is not [time, "value"]';
    points.push(point);
  }
  return { labels, points };
}

function readPoint(pair: unknown): Point | undefined {
  if (!Array.isArray(pair) || pair.length !== 2) return undefined;
  const [seconds, text] = pair as [unknown, unknown];
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || typeof text !== 'string') return undefined;
  const value = readNumber(text);
  return value === undefined ? undefined : { atMs: Math.round(seconds * 1000), value };
}

/** A number as Go prints it; undefined when the text is none. */
export function readNumber(text: string): number | undefined {
  switch (text) {
    case 'NaN':
      return NaN;
    case '+Inf':
    case 'Inf':
      return Infinity;
    case '-Inf':
      return -Infinity;
    default:
      return /^[+-]?[0-9]*\.?[0-9]+(e[+-]?[0-9]+)?$/i.test(text) ? Number(text) : undefined;
  }
}

function refusal(status: number, json: unknown, body: string): QueryFailure {
  const told = isRecord(json) && typeof json['error'] === 'string' ? json['error'] : body;
  const isBadQuery = status === 400 && isRecord(json) && json['errorType'] === 'bad_data';
  const reason: FailureReason = [429, 502, 503, 504].includes(status) ? 'unavailable' : isBadQuery ? 'unreadable' : 'refused';
  const hint = status === 401 || status === 403 ? ' Check the bearer token, the client certificate and the tenant header.' : '';
  return failure(reason, `Prometheus answered ${String(status)}: ${clip(told, 200) || 'no text'}.${hint}`);
}

function malformed(why: string): QueryFailure {
  return failure('malformed', `The answer is not what Prometheus's API promises: ${why}.`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function clip(text: string, length: number): string {
  const oneLine = text.replaceAll(/\s+/g, ' ').trim();
  return oneLine.length <= length ? oneLine : `${oneLine.slice(0, length)}…`;
}
