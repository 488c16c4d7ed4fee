// plimsoll analyze: the operator's own judgement on anybody's numbers.

import { judge, type Judgement, type Verdict } from '../core/analysis/analyse.ts';
import { bounds, type Bounds } from '../core/analysis/bounds.ts';
import { DEFAULT_ANALYSIS, type AnalysisConfig } from '../core/analysis/config.ts';
import { decide, type Decision } from '../core/analysis/decide.ts';
import { explain, formatEvidence, roundDown, roundUp } from '../core/analysis/words.ts';
import { DEFAULT_ERROR_FLOOR } from '../core/release/checks/errorRate.ts';
import { DEFAULT_MARGIN } from '../core/release/checks/settings.ts';
import { quote } from '../core/version/text.ts';
import { Refusal, type Command, type Input, type Output } from './command.ts';
import { readCsv, type MetricRows } from './csv.ts';
import { parseOptions, readChance, readShare, readWhole, refuse } from './options.ts';

const DEFAULTS = {
  alpha: String(DEFAULT_ANALYSIS.alpha),
  margin: DEFAULT_MARGIN,
  floor: DEFAULT_ERROR_FLOOR,
  tolerance: '0%',
  history: '0',
};

const USAGE = `usage: plimsoll analyze FILE.csv [--OPTION VALUE ...] [--json]        (- reads the standard input)

Says what the operator would make of these counts. The first line names the columns stable_requests, stable_bad, candidate_requests and
candidate_bad and, if you like, time and metric; every other line is one look, in time order: what was counted since the look before (no
totals so far). An empty cell is no data. Several metrics are decided together.

  --alpha 0.01      chance that a harmless candidate is ever rolled back
  --margin 50%      so much worse than stable is acceptable
  --floor 0.5%      a rate that is always acceptable
  --tolerance 0%    roll back only what is surely worse than stable by more than this (latency checks: 25%)
  --history 0       so many first looks are from before the release: only stable's counts are used, to learn how bursty they are

Exit code: 0 pass or continue, 3 abort, 4 suspect, 5 no data, 2 if the file or an option cannot be read.
`;

const CODES: Readonly<Record<Verdict, number>> = { pass: 0, continue: 0, abort: 3, suspect: 4, nodata: 5 };

interface Finding {
  readonly name: string;
  readonly judgement: Judgement;
  readonly bounds: Bounds;
}

export const ANALYZE: Command = { usage: USAGE, run: runAnalyze };

async function runAnalyze(words: readonly string[], { read }: Input): Promise<Output> {
  const { values, json, files } = parseOptions(words, DEFAULTS);
  const [file] = files;
  if (file === undefined || files.length > 1)
    throw new Refusal(`${files.length === 0 ? 'no file is' : `${files.length} files are`} named; name one, or - for the standard input`);
  const config: AnalysisConfig = {
    ...DEFAULT_ANALYSIS,
    alpha: readChance('alpha', values.alpha),
    margin: readShare('margin', values.margin, 100),
    floor: readShare('floor', values.floor),
    tolerance: readShare('tolerance', values.tolerance, 100),
  };
  const history = readWhole('history', values.history, 0, 100_000);
  const metrics = readCsv(await read(file));
  const looks = metrics[0]?.rows.length ?? 0;
  if (history >= looks)
    throw refuse('history', values.history, `${quote(file)} has ${looks} looks, and at least one must be of the release`);
  return analyze(metrics, history, config, json);
}

/** Judges every metric and all together; the exit code is that of all together. */
export function analyze(metrics: readonly MetricRows[], history: number, config: AnalysisConfig, json: boolean): Output {
  const findings = metrics.map(({ name, rows }): Finding => {
    const before = rows.slice(0, history).map((row) => row?.stable ?? { requests: null, bad: null });
    const during = rows.slice(history);
    return { name, judgement: judge(during, before, config), bounds: bounds(during, before, config) };
  });
  const decision = decide(
    findings.map(({ judgement }) => judgement),
    config.alpha,
  );
  const code = CODES[decision.verdict];
  return { text: json ? renderJson(findings, decision, config) : render(findings, decision, config), code };
}

function render(findings: readonly Finding[], decision: Decision, config: AnalysisConfig): string {
  const named = findings[decision.index ?? -1]?.name ?? '';
  const together = `all together: ${decision.verdict}, log e ${decision.logE.toFixed(3)}; the most evidence is that of ${quote(named)}\n`;
  return findings.map((finding) => renderFinding(finding, config)).join('') + (findings.length > 1 ? together : '');
}

function renderFinding({ name, judgement, bounds: { ratioLower, ratioUpper, rateUpper } }: Finding, config: AnalysisConfig): string {
  const { verdict, logE, phi } = judgement;
  const ratio = `${roundDown(ratioLower)} to ${ratioUpper === null ? '?' : roundUp(ratioUpper)} times stable's`;
  return [
    `${quote(name)}: ${verdict}`,
    `  ${explain(judgement, { ratioLower, ratioUpper, rateUpper }, config)}`,
    `  log e ${logE.toFixed(3)} (e=${formatEvidence(logE)}), burst factor ${roundDown(phi)}`,
    `  candidate's rate is ${ratio}, and at most ${roundUp(100 * rateUpper)}%`,
    '',
  ].join('\n');
}

function renderJson(findings: readonly Finding[], decision: Decision, config: AnalysisConfig): string {
  const metrics = findings.map(({ name, judgement, bounds: { ratioLower, ratioUpper, rateUpper } }) => ({
    name,
    ...judgement,
    ratioLower,
    ratioUpper,
    rateUpper,
    explanation: explain(judgement, { ratioLower, ratioUpper, rateUpper }, config),
  }));
  return `${JSON.stringify({ verdict: decision.verdict, logE: decision.logE, metrics }, undefined, 2)}\n`;
}
