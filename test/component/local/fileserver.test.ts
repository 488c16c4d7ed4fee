import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startFileServer, type FileServer } from '../../../deploy/local/models/server.ts';

describe('the file server for models', () => {
  let folder: string;
  let server: FileServer;
  const url = (path: string): string => `http://127.0.0.1:${server.port}${path}`;
  const get = async (path: string): Promise<Buffer> => Buffer.from(await (await fetch(url(path))).arrayBuffer());

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'files-'));
    await writeFile(join(folder, 'model'), 'x'.repeat(10_000));
    server = await startFileServer(folder);
  });
  afterEach(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  test('serves files and given bytes, and counts the requests for each', async () => {
    server.put('/given', Buffer.from('given'));
    expect((await get('/model')).length).toBe(10_000);
    expect((await get('/given')).toString()).toBe('given');
    await fetch(url('/given'), { method: 'HEAD' });
    expect([server.requests('/model'), server.requests('/given'), server.requests('/none'), server.requests()]).toEqual([1, 2, 0, 3]);
  });

  test('answers 404 to what is not there and to paths that climb out of the folder', async () => {
    const statuses = await Promise.all(
      ['/none', '/%2e%2e%2f%2e%2e%2fetc/passwd', '/'].map(async (path) => (await fetch(url(path))).status),
    );
    expect(statuses).toEqual([404, 404, 404]);
  });

  test('faults are switched on and off, for one path or for all', async () => {
    server.setFault('*', { kind: 'status', status: 500 });
    expect((await fetch(url('/model'))).status).toBe(500);
    server.setFault('/model', { kind: 'none' });
    expect((await fetch(url('/model'))).status).toBe(200);
  });

  test('a truncated file breaks off, so that the client sees an error and not a short file', async () => {
    server.setFault('/model', { kind: 'truncated' });
    const response = await fetch(url('/model'));
    expect(response.headers.get('content-length')).toBe('10000');
    await expect(response.arrayBuffer()).rejects.toThrow('terminated');
  });

  test('a corrupt file has its length and one other byte', async () => {
    const right = await get('/model');
    server.setFault('/model', { kind: 'corrupt' });
    const wrong = await get('/model');
    expect(wrong.length).toBe(right.length);
    expect([...wrong].filter((byte, index) => byte !== right[index])).toHaveLength(1);
  });

  test('a slow file takes its time', async () => {
    server.setFault('/model', { kind: 'slow', bytesPerSecond: 20_000 });
    const started = performance.now();
    expect((await get('/model')).length).toBe(10_000);
    expect(performance.now() - started).toBeGreaterThan(400);
  });
});
