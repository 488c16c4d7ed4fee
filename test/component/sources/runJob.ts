// Runs one job in a process of its own, as in its container, and prints by how much its memory grew, and how much one of the programs that
// it started had at most: `<exit code> <MiB> <MiB>`.

import { readdirSync, readFileSync } from 'node:fs';
import { runFetch } from '../../../src/sources/fetch.ts';
import { parseFetchOptions, parseResolveOptions } from '../../../src/sources/options.ts';
import { runResolve } from '../../../src/sources/resolve.ts';
import { keepHeapSmall } from '../../../src/sources/smallHeap.ts';

const [name, json, terminationLog = ''] = process.argv.slice(2);
keepHeapSmall();
const io = { log: () => undefined, now: () => Date.now(), random: () => 0, terminationLog };
const before = process.memoryUsage.rss();
let programKiB = 0;
// Pages of files that are mapped do not count: the kernel takes them back.
const looking = setInterval(() => {
  for (const pid of descendants('self')) programKiB = Math.max(programKiB, statusOf(pid, 'RssAnon'));
}, 10);
const code = name === 'fetch' ? await runFetch(parseFetchOptions(json), io) : await runResolve(parseResolveOptions(json), io);
// The peak in KiB, so that a spike between two samples counts too. Not the kernel's maxrss, which a process inherits from its parent.
const peakKiB = statusOf('self', 'VmHWM');
clearInterval(looking);
process.stdout.write(`${code} ${Math.round(peakKiB / 1024 - before / 1024 ** 2)} ${Math.ceil(programKiB / 1024)}\n`);

function statusOf(pid: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
}

function descendants(pid: string): readonly string[] {
  const children = tasks(pid).flatMap((task) => read(`/proc/${pid}/task/${task}/children`).split(' '));
  return children.filter((child) => child !== '').flatMap((child) => [child, ...descendants(child)]);
}

function tasks(pid: string): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** Empty when the process has ended in the meantime. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
