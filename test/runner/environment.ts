// What the end-to-end tests need around them: the local cluster. `node test/runner/environment.ts up | down`
//
// It is a process of its own so that the runner can end it at its limit or at Ctrl-C and still take everything down.
import { spawnSync } from 'node:child_process';

/** Brings the cluster up with all images and models; does nothing that is done already. */
export function setUp(): void {
  runCluster('up');
}

/** Ends everything that `setUp` started, also after half of it. */
export function tearDown(): void {
  runCluster('down');
}

function runCluster(verb: 'up' | 'down'): void {
  const { status, signal } = spawnSync(process.execPath, ['deploy/local/cluster/main.ts', verb], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status === 0) return;
  throw new Error(`\`npm run cluster -- ${verb}\` failed (${signal ?? `exit code ${status ?? 'unknown'}`}); its output above says why.`);
}

if (import.meta.main) {
  switch (process.argv[2]) {
    case 'up':
      setUp();
      break;
    case 'down':
      tearDown();
      break;
    default:
      throw new Error(`Usage: node test/runner/environment.ts up | down, not ${process.argv[2] ?? 'nothing'}.`);
  }
}
