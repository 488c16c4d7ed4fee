// A process of its own that holds a lease, `node holdLease.ts KUBECONFIG NAMESPACE`. A line on its standard input makes its
// event loop stand still for so many milliseconds. It prints what happens, and how long its loop stood still as its own metrics have it.

import { createInterface } from 'node:readline';
import { KubeConfig } from '@kubernetes/client-node';
import { createKubeClient } from '../../../src/controller/kubeClient.ts';
import { createLeaderElector } from '../../../src/controller/lease.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { realClock } from '../../support/clocks.ts';

const [kubeconfig = '', namespace = ''] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const config = new KubeConfig();
config.loadFromFile(kubeconfig);
const metrics = createMetrics({ version: '0', commit: '', monotonicMs: realClock.monotonic, processMetrics: false });
const elector = createLeaderElector({
  client: createKubeClient(config, { clock: realClock }),
  clock: realClock,
  random: Math.random,
  namespace,
  name: 'blocked',
  identity: 'child',
  onAcquired: () => say('leads'),
  onLost: () => say('lost'),
  durationMs: 6000,
  renewDeadlineMs: 4000,
  retryMs: 500,
});

createInterface({ input: process.stdin }).on('line', (line) => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(line));
  // The first thing that a pass would do now is to ask before its write.
  try {
    elector.mustStillLead();
    say('would write');
  } catch {
    say('writes nothing');
  }
});
await elector.run(new AbortController().signal);
const lag = /^plimsoll_event_loop_lag_seconds\{stat="max"\} (\S+)$/m.exec((await metrics.render()).body)?.[1];
say(`stood still ${lag ?? ''}`);
process.exit(0);
