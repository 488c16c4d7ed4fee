// What happened, in figures: a pure account of the answers that users got and of what the releases say about themselves.
import type { ReleaseName, Scenario } from './scenarios.ts';

/** One answer, or the lack of one, as the user of the gateway saw it. Times are milliseconds since 1970. */
export interface Answer {
  readonly sentAt: number;
  readonly receivedAt: number;
  readonly latencyMs: number;
  /** HTTP status, 0 when there was no answer. */
  readonly status: number;
  /** The revision that answered, as the gateway named it; empty when nobody did. */
  readonly revision: string;
  /** What the server or the connection said of a failure. */
  readonly error?: string;
}

/** A release as its ModelRelease tells it. */
export interface ReleaseRecord {
  readonly scenario: Scenario;
  readonly from: string;
  readonly to: string;
  /** Revision of `to`; empty when the release never began. */
  readonly revision: string;
  readonly outcome: string | undefined;
  readonly reason: string | undefined;
  readonly explanation: string | undefined;
  /** Weights that the candidate held, in order. */
  readonly weights: readonly number[];
  /** Milliseconds since 1970; undefined while it goes on. */
  readonly finishedAt: number | undefined;
}

/** One entry of `releases` in the report. */
export interface ReleaseFigures {
  readonly name: ReleaseName;
  readonly from: string;
  readonly to: string;
  readonly outcome: string | null;
  readonly reason: string | null;
  readonly explanation: string | null;
  /** Answers that came from the candidate. For a promoted release: of requests sent before it was promoted. */
  readonly requestsToCandidate: number;
  /** Those without status 200. */
  readonly failedByCandidate: number;
  /** Those with status 200 that took more than 50 ms; only counted where slowness is what is bad. */
  readonly slowByCandidate: number;
  /**
   * Seconds from the moment that the candidate's first bad answer arrived to the moment that the last request to it was sent. Bad is an
   * answer without status 200 and, in the release `slow`, also one that took more than 50 ms, counted from the moment at which the schedule
   * wanted the request sent. Null when no answer was bad.
   */
  readonly secondsFirstBadToLast: number | null;
}

/** Where the demo ran, and how. */
export interface Setting {
  /** Context of the cluster; null for the local one. */
  readonly context: string | null;
  /** How requests reached the versions; null when that was never chosen. */
  readonly traffic: 'gateway' | 'replicaShare' | null;
  /** Whether there were metrics to judge versions by; null when nobody knows. */
  readonly evidence: boolean | null;
}

export interface Report extends Setting {
  /** From the start of the demo to the first version serving through the gateway; null when that did not come. */
  readonly setupSeconds: number | null;
  /** Requests that failed for any other reason than a bad version. */
  readonly failedOther: number;
  readonly releases: readonly ReleaseFigures[];
  /** What did not happen as described; empty when all did. */
  readonly problems: readonly string[];
}

/** Counts of one revision's answers. */
export interface Counts {
  readonly requests: number;
  readonly failed: number;
  readonly slow: number;
}

const isFailed = ({ status }: Answer): boolean => status !== 200;

function isBad(answer: Answer, slowerThanMs: number | undefined): boolean {
  return isFailed(answer) || answer.latencyMs > (slowerThanMs ?? Infinity);
}

/** Answers by revision; the key is empty for requests that nobody answered. */
export function countByRevision(answers: readonly Answer[], slowerThanMs: number): ReadonlyMap<string, Counts> {
  const counts = new Map<string, Counts>();
  for (const answer of answers) {
    const { requests, failed, slow } = counts.get(answer.revision) ?? { requests: 0, failed: 0, slow: 0 };
    const isSlow = !isFailed(answer) && answer.latencyMs > slowerThanMs;
    counts.set(answer.revision, { requests: requests + 1, failed: failed + Number(isFailed(answer)), slow: slow + Number(isSlow) });
  }
  return counts;
}

/** Figures of one release, from the answers of the whole demo. */
export function figuresOf(record: ReleaseRecord, answers: readonly Answer[]): ReleaseFigures {
  const { scenario, from, to, outcome, reason, explanation } = record;
  // A version that was promoted is no candidate any more; one that was taken off must not be asked again, so there every request counts.
  const until = scenario.outcome === 'Promoted' && outcome === 'Promoted' ? (record.finishedAt ?? Infinity) : Infinity;
  const own = answers.filter(({ revision, sentAt }) => record.revision !== '' && revision === record.revision && sentAt < until);
  const bad = own.filter((answer) => isBad(answer, scenario.slowerThanMs));
  const firstBad = bad.reduce((first, { receivedAt }) => Math.min(first, receivedAt), Infinity);
  const lastSent = own.reduce((last, { sentAt }) => Math.max(last, sentAt), -Infinity);
  const failed = own.filter(isFailed).length;
  return {
    name: scenario.name,
    from,
    to,
    outcome: outcome ?? null,
    reason: reason ?? null,
    explanation: explanation ?? null,
    requestsToCandidate: own.length,
    failedByCandidate: failed,
    slowByCandidate: scenario.slowerThanMs === undefined ? 0 : bad.length - failed,
    secondsFirstBadToLast: bad.length === 0 ? null : Math.round(Math.max(0, lastSent - firstBad)) / 1000,
  };
}

