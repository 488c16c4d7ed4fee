import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createPrometheus } from '../../../src/metrics/prometheus.ts';
import type { Prometheus, PrometheusOptions } from '../../../src/metrics/prometheus.ts';
import { readValue } from '../../../src/metrics/value.ts';
import { findQueryProblem } from '../../../src/metrics/trial.ts';
import { makeCertificates, type Certificates } from '../../support/certificates.ts';
import { always, HOSTILE, startFakePrometheus } from '../../support/prometheus.ts';
import type { FakePrometheus } from '../../support/prometheus.ts';

let fake: FakePrometheus;
const opened: Prometheus[] = [];

function connect(options: Partial<PrometheusOptions> = {}): Prometheus {
  const prometheus = createPrometheus({ url: fake.url, now: () => performance.now(), timeoutMs: 300, ...options });
  opened.push(prometheus);
  return prometheus;
}

beforeAll(async () => {
  fake = await startFakePrometheus();
});

beforeEach(() => {
  fake.reset();
  fake.asked.length = 0;
});

afterAll(async () => {
  for (const prometheus of opened) prometheus.close();
  await fake.stop();
});

describe('questions', () => {
  test('an instant query is a POST form with the time to the millisecond', async () => {
    fake.answer('up', always({ labels: { job: 'envoy' }, value: 1.5 }));
    const result = await connect().instant('up{a="ä+&"}', 1_700_000_000_123);
    expect(fake.asked).toMatchObject([{ path: '/api/v1/query', method: 'POST', query: 'up{a="ä+&"}', startMs: 1_700_000_000_123 }]);
    const points = [{ atMs: 1_700_000_000_123, value: 1.5 }];
    expect(result).toEqual({ ok: true, type: 'vector', series: [{ labels: { job: 'envoy' }, points }] });
  });

  test('a range query gives every point of the grid', async () => {
    fake.answer('x', { kind: 'samples', at: (atMs) => [{ labels: {}, value: atMs / 1000 }] });
    const result = await connect().range('x', 10_000, 20_000, 5_000);
    const points = [10_000, 15_000, 20_000].map((atMs) => ({ atMs, value: atMs / 1000 }));
    expect(result).toEqual({ ok: true, type: 'matrix', series: [{ labels: {}, points }] });
  });

  test('a path in the URL is kept, and the token file is read anew for each request', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'prometheus-'));
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 'first\n');
    const prometheus = connect({ url: `${fake.url}/tenant/prometheus`, tokenFile, headers: { 'X-Scope-OrgID': 'team-a' } });
    await prometheus.instant('x', 0);
    await writeFile(tokenFile, 'second\n');
    await prometheus.instant('x', 0);
    await rm(folder, { recursive: true });
    expect(fake.asked.map((one) => one.headers.authorization)).toEqual(['Bearer first', 'Bearer second']);
    expect(fake.asked[0]?.headers['x-scope-orgid']).toBe('team-a');
    expect(fake.asked[0]?.url).toBe('/tenant/prometheus/api/v1/query');
    const gone = await prometheus.instant('x', 0);
    expect(gone).toMatchObject({ ok: false, reason: 'unreachable' });
    expect(gone).toHaveProperty('sentence', expect.stringContaining(tokenFile));
  });

  test('a URL that is no HTTP is a mistake in the settings and is thrown', () => {
    expect(() => connect({ url: 'ftp://prometheus' })).toThrow('ftp://prometheus');
  });
});

