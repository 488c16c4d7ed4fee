// Makes what tests are held against and what takes long to make, unless the cache has it: the API server, Prometheus, the Python programs, the registry. The
// tests would make it themselves, but against their own time limits.
import { readFile } from 'node:fs/promises';
import { globSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { ensureKube, ensurePrometheus } from '../../deploy/local/cluster/build.ts';
import { progress } from '../../deploy/local/cluster/progress.ts';
import { settingsFrom } from '../../deploy/local/cluster/settings.ts';
import { pythonVenv } from '../support/python.ts';
import { registryPrograms } from '../support/registry.ts';

const TESTS = resolve(import.meta.dirname, '..');

const say = progress();
say(`API server: ${await ensureKube(settingsFrom(process.env), say)}`);
say(`Prometheus: ${await ensurePrometheus(settingsFrom(process.env), say)}`);
for (const path of globSync('**/requirements.lock', { cwd: TESTS }).sort()) {
  const name = basename(dirname(path));
  say(`Python packages of ${name}: ${await pythonVenv(name, await readFile(join(TESTS, path), 'utf8'), say)}`);
}
say(`registry and its clients: ${await registryPrograms(say)}`);
