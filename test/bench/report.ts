// The report: a JSON object whose members docs/bench.md explains, and the same for people.
import type { Percentiles, ReleaseWrites } from './figures.ts';

export interface Report {
  readonly deployments: number;
  readonly syncedSeconds: number;
  readonly rssMiB: number;
  readonly heapMiB: number;
  readonly cpuAtRest: number;
  readonly writesAtRest: number;
  readonly writesPerRelease: number;
  readonly writesPerStep: number;
  readonly reconcileMs: Percentiles;
  readonly queriesPerTick: number;
  readonly breachToWriteMs: Percentiles;
  /** What explains the above, or was asked for in words only. */
  readonly more: More;
}

export interface More {
  readonly releasesAtOnce: number;
  readonly firstReleasesSeconds: number;
  readonly peakRssMiB: number;
  readonly restSeconds: number;
  readonly leaseHandoverSeconds: number;
  readonly stopSeconds: number;
  readonly release: ReleaseWrites;
  readonly rollback: ReleaseWrites;
  readonly breachToWriteAloneMs: number;
  readonly writesAfterRollback: number;
  readonly writesPerReleaseAtOnce: number;
  readonly refusedAtOnce: number;
  readonly writesAfterRollbacksAtOnce: number;
  readonly firstStepAtOnceMs: Percentiles;
  readonly queriesPerTickAlone: number;
  readonly cores: number;
  readonly node: string;
  readonly commit: string;
  readonly date: string;
}

interface Line {
  readonly what: string;
  readonly measured: string;
  readonly target: string;
  readonly isMet: boolean;
}

/** Each figure that has a target, and whether it is met. */
function lines(report: Report): readonly Line[] {
  const { more } = report;
  const budget = 4 * more.release.steps.length + 14;
  const line = (what: string, measured: string, target: string, isMet: boolean): Line => ({ what, measured, target, isMet });
  return [
    line('RSS at rest', `${report.rssMiB} MiB`, '<= 200 MiB', report.rssMiB <= 200),
    line('lease handover on a clean stop', `${more.leaseHandoverSeconds} s`, 'at once', more.leaseHandoverSeconds <= 1),
    line('all reconciled after a start', `${report.syncedSeconds} s`, '<= 5 s', report.syncedSeconds <= 5),
    line(`writes at rest in ${more.restSeconds} s`, String(report.writesAtRest), '0', report.writesAtRest === 0),
    line('writes per step', `${report.writesPerStep} (${more.release.steps.join(', ')})`, '<= 4', report.writesPerStep <= 4),
    line(
      `writes per release of ${more.release.steps.length} steps`,
      String(report.writesPerRelease),
      `<= ${budget}`,
      report.writesPerRelease <= budget,
    ),
    line(
      'queries per tick',
      `${report.queriesPerTick} with ${more.releasesAtOnce} releases, ${more.queriesPerTickAlone} with one`,
      'the same',
      report.queriesPerTick === more.queriesPerTickAlone,
    ),
    line(
      `verdict to write, ${more.releasesAtOnce} at once`,
      `p50 ${report.breachToWriteMs.p50} ms, p99 ${report.breachToWriteMs.p99} ms`,
      'p99 <= 1000 ms',
      report.breachToWriteMs.p99 <= 1000,
    ),
    line('writes in the 30 s after a weight-0 write', String(more.writesAfterRollback), 'no burst (<= 10)', more.writesAfterRollback <= 10),
  ];
}

/** A table for people. */
export function renderReport(report: Report): string {
  const rows = lines(report).map(({ what, measured, target, isMet }) => [what, measured, target, isMet ? 'met' : 'NOT MET']);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n');
}
