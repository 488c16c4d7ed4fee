// Runs one job in a process of its own, as in its container, and prints by how much its memory grew: `<exit code> <MiB>`.

import { readFileSync } from 'node:fs';
import { runFetch } from '../../../src/sources/fetch.ts';
import { parseFetchOptions, parseResolveOptions } from '../../../src/sources/options.ts';
import { runResolve } from '../../../src/sources/resolve.ts';

const [name, json, terminationLog = ''] = process.argv.slice(2);
const io = { log: () => undefined, now: () => Date.now(), random: () => 0, terminationLog };
const before = process.memoryUsage.rss();
const code = name === 'fetch' ? await runFetch(parseFetchOptions(json), io) : await runResolve(parseResolveOptions(json), io);
// The peak in KiB, so that a spike between two samples counts too. Not the kernel's maxrss, which a process inherits from its parent.
const peakKiB = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
process.stdout.write(`${code} ${Math.round(peakKiB / 1024 - before / 1024 ** 2)}\n`);
