// npm run bench -- [--deployments N] [--report FILE]: what the operator costs and how quick it is. docs/bench.md explains the figures.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { progress } from '../../deploy/local/cluster/progress.ts';
import { runBench } from './bench.ts';
import { renderReport } from './report.ts';

const { values } = parseArgs({
  options: { deployments: { type: 'string', default: '1000' }, report: { type: 'string' } },
});
const deployments = Number(values.deployments);
if (!Number.isInteger(deployments) || deployments < 3) {
  process.stderr.write(`--deployments is ${values.deployments}: give a whole number from 3 on.\n`);
  process.exit(2);
}
const report = await runBench({
  deployments,
  releases: 100,
  restSeconds: 30,
  pace: { intervalSeconds: 5, holdSeconds: 6 },
  say: progress(),
});
if (values.report !== undefined) writeFileSync(values.report, `${JSON.stringify(report, undefined, 2)}\n`);
process.stdout.write(`\n${JSON.stringify(report, undefined, 2)}\n\n${renderReport(report)}\n`);
