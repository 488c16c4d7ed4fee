// What the end-to-end tests need around them: the local cluster with all images, and the models.
//
// Usage: node test/runner/environment.ts up | down
// It is a process of its own so that the runner can end it at its limit or at Ctrl-C and still take everything down.
import { down, importImages, up } from '../../deploy/local/cluster/index.ts';
import { progress } from '../../deploy/local/cluster/progress.ts';
import { buildImages } from '../../deploy/local/images/main.ts';
import { buildModels } from '../../deploy/local/models/digits.ts';

/** Brings up all that test/e2e uses, unless it is there already. `up` comes first: it installs the tools that build the images. */
export async function setUp(): Promise<void> {
  const say = progress();
  await up({ say });
  const images = await buildImages(['operator', 'modelserver', 'mlserver'], say);
  await importImages(images.map(({ archive }) => archive));
  say('images in the node');
  await buildModels(say);
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
