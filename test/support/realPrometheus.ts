// A real Prometheus of a test's own on 127.0.0.1: it scrapes once a second whatever the test serves.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensurePrometheus } from '../../deploy/local/cluster/build.ts';
import { settingsFrom } from '../../deploy/local/cluster/settings.ts';

export interface Target {
  /** host:port */
  readonly address: string;
  readonly path: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface RealPrometheus {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

const START_MS = 60_000;

/** Resolves when it answers; its first scrapes come within the next second. */
export async function startRealPrometheus(targets: readonly Target[]): Promise<RealPrometheus> {
  const program = await ensurePrometheus(settingsFrom(process.env), () => undefined);
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-prometheus-'));
  const port = await freePort();
  const jobs = targets.map(({ address, path, labels }, index) => ({
    job_name: `target-${index}`,
    metrics_path: path,
    static_configs: [{ targets: [address], labels }],
  }));
  // JSON is YAML.
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify({ global: { scrape_interval: '1s' }, scrape_configs: jobs }));
  const options = ['--config.file=prometheus.yml', '--storage.tsdb.path=data', `--web.listen-address=127.0.0.1:${port}`];
  const child = spawn(program, options, { cwd: folder, stdio: 'ignore' });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_MS;
  while (!(await isReady(url))) {
    if (Date.now() > deadline || child.exitCode !== null) {
      await stop();
      throw new Error('Prometheus did not start');
    }
    await sleep(50);
  }
  return { url, stop };
}

async function isReady(url: string): Promise<boolean> {
  return await fetch(`${url}/-/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
