// Everything that the phases of the bench act on: the cluster, what stands in for the rest of the world, the fleet, and operators.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bundleProgram } from '../../deploy/local/images/bundle.ts';
import { isCounted, type Write } from './audit.ts';
import { startCluster, type BenchCluster } from './cluster.ts';
import { createFleet, type Fleet, type Pace } from './fleet.ts';
import { startModels } from './models.ts';
import { startOperator, type OperatorProcess } from './operator.ts';
import { startResponder, type Responder } from './prometheus.ts';
import { startStandIns } from './standIns.ts';

export interface BenchOptions {
  readonly deployments: number;
  /** Releases at the same time; fewer when there are not so many deployments. */
  readonly releases: number;
  /** For how long writes, processor and memory are watched while nothing happens, and writes after a rollback. */
  readonly restSeconds: number;
  readonly pace: Pace;
  readonly say: (line: string) => void;
}

export interface BenchStage {
  readonly options: BenchOptions;
  readonly cluster: BenchCluster;
  readonly responder: Responder;
  readonly fleet: Fleet;
  /** Starts the operator as a pod of this name; it ends with the stage at the latest. */
  readonly startOperator: (pod: string) => Promise<OperatorProcess>;
  readonly close: () => Promise<void>;
}

const ROOT = join(import.meta.dirname, '../..');
const SETTLE = '1s';

/** Sets everything up; nothing is measured yet. */
export async function openStage(options: BenchOptions): Promise<BenchStage> {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-bench-'));
  const undo: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    await bundleProgram(join(folder, 'operator'));
    const cluster = await startCluster(ROOT, join(folder, 'cluster'));
    undo.push(() => cluster.server.stop());
    const responder = await startResponder(Date.now);
    undo.push(() => responder.stop());
    const models = await startModels();
    undo.push(() => models.stop());
    const standIns = startStandIns(cluster.admin);
    undo.push(() => standIns.stop());
    const fleet = createFleet(cluster.admin, cluster.makeNamespace, options.deployments, options.pace);
    undo.push(() => fleet.stop());
    const start = async (pod: string): Promise<OperatorProcess> => {
      const operator = await startOperator({
        program: join(folder, 'operator/dist/main.js'),
        log: join(folder, `${pod}.log`),
        environment: {
          ...cluster.operatorEnvironment,
          ...models.environment,
          KUBECONFIG: cluster.operatorKubeconfig,
          PLIMSOLL_PROMETHEUS_URL: responder.url,
          PLIMSOLL_SETTLE: SETTLE,
          POD_NAME: pod,
          POD_NAMESPACE: 'plimsoll-system',
        },
      });
      undo.push(() => operator.kill());
      return operator;
    };
    return { options, cluster, responder, fleet, startOperator: start, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Asks every `everyMs` until the answer is yes. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>, seconds: number, everyMs = 100): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`Not within ${seconds} s: ${what}.`);
    await sleep(everyMs);
  }
}

const QUIET_MS = 4000;

/** Waits until the operator has written nothing for a while. */
export async function quiet({ cluster }: BenchStage, seconds = 60): Promise<void> {
  await until('no more writes', () => Date.now() - (cluster.audit.writes().findLast(isCounted)?.answeredMs ?? 0) > QUIET_MS, seconds);
}

/** The writes that came in from `sinceMs` on. */
export function writesSince({ cluster }: BenchStage, sinceMs: number, untilMs = Infinity): readonly Write[] {
  return cluster.audit.writes().filter(({ receivedMs }) => receivedMs >= sinceMs && receivedMs < untilMs);
}
