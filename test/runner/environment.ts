// What the end-to-end tests need around them: the local cluster with all images, the models, and the operator in its pod.
//
// Usage: node test/runner/environment.ts up | down
// It is a process of its own so that the runner can end it at its limit or at Ctrl-C and still take everything down.
import { resolve } from 'node:path';
import { down, importImages, kubectl, up } from '../../deploy/local/cluster/index.ts';
import { progress } from '../../deploy/local/cluster/progress.ts';
import { buildImages } from '../../deploy/local/images/main.ts';
import { buildModels } from '../../deploy/local/models/digits.ts';
import { TEST_NAMESPACE } from '../support/apiAccess.ts';

const OVERLAY = resolve(import.meta.dirname, '../e2e/operator');
/** Evidence comes in looks of 2 s: with the usual 5 s between scrapes most of them would see nothing new. */
const SCRAPE_INTERVAL = '1s';
/** On the operator's pods: which image they run. All builds have one tag, so this is what makes new ones replace old ones. */
const IMAGE_ANNOTATION = 'plimsoll.dev/local-image';

/** Brings up all that test/e2e uses, unless it is there already. `up` comes first: it installs the tools that build the images. */
export async function setUp(): Promise<void> {
  const say = progress();
  await up({ scrapeInterval: SCRAPE_INTERVAL, say });
  const images = await buildImages(['operator', 'modelserver', 'mlserver'], say);
  await importImages(images.map(({ archive }) => archive));
  say('images in the node');
  await installOperator(images[0]?.digest ?? '');
  say('operator ready');
  await removeLeftovers();
  await buildModels(say);
}

/** The cluster keeps its state, so also the namespaces of tests that were cut off; their load would disturb the next ones. */
async function removeLeftovers(): Promise<void> {
  const labels = Object.entries(TEST_NAMESPACE).map(([key, value]) => `${key}=${value}`);
  await kubectl(['delete', 'namespaces', '-l', labels.join(','), '--timeout=120s']);
}

/** Installs the operator as a user does; one that runs another image is replaced. */
async function installOperator(digest: string): Promise<void> {
  const inSystem = ['-n', 'plimsoll-system'];
  await kubectl(['apply', '--server-side', '--force-conflicts', '-k', OVERLAY]);
  const patch = { spec: { template: { metadata: { annotations: { [IMAGE_ANNOTATION]: digest } } } } };
  await kubectl([...inSystem, 'patch', 'deployment', 'plimsoll', '-p', JSON.stringify(patch)]);
  try {
    await kubectl([...inSystem, 'rollout', 'status', 'deployment/plimsoll', '--timeout=120s']);
  } catch (error) {
    const log = await kubectl([...inSystem, 'logs', 'deployment/plimsoll', '--tail=5']).catch(() => 'it has none yet');
    throw new Error(`The operator's pod did not become Ready. The end of its log:\n${log.trimEnd()}`, { cause: error });
  }
}

/** Ends everything that `setUp` started, also after half of it. */
export async function tearDown(): Promise<void> {
  await down({ say: progress() });
}

if (import.meta.main) {
  switch (process.argv[2]) {
    case 'up':
      await setUp();
      break;
    case 'down':
      await tearDown();
      break;
    default:
      throw new Error(`Usage: node test/runner/environment.ts up | down, not ${process.argv[2] ?? 'nothing'}.`);
  }
}
