// A process of its own that follows ConfigMaps, for the test of leaks: `node --expose-gc followForever.ts KUBECONFIG PORT NAMESPACE`.
// It prints `watching` whenever a watch is open, and for each line on its standard input what it holds: file descriptors, and heap after a
// collection.

import { readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { RESOURCE } from '../../../src/api/resources.ts';
import { createKubeClient } from '../../../src/controller/kubeClient.ts';
import { createReflector } from '../../../src/controller/reflector.ts';
import { realClock } from '../../support/clocks.ts';
import { overLine } from '../../support/line.ts';

const [kubeconfig = '', port = '', namespace = ''] = process.argv.slice(2);
const config = new KubeConfig();
config.loadFromFile(kubeconfig);
const client = createKubeClient(overLine(config, Number(port)), { clock: realClock, rate: { perSecond: 10_000, burst: 10_000 } });
const reflector = createReflector({
  client: {
    ...client,
    watch: (resource, options, signal) => {
      const onOpen = (): void => {
        options.onOpen?.();
        process.stdout.write('watching\n');
      };
      return client.watch(resource, { ...options, onOpen }, signal);
    },
  },
  clock: realClock,
  random: Math.random,
  resource: RESOURCE.configMap,
  namespace,
  project: ({ metadata }) => metadata.name,
  backoff: { firstMs: 1, capMs: 5 },
});

createInterface({ input: process.stdin }).on('line', () => {
  void (async () => {
    for (let round = 0; round < 5; round += 1) {
      globalThis.gc?.();
      await sleep(20);
    }
    const descriptors = readdirSync('/proc/self/fd').length;
    const known = reflector.list().length;
    process.stdout.write(`${JSON.stringify({ descriptors, heap: process.memoryUsage().heapUsed, known })}\n`);
  })();
});
await reflector.run(new AbortController().signal);