/** Failures that no bad version is to blame for: of any other revision, and requests that nobody answered. */
export function otherFailures(records: readonly ReleaseRecord[], answers: readonly Answer[]): readonly Answer[] {
  const blamed = new Set(records.filter(({ scenario }) => scenario.outcome === 'RolledBack').map(({ revision }) => revision));
  blamed.delete('');
  return answers.filter((answer) => isFailed(answer) && !blamed.has(answer.revision));
}

/** Failures by kind, with the time of the first: `503 from revision a ("reset"), 2 times, first at 2026-11-24T10:00:00.000Z`. */
export function describeFailures(failures: readonly Answer[]): readonly string[] {
  const kinds = Map.groupBy(failures, ({ status, revision, error = '' }) => {
    const who = revision === '' ? 'nobody' : `revision ${revision}`;
    return `${status === 0 ? 'no answer' : status} from ${who}${error === '' ? '' : ` (${JSON.stringify(error.slice(0, 120))})`}`;
  });
  return [...kinds].map(([kind, of]) => `${kind}, ${of.length} times, first at ${new Date(of[0]!.receivedAt).toISOString()}`);
}

/** The whole report. `trouble` is what ended the demo early, in a sentence. */
export function makeReport(
  setting: Setting,
  scenarios: readonly Scenario[],
  setupSeconds: number | undefined,
  records: readonly ReleaseRecord[],
  answers: readonly Answer[],
  trouble: string | undefined,
): Report {
  const releases = records.map((record) => figuresOf(record, answers));
  const other = otherFailures(records, answers);
  const problems = [
    ...(trouble === undefined ? [] : [trouble]),
    ...scenarios.flatMap((scenario) =>
      problemsOf(
        scenario,
        records.find((record) => record.scenario === scenario),
        releases,
        trouble === undefined,
      ),
    ),
    ...(other.length === 0 ? [] : [`requests that failed for another reason than a bad version: ${describeFailures(other).join('; ')}`]),
  ];
  return {
    ...setting,
    setupSeconds: setupSeconds === undefined ? null : Math.round(setupSeconds * 10) / 10,
    failedOther: other.length,
    releases,
    problems,
  };
}

/** In what a release differs from its description. `isWhole`: the demo got to its end, so every release must have begun. */
function problemsOf(
  scenario: Scenario,
  record: ReleaseRecord | undefined,
  releases: readonly ReleaseFigures[],
  isWhole: boolean,
): readonly string[] {
  const { name } = scenario;
  const figures = releases.find((release) => release.name === name);
  if (record === undefined || figures === undefined) return isWhole ? [`release ${name} did not begin`] : [];
  if (record.outcome === undefined) return [`release ${name} did not come to an end`];
  const problems: string[] = [];
  if (record.outcome !== scenario.outcome) problems.push(`release ${name} ended as ${record.outcome}, not as ${scenario.outcome}`);
  else if (record.reason !== scenario.reason)
    problems.push(`release ${name} gives the reason ${record.reason ?? 'none'}, not ${scenario.reason}`);
  if (!scenario.meetsUsers && figures.requestsToCandidate > 0)
    problems.push(`${figures.requestsToCandidate} requests met the candidate of release ${name}`);
  if (scenario.meetsUsers && figures.requestsToCandidate === 0) problems.push(`no request met the candidate of release ${name}`);
  if (
    scenario.outcome === 'RolledBack' &&
    scenario.meetsUsers &&
    figures.requestsToCandidate > 0 &&
    figures.secondsFirstBadToLast === null
  ) {
    problems.push(`the candidate of release ${name} gave no bad answer`);
  }
  if (scenario.outcome === 'Promoted' && !['5', '25', '50'].every((weight) => record.weights.map(String).includes(weight))) {
    problems.push(`release ${name} did not hold 5, 25 and 50 %, but ${record.weights.join(', ') || 'nothing'}`);
  }
  return problems;
}

/** The figures as a table for people, one line each. */
export function describeReport(report: Report): readonly string[] {
  const cells = [
    ['release', 'versions', 'outcome', 'requests that met it', 'failed by it', 'slow', 'first bad answer to last request'],
    ...report.releases.map((release) => [
      release.name,
      `${release.from} -> ${release.to}`,
      release.outcome ?? 'unfinished',
      String(release.requestsToCandidate),
      String(release.failedByCandidate),
      release.name === 'slow' ? String(release.slowByCandidate) : '-',
      release.secondsFirstBadToLast === null ? '-' : `${release.secondsFirstBadToLast.toFixed(1)} s`,
    ]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const lines = cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  return [...lines, `requests that failed for any other reason: ${report.failedOther}`];
}
