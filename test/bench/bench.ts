// Measures what the operator costs and how quick it is, with many ModelDeployments on a real API server. It reports; it judges nothing.
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { handOver, releaseAlone, rest, rollBackAlone, rollBackMany, serveFirst, startCold } from './phases.ts';
import type { Report } from './report.ts';
import { openStage, type BenchOptions, type BenchStage } from './stage.ts';

/** Runs all phases, one after the other, and takes everything down again. */
export async function runBench(options: BenchOptions): Promise<Report> {
  const where = surroundings();
  options.say('starting an API server, bundling the operator');
  const stage = await openStage(options);
  try {
    return await measure(stage, where);
  } finally {
    await stage.close();
  }
}

async function measure(stage: BenchStage, where: Surroundings): Promise<Report> {
  const { options, fleet } = stage;
  const { say } = options;
  const [promoted, rolledBack, ...others] = fleet.items;
  if (!promoted || !rolledBack || others.length === 0) throw new Error('The bench needs at least 3 deployments.');
  const many = others.slice(0, options.releases);
  say(`${options.deployments} deployments get their first version`);
  await fleet.createVersions();
  const first = await stage.startOperator('first');
  const firstReleasesSeconds = await serveFirst(stage);
  say(`all serve after ${firstReleasesSeconds} s; at rest for ${options.restSeconds} s`);
  const grown = await rest(stage, first);
  say(`rest: ${JSON.stringify(grown)}; the lease changes hands`);
  const { next, leaseSeconds, stopSeconds } = await handOver(stage, first, 'second');
  await next.stop();
  const { operator, syncedSeconds } = await startCold(stage, 'third');
  say(`lease after ${leaseSeconds} s; started and synced in ${syncedSeconds} s; at rest`);
  const fresh = await rest(stage, operator);
  say(`rest: ${JSON.stringify(fresh)}; one release alone`);
  const alone = await releaseAlone(stage, promoted);
  say(`release: ${JSON.stringify(alone)}; one rollback alone`);
  const rollback = await rollBackAlone(stage, rolledBack);
  say(`rollback: ${JSON.stringify(rollback)}; ${many.length} releases at once`);
  const rollbacks = await rollBackMany(stage, operator, many);
  say(`rollbacks: ${JSON.stringify(rollbacks)}`);
  await operator.stop();
  return {
    deployments: options.deployments,
    syncedSeconds,
    rssMiB: Math.max(grown.rssMiB, fresh.rssMiB),
    heapMiB: Math.max(grown.heapMiB, fresh.heapMiB),
    cpuAtRest: Math.max(grown.cpu, fresh.cpu),
    writesAtRest: grown.writes + fresh.writes,
    writesPerRelease: alone.writes.total,
    writesPerStep: Math.max(...alone.writes.steps),
    reconcileMs: rollbacks.reconcileMs,
    queriesPerTick: rollbacks.queriesPerTick,
    breachToWriteMs: rollbacks.breachToWriteMs,
    more: {
      releasesAtOnce: many.length,
      firstReleasesSeconds,
      peakRssMiB: Math.max(grown.peakMiB, rollbacks.peakMiB),
      restSeconds: 2 * options.restSeconds,
      leaseHandoverSeconds: leaseSeconds,
      stopSeconds,
      release: alone.writes,
      rollback: rollback.writes,
      breachToWriteAloneMs: rollback.breachToWriteMs,
      writesAfterRollback: rollback.writesAfter,
      writesPerReleaseAtOnce: rollbacks.writesPerRelease,
      refusedAtOnce: rollbacks.refused,
      writesAfterRollbacksAtOnce: rollbacks.writesAfter,
      firstStepAtOnceMs: rollbacks.firstStepMs,
      queriesPerTickAlone: alone.queriesPerTick,
      ...where,
    },
  };
}

type Surroundings = Pick<Report['more'], 'cores' | 'node' | 'commit' | 'date'>;

function surroundings(): Surroundings {
  const git = (...args: readonly string[]): string => execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim();
  const isChanged = git('status', '--porcelain', '--', '../../src') !== '';
  return {
    cores: availableParallelism(),
    node: process.version,
    commit: `${git('rev-parse', '--short', 'HEAD')}${isChanged ? ' and changes' : ''}`,
    date: new Date().toISOString().slice(0, 10),
  };
}
