// The report as the tables of docs/evidence.md.
import type { EvidenceReport } from './evidence.ts';
import { CANDIDATES, type Result } from './fixedWeight.ts';
import type { PlanResult } from './wholePlan.ts';

const KINDS = Object.keys(CANDIDATES);

export function renderEvidence({ fixedWeight, wholePlan, speed, pass }: EvidenceReport): string {
  const looks = ['looks before', 'one look, ms', 'stepMetric', 'judgeState', 'decide'];
  const times = speed.map((one) => [one.looksBefore, one.totalMs, one.stepMs, one.judgeMs, one.decideMs].map(String));
  const passes = pass.map(({ looksBefore, nextMs, allMs }) => [looksBefore, nextMs, allMs].map(String));
  return [
    ...tables(fixedWeight, atWeight, cellAtWeight),
    ...tables(wholePlan, ofPlan, cellOfPlan),
    markdown([looks, ...times]),
    markdown([['looks before', 'the next look, ms', 'all looks at once, ms'], ...passes]),
  ].join('\n');
}

/** One table for each kind of traffic: a line for each rule, a column for each candidate. */
function tables<Entry extends Result | PlanResult>(
  results: readonly Entry[],
  title: (entry: Entry) => string,
  cell: (entry: Entry) => string,
): readonly string[] {
  return unique(results.map(title)).map((place) => {
    const here = results.filter((entry) => title(entry) === place);
    const cells = (rule: string): readonly string[] =>
      KINDS.map((kind) => here.filter((entry) => entry.rule === rule && entry.candidate === kind).map(cell).join(''));
    const rules = unique(here.map(({ rule }) => rule));
    return `**${place}**\n\n${markdown([['rule', ...KINDS], ...rules.map((rule) => [rule, ...cells(rule)])])}`;
  });
}

function atWeight({ requestsPerLook, bursts, weight }: Result): string {
  return `${requestsPerLook} requests a look, ${grouping(bursts)}, weight ${weight} %`;
}

/** Share rolled back / mean looks until then / mean requests of the candidate until then. */
function cellAtWeight({ rolledBack, looks, exposed }: Result): string {
  return `${percent(rolledBack)} / ${digits(looks)} / ${exposed}`;
}

function ofPlan({ requestsPerSecond, bursts }: PlanResult): string {
  return `${requestsPerSecond} requests/s, ${grouping(bursts)}`;
}

/** Promoted / rolled back / mean requests of the candidate until then. */
function cellOfPlan({ promoted, rolledBack, exposed }: PlanResult): string {
  return `${percent(promoted)} / ${percent(rolledBack)} / ${exposed}`;
}

function markdown(rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  const [header = [], ...body] = rows;
  return line(header) + line(header.map(() => '---')) + body.map(line).join('');
}

function grouping(bursts: number): string {
  return bursts === 1 ? 'independent errors' : `bursts of ${bursts}`;
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))}%`;
}

function digits(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toFixed(1);
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}
