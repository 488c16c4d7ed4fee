// Python programs that tests hold against ours: each in a virtual environment of its own, made once and kept in the cache.

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { cacheFolder, digestOf, type Say } from '../../deploy/local/images/cache.ts';
import { run } from '../../deploy/local/images/command.ts';
import { PYTHON } from '../../deploy/local/images/mlserver.ts';

// A virtual environment holds its own path, so it is made in place; the file `complete` at the end marks it whole.
const MAKE = `
  set -e
  [ ! -e "$1/complete" ] || exit 0
  rm -rf "$1"
  ${PYTHON} -m venv "$1"
  printf '%s\\n' "$2" > "$1/requirements.lock"
  "$1/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$1/requirements.lock"
  touch "$1/complete"
`;

/**
 * Folder of a virtual environment with the packages of a requirements file that pins every one of them (`name==version`, best with its
 * `--hash=sha256:…`); programs are in its `bin`. Needs Python 3.11 with venv. Whoever asks while another process makes it waits for that.
 */
export async function pythonVenv(name: string, requirements: string, say: Say = () => undefined): Promise<string> {
  const folder = cacheFolder('python', `${name}-${digestOf(MAKE, requirements)}`);
  if (existsSync(join(folder, 'complete'))) return folder;
  say(`Installing the Python packages of ${name} ...`);
  await mkdir(dirname(folder), { recursive: true });
  // The kernel's lock ends with its holder, so that one that was killed blocks nobody.
  await run('flock', [`${folder}.lock`, 'sh', '-c', MAKE, 'sh', folder, requirements]);
  return folder;
}
