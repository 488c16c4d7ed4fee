// The images that come with the cluster: one static program as pause container and as what tests run.
import { join } from 'node:path';
import { writeArchive, writeLayer } from '../images/oci.ts';

/** Names of the images; the first part has a dot, or containerd would take it for a name on a public registry. */
export const TEST_IMAGES = { pause: 'images.local/pause:1', testapp: 'images.local/testapp:1' } as const;

/** Writes the archives `pause.tar` and `testapp.tar` around a static program into a folder. */
export async function buildTestImages(program: string, folder: string): Promise<void> {
  const layer = await writeLayer([{ kind: 'copy', from: program, to: 'testapp', executable: true }], join(folder, 'layer.tar.gz'));
  const user = '65532:65532';
  await writeArchive(TEST_IMAGES.pause, [layer], { entrypoint: ['/testapp', 'pause'], user }, join(folder, 'pause.tar'));
  await writeArchive(TEST_IMAGES.testapp, [layer], { entrypoint: ['/testapp'], user }, join(folder, 'testapp.tar'));
}
