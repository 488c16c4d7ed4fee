// Debian packages that the cluster needs: installed when we may, named when we may not.
import type { Say } from '../images/cache.ts';
import { ClusterError } from './failure.ts';
import { attempt, lastLine, type RunResult } from './run.ts';
import { DEBIAN_PACKAGES } from './settings.ts';

/** Installs what the cluster lacks, as root and after saying so; refuses with the command to run otherwise. */
export async function ensurePackages(root: boolean, say: Say): Promise<void> {
  const pip = (await attempt(['python3', '-m', 'pip', '--version']).catch(() => ({ code: 1 }))).code === 0 ? [] : ['python3-pip'];
  await installMissing([...DEBIAN_PACKAGES, ...pip], root, say);
  if (!root) throw new ClusterError('The local cluster makes containers, mounts and network rules: run the same command as root.');
}

/** Installs those of the packages that are not there; refuses with the command to run when we are not `root`. */
export async function installMissing(wanted: readonly string[], root: boolean, say: Say): Promise<void> {
  const missing = await missingPackages(wanted);
  if (missing.length > 0) {
    const command = `apt-get update && apt-get install -y --no-install-recommends ${missing.join(' ')}`;
    if (!root) throw new ClusterError(`Debian packages are missing; as root, run: ${command}`);
    say(`installing Debian packages: ${command}`);
    const started = performance.now();
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    check(await attempt(['apt-get', 'update', '-q'], { env }), command);
    check(await attempt(['apt-get', 'install', '-y', '-q', '--no-install-recommends', ...missing], { env }), command);
    say(`installed them in ${((performance.now() - started) / 1000).toFixed(0)} s`);
  }
}

function check(result: RunResult, command: string): void {
  if (result.code !== 0)
    throw new ClusterError(
      `apt-get failed (${lastLine(result.stderr || result.stdout)}): see to it that \`${command}\` works, then run the same command again.`,
    );
}

async function missingPackages(wanted: readonly string[]): Promise<readonly string[]> {
  const query = await attempt(['dpkg-query', '--show', '--showformat', '${Package} ${db:Status-Status}\n', ...wanted]).catch(() => {
    throw new ClusterError('Debian (and its like) is needed for this: there is no dpkg on this machine.');
  });
  return absentFrom(query.stdout, wanted);
}

/** Those of `wanted` that dpkg-query's lines of `PACKAGE STATUS` do not show as installed. */
export function absentFrom(listing: string, wanted: readonly string[]): readonly string[] {
  const installed = new Set(
    listing
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  );
  return wanted.filter((name) => !installed.has(name));
}