describe('a server that demands a certificate', () => {
  let folder: string;
  let pki: Certificates;
  let server: https.Server;
  let url: string;
  const files = (): { readonly caFile: string; readonly certFile: string; readonly keyFile: string } => ({
    caFile: join(folder, 'ca.pem'),
    certFile: join(folder, 'cert.pem'),
    keyFile: join(folder, 'key.pem'),
  });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'prometheus-tls-'));
    pki = await makeCertificates(folder);
    const identity = { ca: pki.ca, cert: pki.server.certificate, key: pki.server.key };
    server = https.createServer({ ...identity, requestCert: true, rejectUnauthorized: true }, (request, response) => {
      const { socket } = request;
      const who = socket instanceof TLSSocket ? socket.getPeerCertificate().subject.CN : 'nobody';
      const data = { resultType: 'vector', result: [{ metric: { who }, value: [1, '1'] }] };
      response.end(JSON.stringify({ status: 'success', data }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `https://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  }, 60_000);

  beforeEach(async () => {
    await writeFile(files().caFile, pki.ca);
    await writeFile(files().certFile, pki.client.certificate);
    await writeFile(files().keyFile, pki.client.key);
  });

  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });

  test('gets the one of the files', async () => {
    const result = await connect({ url, ...files() }).instant('x', 0);
    expect(result).toMatchObject({ ok: true, series: [{ labels: { who: 'client' } }] });
  });

  test('gets another one as soon as the files hold it', async () => {
    const prometheus = connect({ url, ...files() });
    await prometheus.instant('x', 0);
    await writeFile(files().certFile, pki.server.certificate);
    await writeFile(files().keyFile, pki.server.key);
    // Its use is not that of a client: the server takes none but such.
    expect(await prometheus.instant('x', 0)).toMatchObject({ ok: false, reason: 'unreachable' });
    await writeFile(files().certFile, pki.client.certificate);
    await writeFile(files().keyFile, pki.client.key);
    expect(await prometheus.instant('x', 0)).toMatchObject({ ok: true, series: [{ labels: { who: 'client' } }] });
  });

  test.each([
    ['without a certificate', () => ({ caFile: files().caFile }), /cannot be asked: /],
    ['without its authority', () => ({ certFile: files().certFile, keyFile: files().keyFile }), /certificate/],
    ['with a file that is not there', () => ({ ...files(), keyFile: '/nowhere/key.pem' }), /\/nowhere\/key\.pem/],
  ])('is not reached %s, which is a sentence', async (_, options, sentence) => {
    const result = await connect({ url, ...options() }).instant('x', 0);
    expect(result).toMatchObject({ ok: false, reason: 'unreachable' });
    expect(result).toHaveProperty('sentence', expect.stringMatching(sentence));
    expect(JSON.stringify(result)).not.toContain('PRIVATE KEY');
  });
});

describe('what others than Prometheus need', () => {
  test('is sent along: no answer with stores left out, no times moved into the grid of a cache', async () => {
    await connect({ headers: { 'X-Scope-OrgID': 'team-a|team-b' } }).range('x', 0, 10_000, 5_000);
    expect(fake.asked[0]?.headers['x-scope-orgid']).toBe('team-a|team-b');
    expect(fake.asked[0]?.form).toMatchObject({ partial_response: 'false', nocache: '1', latency_offset: '1ms', timeout: '300ms' });
  });
});

describe('answers that are no data', () => {
  test.each(Object.entries(HOSTILE))('%s gives no value but a sentence', async (_, answer) => {
    fake.answer('x', answer);
    const reading = await readValue(connect(), { fromMs: 5_000, toMs: 5_000, stepMs: 0 }, 'x');
    expect(reading.ticks.every((tick) => tick.value === null)).toBe(true);
    expect(reading.problem).toMatch(/^[A-Z].*\.$/);
  });

  test('a scalar and a vector with one element are values', async () => {
    fake.answer('scalar', { kind: 'scalar', at: () => 3 });
    fake.answer('vector', always({ labels: { a: 'b' }, value: 0 }));
    const at = { fromMs: 5_000, toMs: 5_000, stepMs: 0 };
    expect(await readValue(connect(), at, 'scalar')).toEqual({ ticks: [{ atMs: 5_000, stable: null, candidate: null, value: 3 }] });
    expect((await readValue(connect(), at, 'vector')).ticks[0]?.value).toBe(0);
    const span = { fromMs: 5_000, toMs: 10_000, stepMs: 5_000 };
    expect((await readValue(connect(), span, 'scalar')).ticks.map((tick) => tick.value)).toEqual([3, 3]);
  });

  test('an answer over the limit is dropped without being read to its end', async () => {
    fake.answer('x', always(...Array.from({ length: 5_000 }, (_, i) => ({ labels: { i: String(i) }, value: i }))));
    expect(await connect({ maxBytes: 10_000 }).instant('x', 0)).toMatchObject({ ok: false, reason: 'tooLarge' });
  });

  test('sentences repeat what Prometheus said about the query', async () => {
    const text = '{"status":"error","errorType":"bad_data","error":"1:5: parse error: unexpected )"}';
    fake.answer('x', { kind: 'text', status: 400, text });
    expect(await connect().instant('x', 0)).toEqual({
      ok: false,
      reason: 'unreadable',
      sentence: 'Prometheus answered 400: 1:5: parse error: unexpected ).',
    });
  });
});

describe('a query that is tried before anything depends on it', () => {
  test('is found out when Prometheus cannot parse it, or when it gives a range', async () => {
    const text =
      '{"status":"error","errorType":"bad_data","error":"invalid parameter \\"query\\": 1:10: parse error: unclosed left parenthesis"}';
    fake.answer('sum(rate(', { kind: 'text', status: 400, text });
    const matrix = '{"status":"success","data":{"resultType":"matrix","result":[]}}';
    fake.answer('up[1m]', { kind: 'text', status: 200, text: matrix });
    expect(await findQueryProblem(connect(), 'sum(rate(', 0)).toMatch(/parse error: unclosed left parenthesis/);
    expect(await findQueryProblem(connect(), 'up[1m]', 0)).toMatch(/range vector: wrap it in a function/);
  });

  test.each(Object.entries(HOSTILE))('is let through by %s: what may pass keeps no release from starting', async (_, answer) => {
    fake.answer('x', answer);
    expect(await findQueryProblem(connect(), 'x', 0)).toBeUndefined();
  });

  test('is let through by a Prometheus that is down', async () => {
    expect(await findQueryProblem(connect({ url: 'http://127.0.0.1:1' }), 'x', 0)).toBeUndefined();
  });
});

describe('circuit breaker', () => {
  test('after three failures of the transport one request in four seconds goes through, until one works', async () => {
    let now = 0;
    const prometheus = connect({ now: () => now });
    const ask = async (): Promise<string> => {
      const result = await prometheus.instant('x', 0);
      return result.ok ? 'ok' : result.reason;
    };
    fake.answer('x', { kind: 'hangUp' });
    expect([await ask(), await ask(), await ask(), await ask()]).toEqual(['unreachable', 'unreachable', 'unreachable', 'skipped']);
    now = 4_000;
    expect(await Promise.all([ask(), ask(), ask()])).toEqual(['unreachable', 'skipped', 'skipped']);
    expect(fake.asked).toHaveLength(4);
    fake.reset();
    now = 8_000;
    expect([await ask(), await ask()]).toEqual(['ok', 'ok']);
  });

  test('a refused query says nothing about the server and never opens it', async () => {
    const prometheus = connect();
    fake.answer('x', { kind: 'text', status: 400, text: 'no' });
    for (let i = 0; i < 5; i += 1) expect(await prometheus.instant('x', 0)).toMatchObject({ reason: 'refused' });
  });

  test('no server at all is a sentence with its address', async () => {
    const result = await connect({ url: 'http://127.0.0.1:1' }).instant('x', 0);
    expect(result).toMatchObject({ ok: false, reason: 'unreachable' });
    expect(result).toHaveProperty('sentence', expect.stringContaining('127.0.0.1:1'));
  });
});
