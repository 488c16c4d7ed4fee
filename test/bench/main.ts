// npm run bench -- [--deployments N] [--report FILE]: what the operator costs and how quick it is.
// npm run bench -- --fetch [--mebibytes N] [--report FILE]: how quick a fetch is beside curl. docs/bench.md explains the figures.
// npm run bench -- --evidence [--runs N] [--report FILE]: how right and how quick verdicts are beside other rules; docs/evidence.md.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { progress } from '../../deploy/local/cluster/progress.ts';
import { runBench } from './bench.ts';
import { benchEvidence } from './evidence/evidence.ts';
import { renderEvidence } from './evidence/markdown.ts';
import { benchFetch } from './fetch.ts';
import { renderReport, type Report } from './report.ts';

const { values } = parseArgs({
  options: {
    deployments: { type: 'string', default: '1000' },
    evidence: { type: 'boolean', default: false },
    fetch: { type: 'boolean', default: false },
    mebibytes: { type: 'string', default: '2048' },
    report: { type: 'string' },
    runs: { type: 'string', default: '1000' },
  },
});
const report = values.evidence
  ? benchVerdicts()
  : values.fetch
    ? await benchFetch(wholeNumber('mebibytes', 1), 5, progress())
    : await benchOperator();
const text = JSON.stringify(report, undefined, 2);
if (values.report !== undefined) writeFileSync(values.report, `${text}\n`);
process.stdout.write('wholePlan' in report ? `\n${renderEvidence(report)}\n` : `\n${text}\n`);
if ('deployments' in report) process.stdout.write(`\n${renderReport(report)}\n`);

function benchOperator(): Promise<Report> {
  const pace = { intervalSeconds: 5, holdSeconds: 6 };
  return runBench({ deployments: wholeNumber('deployments', 3), releases: 100, restSeconds: 30, pace, say: progress() });
}

function benchVerdicts(): ReturnType<typeof benchEvidence> {
  const runs = wholeNumber('runs', 1);
  return benchEvidence({ fixedWeight: runs, wholePlan: Math.ceil(runs / 4) }, progress());
}

function wholeNumber(option: 'deployments' | 'mebibytes' | 'runs', least: number): number {
  const number = Number(values[option]);
  if (Number.isInteger(number) && number >= least) return number;
  process.stderr.write(`--${option} is ${values[option]}: give a whole number from ${least} on.\n`);
  process.exit(2);
}
