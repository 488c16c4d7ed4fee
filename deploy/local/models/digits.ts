// The seven digits models (scikit-learn's digits, 64 numbers per row), trained once and kept in the cache:
// v1 good, v2 better, v3 often wrong, v4 slow, v5 expects another shape, v6 a truncated file, v7 fails on a quarter of real rows.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cacheFolder, digestOf, makeOnce, type Say } from '../images/cache.ts';
import { run } from '../images/command.ts';
import { PYTHON } from '../images/mlserver.ts';
import { writeLayer } from '../images/oci.ts';

export const DIGITS_VERSIONS = ['v1', 'v2', 'v3', 'v4', 'v5', 'v6', 'v7'] as const;

export type DigitsVersion = (typeof DIGITS_VERSIONS)[number];

/** Rows that no model was trained on, with the right answers: what users send, and how one knows whether an answer is right. */
export interface HeldOut {
  readonly features: number;
  readonly rows: readonly (readonly number[])[];
  readonly labels: readonly number[];
}

/** Where the trained models are. */
export interface DigitsModels {
  readonly folder: string;
  /** Folder of each version, which holds `model.joblib`. */
  readonly versions: Readonly<Record<DigitsVersion, string>>;
  readonly heldOut: HeldOut;
}

const SCRIPT = join(import.meta.dirname, 'train.py');
const LOCK = join(import.meta.dirname, '../images/mlserver/requirements.lock');
/** Packages that training needs, at the versions that the server runs: a model file belongs to the versions that wrote it. */
const PACKAGES = ['cloudpickle', 'joblib', 'narwhals', 'numpy', 'scikit-learn', 'scipy', 'threadpoolctl'];

async function trainingLock(): Promise<string> {
  const lines = (await readFile(LOCK, 'utf8')).split('\n');
  return `${lines.filter((line) => PACKAGES.includes(line.slice(0, line.indexOf('==')))).join('\n')}\n`;
}

async function environment(lock: string, say: Say): Promise<string> {
  // Not made aside and moved, as everything else is: a virtual environment holds its own path. pip's end marks it complete.
  const folder = cacheFolder('models', `python-${digestOf(lock, PYTHON)}`);
  await makeOnce(join(folder, 'complete'), say, 'a Python environment with scikit-learn', async (path) => {
    await rm(folder, { recursive: true, force: true });
    await run(PYTHON, ['-m', 'venv', folder]);
    await writeFile(join(folder, 'requirements.lock'), lock);
    await run(join(folder, 'bin/pip'), [
      'install',
      '--quiet',
      '--no-deps',
      '--require-hashes',
      '--only-binary',
      ':all:',
      '-r',
      join(folder, 'requirements.lock'),
    ]);
    await writeFile(path, '');
  });
  return join(folder, 'bin/python');
}

/** Trains the models unless the cache has those of the same script and packages. Needs Python 3.11 with venv and pip. */
export async function buildModels(say: Say): Promise<DigitsModels> {
  const lock = await trainingLock();
  const folder = cacheFolder('models', `digits-${digestOf(lock, await readFile(SCRIPT))}`);
  await makeOnce(folder, say, 'the seven digits models', async (path) => {
    await run(await environment(lock, say), [SCRIPT, path]);
  });
  const versions = Object.fromEntries(DIGITS_VERSIONS.map((version) => [version, join(folder, version)])) as Record<DigitsVersion, string>;
  return { folder, versions, heldOut: JSON.parse(await readFile(join(folder, 'held-out.json'), 'utf8')) as HeldOut };
}

/** Packs the files of a folder as .tar.gz at `target`: the same files give the same bytes. */
export async function packModel(folder: string, target: string): Promise<string> {
  await writeLayer([{ kind: 'tree', from: folder, to: '' }], target);
  return target;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { folder } = await buildModels((line) => process.stderr.write(`${line}\n`));
  process.stdout.write(`${folder}\n`);
}
