import { connect } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { startHealthServer, type HealthOptions, type HealthServer } from '../../src/telemetry/health.ts';

const opened: HealthServer[] = [];

async function start(options: Partial<HealthOptions> = {}): Promise<HealthServer> {
  const server = await startHealthServer({
    port: 0,
    host: '127.0.0.1',
    readiness: {},
    metrics: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' }),
    onError: () => undefined,
    ...options,
  });
  opened.push(server);
  return server;
}

async function ask(server: HealthServer, path: string, init: RequestInit = {}): Promise<readonly [number, string]> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, init);
  return [response.status, await response.text()];
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((server) => server.close(100)));
});

describe('the health server', () => {
  test('is alive as soon as it answers', async () => {
    expect(await ask(await start(), '/healthz')).toEqual([200, 'ok\n']);
  });

  test('pitfall 10: is ready only when every check is, and names the one that is not', async () => {
    let synced = false;
    const server = await start({ readiness: { lease: () => undefined, caches: () => (synced ? undefined : 'services not listed yet') } });
    expect(await ask(server, '/readyz')).toEqual([503, '[+] lease: ok\n[-] caches: services not listed yet\nnot ok\n']);
    expect((await ask(server, '/healthz'))[0]).toBe(200);
    synced = true;
    expect(await ask(server, '/readyz?verbose')).toEqual([200, '[+] lease: ok\n[+] caches: ok\nok\n']);
  });

  test('takes a check that throws for one that failed', async () => {
    const broken = (): undefined => {
      throw new Error('no cache');
    };
    const server = await start({ liveness: { loop: broken } });
    expect(await ask(server, '/healthz')).toEqual([503, '[-] loop: the check itself failed: no cache\nnot ok\n']);
  });

  test('serves the metrics with their content type', async () => {
    const server = await start();
    const response = await fetch(`http://127.0.0.1:${server.port}/metrics`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4');
    expect(await response.text()).toBe('up 1\n');
  });

  test('answers 500 and reports the error when the metrics cannot be written', async () => {
    const errors: unknown[] = [];
    const failure = new Error('registry broken');
    const server = await start({ metrics: () => Promise.reject(failure), onError: (error) => errors.push(error) });
    expect((await ask(server, '/metrics'))[0]).toBe(500);
    expect(errors).toEqual([failure]);
  });

  test('refuses other paths and other methods', async () => {
    const server = await start();
    expect((await ask(server, '/debug'))[0]).toBe(404);
    expect((await ask(server, '/healthz', { method: 'POST', body: 'x' }))[0]).toBe(405);
    expect(await ask(server, '/healthz', { method: 'HEAD' })).toEqual([200, '']);
  });

  test('says which port is taken', async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toThrow(`cannot listen on port ${port}`);
  });

  test('finishes an answer that has begun, then closes', async () => {
    let finish = (): void => undefined;
    let begun = (): void => undefined;
    const arrived = new Promise<void>((resolve) => (begun = resolve));
    const server = await start({
      metrics: async () => {
        begun();
        await new Promise<void>((resolve) => (finish = resolve));
        return { contentType: 'text/plain', body: 'late\n' };
      },
    });
    const answer = ask(server, '/metrics');
    await arrived;
    const closed = server.close(5000);
    finish();
    expect(await answer).toEqual([200, 'late\n']);
    await closed;
    await expect(ask(server, '/healthz')).rejects.toThrow('fetch failed');
  });

  test('does not wait longer than its grace for a client that says nothing', async () => {
    const server = await start();
    const socket = connect(server.port, '127.0.0.1');
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    socket.write('GET /healthz HTTP/1.1\r\n');
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined);
    const started = performance.now();
    await server.close(100);
    await ended;
    expect(performance.now() - started).toBeLessThan(3000);
  });
});
