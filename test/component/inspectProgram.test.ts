// The program that asks an image what it has, in the Python of a real environment.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { run } from '../../deploy/local/images/command.ts';
import { INSPECT_PROGRAM } from '../../src/core/resources/inspectProgram.ts';
import { decodeInstalled } from '../../src/core/version/installed.ts';
import { normalizeName } from '../../src/core/version/requirements.ts';
import { MAX_TERMINATION_BYTES } from '../../src/core/version/termination.ts';
import { pythonVenv } from '../support/python.ts';

let python: string;
let lock: string;
let folder: string;

beforeAll(async () => {
  lock = await readFile(join(import.meta.dirname, '../support/mlflow/requirements.lock'), 'utf8');
  python = join(await pythonVenv('mlflow', lock), 'bin/python');
  folder = await mkdtemp(join(tmpdir(), 'plimsoll-inspect-'));
}, 900_000);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** What the program leaves for kubelet. */
async function ask(names: readonly string[]): Promise<string> {
  const answer = join(folder, 'termination-log');
  await run(python, ['-c', INSPECT_PROGRAM, answer], { env: { PLIMSOLL_PACKAGES: JSON.stringify(names) } });
  return readFile(answer, 'utf8');
}

test('every package of an environment is found in the version that was installed', async () => {
  const pinned = Object.fromEntries(
    [...lock.matchAll(/^([\w.-]+)(?:\[[\w,-]+\])?==([\w.+!-]+)/gm)].map(([, name = '', version = '']) => [normalizeName(name), version]),
  );
  const names = [...Object.keys(pinned), 'no-such-package'].sort();
  expect(names.length).toBeGreaterThan(80);
  const text = await ask(names);
  expect(Buffer.byteLength(text)).toBeLessThan(MAX_TERMINATION_BYTES);
  const version = (await run(python, ['-c', 'import platform; print(platform.python_version(), platform.machine())'])).trim().split(' ');
  expect(decodeInstalled(text, names)).toEqual({ python: version[0], machine: version[1], packages: pinned });
}, 60_000);
