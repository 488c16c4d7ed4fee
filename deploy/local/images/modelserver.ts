// Image of the test server: one static Go binary and nothing else.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { USER } from './base.ts';
import { digestOfFiles, type Say } from './cache.ts';
import { run } from './command.ts';
import { buildImage, type BuiltImage } from './layers.ts';
import { type Part } from './oci.ts';

/** Raise the tag when a test must be able to tell old from new. */
export const MODELSERVER_IMAGE = 'images.local/modelserver:1';

const SOURCE = join(import.meta.dirname, 'modelserver');
const FILES = ['go.mod', 'main.go', 'metrics.go'].map((name) => join(SOURCE, name));

/** Builds the test server's image unless the cache has it. Needs Go. */
export async function buildModelserver(say: Say): Promise<BuiltImage> {
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-modelserver-'));
  const parts = async (): Promise<readonly Part[]> => {
    const binary = join(folder, 'modelserver');
    await run('go', ['build', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w', '-o', binary, '.'], {
      cwd: SOURCE,
      env: { CGO_ENABLED: '0' },
    });
    return [
      { kind: 'copy', from: binary, to: 'modelserver', executable: true },
      { kind: 'directory', to: 'mnt/models' },
    ];
  };
  try {
    return await buildImage(
      {
        reference: MODELSERVER_IMAGE,
        name: 'modelserver',
        layers: [{ key: await digestOfFiles([...FILES, import.meta.filename]), parts }],
        config: { entrypoint: ['/modelserver'], user: USER },
      },
      say,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
