import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { run } from '../../../deploy/local/images/command.ts';

const SOURCE = resolve(import.meta.dirname, '../../../deploy/local/images/modelserver');

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => {
    server.close(done);
  });
  return port;
}

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  readonly metrics: string;
  readonly ended: Promise<number | null>;
}

describe('the test model server', () => {
  let folder: string;
  let running: Running | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'modelserver-'));
    await run('go', ['build', '-buildvcs=false', '-o', join(folder, 'server'), '.'], { cwd: SOURCE, env: { CGO_ENABLED: '0' } });
  }, 180_000);
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });
  afterEach(async () => {
    running?.child.kill('SIGKILL');
    await running?.ended;
    running = undefined;
  });

  async function start(model: Record<string, unknown>, args: readonly string[] = [], more: NodeJS.ProcessEnv = {}): Promise<Running> {
    await mkdir(join(folder, 'model'), { recursive: true });
    await writeFile(join(folder, 'model/model.json'), JSON.stringify(model));
    await writeFile(join(folder, 'model-settings.json'), JSON.stringify({ name: 'digits', parameters: { uri: './model' } }));
    const [port, metricsPort] = [await freePort(), await freePort()];
    const env = { MODELS_DIR: folder, MLSERVER_HTTP_PORT: String(port), MLSERVER_METRICS_PORT: String(metricsPort), ...more };
    const child = spawn(join(folder, 'server'), args, { env, stdio: 'ignore' });
    const ended = new Promise<number | null>((done) => {
      child.on('exit', (code) => done(code));
    });
    const url = `http://127.0.0.1:${port}`;
    running = { child, url, metrics: `http://127.0.0.1:${metricsPort}/metrics`, ended };
    for (let tries = 0; tries < 100; tries += 1) {
      if (
        await fetch(`${url}/v2/health/live`).then(
          (response) => response.ok,
          () => false,
        )
      )
        break;
      await new Promise((done) => {
        setTimeout(done, 20);
      });
    }
    return running;
  }

  const infer = (url: string, row: readonly unknown[], name = 'digits'): Promise<Response> =>
    fetch(`${url}/v2/models/${name}/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: [{ name: 'predict', shape: [1, row.length], datatype: 'FP64', data: row }] }),
    });

  test('answers the protocol and says which input it expects', async () => {
    const { url } = await start({ features: 3 });
    expect((await fetch(`${url}/v2/models/digits/ready`)).status).toBe(200);
    expect(await (await fetch(`${url}/v2/models/digits`)).json()).toMatchObject({
      name: 'digits',
      inputs: [{ datatype: 'FP64', shape: [-1, 3] }],
    });
    const response = await infer(url, [1, 2, 4]);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ model_name: 'digits', outputs: [{ shape: [1, 1], datatype: 'INT64', data: [7] }] });
  });

  test('refuses what a real server refuses, with the same status, and counts as it does', async () => {
    const { url, metrics } = await start({ features: 3, failWhenFirstAtLeast: 10 });
    const statuses = [
      infer(url, [1, 2]),
      infer(url, [10, 2, 3]),
      infer(url, ['a', 2, 3]),
      infer(url, [9, 2, 3]),
      infer(url, [1, 2, 3], 'other'),
    ];
    expect((await Promise.all(statuses)).map(({ status }) => status)).toEqual([500, 500, 500, 200, 404]);
    expect((await fetch(`${url}/v2/models/digits/infer`, { method: 'POST', body: '{' })).status).toBe(422);
    const text = await (await fetch(metrics)).text();
    expect(text).toContain('model_infer_request_success_total{model="digits",version="None"} 1\n');
    expect(text).toContain('model_infer_request_failure_total{model="digits",version="None"} 3\n');
    expect(text).toMatch(/rest_server_request_duration_seconds_count\{.*status_code="500"\} 3\n/);
  });

  test('behaves as an argument or a variable says, whatever the model says', async () => {
    const first = await start({ features: 3 }, ['-behaviour', '{"failWhenFirstAtLeast": 5}']);
    expect((await Promise.all([infer(first.url, [5, 0, 0]), infer(first.url, [4, 0, 0])])).map(({ status }) => status)).toEqual([500, 200]);
    first.child.kill('SIGKILL');
    const { url } = await start({ features: 3 }, [], { BEHAVIOUR: '{"features": 2}' });
    expect((await infer(url, [1, 2])).status).toBe(200);
  });

  test('serves like TensorFlow Serving, without settings, when it is told its name', async () => {
    const { url } = await start({ features: 2 }, [], { MODEL_NAME: 'own', MODELS_DIR: join(folder, 'model') });
    const predict = (name: string, body: string): Promise<Response> => fetch(`${url}/v1/models/${name}:predict`, { method: 'POST', body });
    expect((await fetch(`${url}/v1/models/own`)).status).toBe(200);
    const good = await predict('own', '{"instances": [[1, 2], [3, 4]]}');
    expect([good.status, await good.json()]).toEqual([200, { predictions: [3, 7] }]);
    const bad = [predict('own', '{"instances": [[1]]}'), predict('own', '{}'), predict('other', '{"instances": [[1, 2]]}')];
    expect((await Promise.all(bad)).map(({ status }) => status)).toEqual([500, 400, 404]);
    expect((await infer(url, [1, 2], 'own')).status).toBe(200);
  });

  test('closes the connection after a 500, as MLServer does', async () => {
    const { url } = await start({ features: 3 });
    expect((await infer(url, [1])).headers.get('connection')).toBe('close');
    expect((await infer(url, [1, 2, 3])).headers.get('connection')).not.toBe('close');
  });

  test('fails about as many requests as the model says', async () => {
    const { url } = await start({ features: 1, failPercent: 30 });
    let failed = 0;
    for (let sent = 0; sent < 500; sent += 1) {
      const response = await infer(url, [1]);
      await response.arrayBuffer();
      failed += response.status === 500 ? 1 : 0;
    }
    // 150 expected, standard deviation 10: five of them either way.
    expect(failed).toBeGreaterThan(100);
    expect(failed).toBeLessThan(200);
  });

  test('fails in bursts, but answers a probe of zeros', async () => {
    const { url } = await start({ features: 1, failPercent: 5, failBurst: 4 });
    const statuses: number[] = [];
    for (let sent = 0; sent < 600; sent += 1) {
      const response = await infer(url, [sent % 2]);
      await response.arrayBuffer();
      statuses.push(response.status);
    }
    expect(new Set(statuses.filter((_, sent) => sent % 2 === 0))).toEqual(new Set([200]));
    const ones = statuses.filter((_, sent) => sent % 2 === 1);
    const first = ones.indexOf(500);
    expect(ones.slice(first, first + 4)).toEqual([500, 500, 500, 500]);
  });

  test('counts its answers by class, and those that are wrong', async () => {
    const { url, metrics } = await start({ features: 1, wrongPercent: 100, zeroPercent: 100 });
    for (let sent = 0; sent < 3; sent += 1) await (await infer(url, [7])).arrayBuffer();
    const text = await (await fetch(metrics)).text();
    expect(text).toContain('predictions_total{class="0"} 3');
    expect(text).toContain('\nlabelled_predictions_total 3\n');
    expect(text).toContain('\nwrong_predictions_total 3\n');
  });

  test('is slow, or never ready, or crashes, when the model says so', async () => {
    const slow = await start({ features: 1, latencyMs: 150 });
    const started = performance.now();
    await infer(slow.url, [1]);
    expect(performance.now() - started).toBeGreaterThan(145);
    slow.child.kill('SIGKILL');
    const never = await start({ features: 1, neverReady: true });
    expect((await fetch(`${never.url}/v2/health/ready`)).status).toBe(503);
    never.child.kill('SIGKILL');
    const crash = await start({ features: 1, crashAfterSeconds: 0.3 });
    expect(await crash.ended).toBe(1);
  });

  test('finishes the requests under way after SIGTERM and ends with code 0', async () => {
    const { url, child, ended } = await start({ features: 1, latencyMs: 300 });
    const response = infer(url, [1]);
    await new Promise((done) => {
      setTimeout(done, 100);
    });
    child.kill('SIGTERM');
    expect((await response).status).toBe(200);
    expect(await ended).toBe(0);
  });

  test('asks its callers to close their connections before it closes them itself', async () => {
    const { url, child, ended } = await start({ features: 1 });
    expect((await infer(url, [1])).headers.get('connection')).not.toBe('close');
    child.kill('SIGTERM');
    await new Promise((done) => {
      setTimeout(done, 200);
    });
    const response = await infer(url, [1]);
    expect([response.status, response.headers.get('connection')]).toEqual([200, 'close']);
    expect(await ended).toBe(0);
  });

  test('a file that is no model ends it at once with an error', async () => {
    const { child, ended } = await start({ features: 'many' });
    expect(await ended).toBe(1);
    expect(child.exitCode).toBe(1);
  });
});
