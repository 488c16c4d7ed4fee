// What a load run saw, added up per revision while it runs.

/** One request that was answered, or failed to be. Times are milliseconds since 1970. */
export interface LoadRecord {
  /** Position in the run, from 0; the row sent is `rows[index % rows.length]`. */
  readonly index: number;
  readonly sentAt: number;
  readonly receivedAt: number;
  /** From the moment that the schedule asked for to the last byte: a wait inside the generator counts. */
  readonly latencyMs: number;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Value of the response header that names the revision; empty when there was none. */
  readonly revision: string;
  /** Whether the prediction was the label; undefined without labels or without a prediction. */
  readonly correct?: boolean;
  /** The connection's error, or the beginning of a body whose status was not 200. */
  readonly error?: string;
}

/** Totals of one revision. Times are milliseconds since 1970, undefined when it never happened. */
export interface RevisionFigures {
  readonly requests: number;
  readonly failed: number;
  /** Failures by status (`500`), or by error code (`ECONNRESET`) when there was no answer. */
  readonly failures: Readonly<Record<string, number>>;
  /** Answers of status 200 that took longer than the run's `slowerThanMs`. */
  readonly slow: number;
  readonly wrong: number;
  readonly firstSentAt: number;
  readonly lastSentAt: number;
  readonly lastReceivedAt: number;
  /** When the first answer came that failed or was slow. */
  readonly firstBadAt: number | undefined;
  /** From the first bad answer to the last request sent, seconds; undefined when there was none. */
  readonly secondsFirstBadToLast: number | undefined;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
}

/** Totals of a run. */
export interface LoadFigures {
  readonly sent: number;
  readonly answered: number;
  /** Requests without an answer, whatever the reason. They are also under the revision `` (empty). */
  readonly connectionErrors: number;
  /** By revision; the key is empty for answers that named none. */
  readonly revisions: Readonly<Record<string, RevisionFigures>>;
  /** The first failures in full, at most 20. */
  readonly samples: readonly LoadRecord[];
  /** Longest delay of a send against the schedule, milliseconds: large values mean that the machine was too busy to measure. */
  readonly longestLagMs: number;
}

interface Totals {
  requests: number;
  failed: number;
  readonly failures: Record<string, number>;
  slow: number;
  wrong: number;
  firstSentAt: number;
  lastSentAt: number;
  lastReceivedAt: number;
  firstBadAt: number | undefined;
  readonly latencies: number[];
}

const MAX_SAMPLES = 20;

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

function summary(totals: Totals): RevisionFigures {
  const { latencies, ...rest } = totals;
  const sorted = latencies.toSorted((a, b) => a - b);
  const { firstBadAt, lastSentAt } = totals;
  return {
    ...rest,
    failures: { ...totals.failures },
    secondsFirstBadToLast: firstBadAt === undefined ? undefined : Math.max(0, lastSentAt - firstBadAt) / 1000,
    latencyMs: { p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), p99: quantile(sorted, 0.99), max: sorted.at(-1) ?? 0 },
  };
}

/** Adds up records; `slowerThanMs` says which good answers count as bad all the same. */
export class Tally {
  readonly #slowerThanMs: number;
  readonly #revisions = new Map<string, Totals>();
  readonly #samples: LoadRecord[] = [];
  #connectionErrors = 0;
  #answered = 0;

  constructor(slowerThanMs = Infinity) {
    this.#slowerThanMs = slowerThanMs;
  }

  #totals(record: LoadRecord): Totals {
    const known = this.#revisions.get(record.revision);
    if (known !== undefined) return known;
    const { sentAt, receivedAt } = record;
    const made: Totals = {
      requests: 0,
      failed: 0,
      failures: {},
      slow: 0,
      wrong: 0,
      latencies: [],
      firstSentAt: sentAt,
      lastSentAt: sentAt,
      lastReceivedAt: receivedAt,
      firstBadAt: undefined,
    };
    this.#revisions.set(record.revision, made);
    return made;
  }

  /** Counts one record. */
  add(record: LoadRecord): void {
    const totals = this.#totals(record);
    const failed = record.status !== 200;
    const slow = !failed && record.latencyMs > this.#slowerThanMs;
    totals.requests += 1;
    totals.firstSentAt = Math.min(totals.firstSentAt, record.sentAt);
    totals.lastSentAt = Math.max(totals.lastSentAt, record.sentAt);
    totals.lastReceivedAt = Math.max(totals.lastReceivedAt, record.receivedAt);
    totals.latencies.push(record.latencyMs);
    if (record.status === 0) this.#connectionErrors += 1;
    else this.#answered += 1;
    if (slow) totals.slow += 1;
    if (record.correct === false) totals.wrong += 1;
    if (failed || slow) totals.firstBadAt ??= record.receivedAt;
    if (failed) {
      const kind = record.status === 0 ? (record.error ?? 'unknown') : String(record.status);
      totals.failed += 1;
      totals.failures[kind] = (totals.failures[kind] ?? 0) + 1;
      if (this.#samples.length < MAX_SAMPLES) this.#samples.push(record);
    }
  }

  /** A copy of the totals so far. */
  figures(sent: number, longestLagMs: number): LoadFigures {
    const revisions = Object.fromEntries([...this.#revisions].map(([name, totals]) => [name, summary(totals)]));
    return {
      sent,
      answered: this.#answered,
      connectionErrors: this.#connectionErrors,
      revisions,
      samples: [...this.#samples],
      longestLagMs,
    };
  }
}
