// One cluster at a time on a machine: bridge, address ranges, ports and iptables rules are the machine's, not a folder's.
import { linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Say } from '../images/cache.ts';
import { readIfPresent } from './configuration.ts';
import { ClusterError } from './failure.ts';
import { isRunning, recordedProcesses, runningProcess, startTimeOf, type ProcessId } from './processes.ts';

/** What the lock file says: which cluster, and which process shows that it is there. */
export interface Lock extends ProcessId {
  /** State folder of the cluster. */
  readonly folder: string;
  /** A command (whose process it then is) is changing the cluster. */
  readonly busy: boolean;
}

/** What a command finds out about the lock before it begins. */
export type Claim =
  | { readonly kind: 'free' }
  | { readonly kind: 'wait'; readonly pid: number }
  | { readonly kind: 'refused'; readonly pid: number; readonly folder: string };

/**
 * Judges a lock for a command on the cluster in `folder`. `witness` gives a running process of the cluster in a folder: a
 * cluster is there as long as any of its processes is, even when the one that the lock names was killed.
 */
export function judgeLock(
  lock: Lock | undefined, folder: string, running: (id: ProcessId) => boolean, witness: (folder: string) => ProcessId | undefined,
): Claim {
  if (lock === undefined) return { kind: 'free' };
  const alive = running(lock) ? lock : undefined;
  if (lock.folder === folder) return alive !== undefined && lock.busy ? { kind: 'wait', pid: lock.pid } : { kind: 'free' };
  const holder = alive ?? witness(lock.folder);
  return holder === undefined ? { kind: 'free' } : { kind: 'refused', pid: holder.pid, folder: lock.folder };
}

/** A lock as it stands in its file; nothing when the file is damaged. */
export function parseLock(text: string): Lock | undefined {
  try {
    const { pid, startTime, folder, busy } = JSON.parse(text) as Partial<Lock>;
    const whole = typeof pid === 'number' && typeof startTime === 'string' && typeof folder === 'string' && typeof busy === 'boolean';
    return whole ? { pid, startTime, folder, busy } : undefined;
  } catch {
    return undefined;
  }
}

/** A running process of the cluster in a folder, if any. */
export function witnessOf(folder: string): ProcessId | undefined {
  return recordedProcesses(folder).flatMap((name) => runningProcess(folder, name) ?? []).at(0);
}

/** Takes the lock for this process, waiting for another command on the same cluster; refuses beside another cluster. */
export async function takeLock(path: string, folder: string, say: Say): Promise<void> {
  let told = false;
  for (;;) {
    const found = readIfPresent(path);
    const claim = judgeLock(found === undefined ? undefined : parseLock(found), folder, isRunning, witnessOf);
    switch (claim.kind) {
      case 'refused':
        throw new ClusterError(
          `Another local cluster is on this machine: pid ${claim.pid}, state folder ${claim.folder}. `
          + `End it with \`PLIMSOLL_CLUSTER_DIR=${claim.folder} npm run cluster -- down\`, then run the same command again.`,
        );
      case 'wait':
        if (!told) say(`waiting for another command that is changing this cluster (pid ${claim.pid})`);
        told = true;
        await sleep(500);
        break;
      case 'free':
        if (claimFile(path, found, { ...thisProcess(), folder, busy: true })) return;
    }
  }
}

// Linking fails when the file exists, so of two commands only one makes it; an old one is first moved away by one of them.
function claimFile(path: string, found: string | undefined, lock: Lock): boolean {
  mkdirSync(dirname(path), { recursive: true });
  const own = `${path}.${lock.pid}`;
  writeFileSync(own, JSON.stringify(lock));
  try {
    if (found !== undefined) {
      renameSync(path, `${own}.old`);
      // what was moved may be the lock of a command that was faster: that one is put back
      if (readIfPresent(`${own}.old`) !== found) linkSync(`${own}.old`, path);
    }
    linkSync(own, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
    rmSync(`${own}.old`, { force: true });
  }
}

function thisProcess(): ProcessId {
  return { pid: process.pid, startTime: startTimeOf(process.pid) ?? '0' };
}

/** Leaves the lock to a process of the cluster, or removes it when no cluster is left. */
export function releaseLock(path: string, folder: string): void {
  const witness = witnessOf(folder);
  if (witness === undefined) {
    rmSync(path, { force: true });
    return;
  }
  writeFileSync(`${path}.new`, JSON.stringify({ pid: witness.pid, startTime: witness.startTime, folder, busy: false } satisfies Lock));
  renameSync(`${path}.new`, path);
}
