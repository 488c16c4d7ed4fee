// The launcher as a process of its own, in a folder that looks like a checkout.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';

const folder = mkdtempSync(join(tmpdir(), 'plimsoll-launch-'));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

test('nothing is installed through a link: the folder behind it is somebody else\'s', () => {
  const [checkout, packages] = [join(folder, 'checkout'), join(folder, 'packages')];
  for (const made of [join(checkout, 'deploy/local'), join(packages, 'kept')]) mkdirSync(made, { recursive: true });
  copyFileSync(resolve(import.meta.dirname, '../../../deploy/local/launch.mjs'), join(checkout, 'deploy/local/launch.mjs'));
  writeFileSync(join(checkout, 'package-lock.json'), '{}');
  symlinkSync(packages, join(checkout, 'node_modules'));
  // No npm is found: were it called, that would be told in another sentence.
  const { status, stderr } = spawnSync(process.execPath, ['deploy/local/launch.mjs', 'script.ts'], { cwd: checkout, env: {}, encoding: 'utf8' });
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^\/.*\/checkout\/node_modules is a symbolic link to .*\. Remove the link, and run/)]);
  expect(readdirSync(packages)).toEqual(['kept']);
}, 60_000);
