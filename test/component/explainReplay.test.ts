// Releases that the simulated world has had, their records in an API server and their counters in a Prometheus: explained, and judged again.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { ModelDeployment } from '../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../src/api/generated/modelrelease.ts';
import { RESOURCE } from '../../src/api/resources.ts';
import { createClusterInput, type ClusterInput } from '../../src/cli/cluster.ts';
import { runClusterCommand, type ClusterCommandName } from '../../src/cli/clusterCommands.ts';
import { startApiServer, type FakeApiServer } from '../support/apiServer.ts';
import type { StoredObject } from '../support/apiStore.ts';
import { startFakePrometheus, type FakePrometheus } from '../support/prometheus.ts';
import { answerTruth, createMeasuring, scraped, type Measuring } from '../support/world/measuring.ts';
import { NAME, NAMESPACE } from '../support/world/objects.ts';
import { createWorld, type World } from '../support/world.ts';

jest.setTimeout(60_000);

const main = resolve(import.meta.dirname, '../../src/main.ts');
const folder = mkdtempSync(join(tmpdir(), 'plimsoll-replay-'));
const measuring: Measuring[] = [];
let fake: FakePrometheus;
let server: FakeApiServer;
let world: World;
let madeMs = 0;

/** Version 2 is promoted, 3 rolled back, 4 promoted and kept beside 2 for a while, and 5 is under way. */
beforeAll(async () => {
  [fake, server] = await Promise.all([startFakePrometheus(), startApiServer(() => madeMs)]);
  world = createWorld({
    measuring: (nowMs) => {
      const one = createMeasuring(fake.url, nowMs);
      measuring.push(one);
      return one;
    },
  });
  answerTruth(fake, scraped(world.gateway, 50));
  world.serve('1');
  await world.run(60_000);
  await released('2');
  world.behave('3', { errorRate: 0.3 });
  await released('3');
  world.edit({ rollout: { steps: [{ weight: 50, hold: '1m' }], keepPrevious: { for: '2m' } } });
  await released('4');
  world.release('5');
  await world.until(() => world.newest().status?.phase === 'Holding');
  await world.run(45_000);
  [...world.releases, world.deployment].forEach(keep);
});

afterAll(async () => {
  measuring.forEach((one) => one.stop());
  await Promise.all([fake.stop(), server.close()]);
  rmSync(folder, { recursive: true, force: true });
});

/** Puts an object into the API server as if that had made it at its time. */
function keep(object: ModelRelease | ModelDeployment): void {
  madeMs = Date.parse(object.metadata.creationTimestamp ?? '');
  server.put(object as unknown as StoredObject);
}

async function released(version: string): Promise<void> {
  const before = world.releases.length;
  world.release(version);
  await world.until(() => world.releases.length > before && world.newest().status?.finishedAt !== undefined);
  await world.run(60_000);
}

function input(): ClusterInput {
  return createClusterInput(Readable.from([]), () => world.now, () => server.kubeConfig());
}

const run = (name: ClusterCommandName, ...words: readonly string[]) => runClusterCommand(name, words, input());
const replay = (name: string, ...words: readonly string[]) => run('replay', name, '-n', NAMESPACE, '--prometheus', fake.url, ...words);
const nameOf = (version: string): string => world.releases.findLast(({ spec }) => spec.to.version === version)?.metadata.name ?? '';

describe('plimsoll replay', () => {
  test.each([
    ['a promoted release', '2', 'Promoted', 'errors: agrees\n  both: Pass. candidate '],
    ['one that was rolled back', '3', 'RolledBack', 'errors: agrees\n  both: Fail. candidate '],
    ['one that was watched after its promotion', '4', 'Promoted', 'latency: agrees\n'],
    ['one that runs', '5', 'runs (Holding)', 'errors: agrees\n'],
  ])('of %s comes to the verdicts of its record', async (_, version, end, said) => {
    const { text: told, code, complaint } = await replay(nameOf(version));
    expect([code, complaint]).toEqual([0, '']);
    expect(told).toContain(`Release ${nameOf(version)}: version ${version} `);
    expect(told).toContain(end);
    expect(told).toContain(said);
    expect(told).toContain('\nThe verdicts agree with the record.\n');
    expect(told.split('\n').every((line) => line.length <= 100)).toBe(true);
  });

  test('of what was saved needs neither the cluster nor Prometheus', async () => {
    const file = join(folder, 'rows.json');
    const first = await replay(nameOf('3'), '--save', file);
    const nowhere: ClusterInput = { ...input(), cluster: () => { throw new Error('the cluster was asked'); } };
    const asked = fake.asked.length;
    expect(await runClusterCommand('replay', [nameOf('3'), '--rows', file], nowhere)).toEqual(first);
    expect(fake.asked).toHaveLength(asked);
  });

  test('says which verdict is another one, with both sentences, and ends with 1', async () => {
    const file = join(folder, 'rows.json');
    await replay(nameOf('3'), '--save', file);
    const stored = JSON.parse(readFileSync(file, 'utf8')) as { recorded: { name: string; verdict: string }[] };
    stored.recorded = stored.recorded.map((one) => (one.name === 'errors' ? { ...one, verdict: 'Pass' } : one));
    writeFileSync(file, JSON.stringify(stored));
    const { text: told, code } = await run('replay', nameOf('3'), '--rows', file);
    expect(code).toBe(1);
    expect(told).toMatch(/\nerrors: DIFFERS\n {2}replayed: Fail\. candidate [^]*\n {2}recorded: Pass\. candidate /);
    expect(told).toContain('\nThe verdicts differ from the record: errors.\n');
    const json = await run('replay', nameOf('3'), '--rows', file, '--json');
    expect(JSON.parse(json.text)).toMatchObject({ release: nameOf('3'), agrees: false, checks: [{ name: 'errors', replayed: { verdict: 'Fail' }, recorded: { verdict: 'Pass' } }, {}] });
  });

  test('says why it cannot be said, and ends with 2', async () => {
    const first = world.releases[0]?.metadata.name ?? '';
    const name = nameOf('3');
    const said = async (...words: readonly string[]): Promise<string> => {
      const { text: told, code, complaint } = await run('replay', ...words);
      expect([told, code]).toEqual(['', 2]);
      return complaint;
    };
    const at = ['-n', NAMESPACE, '--prometheus', fake.url];
    expect(await said()).toBe('plimsoll replay: 0 releases are named; name one, as kubectl get mrel shows them\n');
    expect(await said(name)).toContain('give either --prometheus URL or --rows FILE.json');
    expect(await said(name, '--prometheus', 'ftp://x', '-n', NAMESPACE)).toContain("--prometheus is 'ftp://x': write an address");
    expect(await said('nobody', ...at)).toContain("there is no ModelRelease 'nobody' in namespace");
    expect(await said(first, ...at)).toContain('has no span of time whose metrics count');
    expect(await said(name, '-n', NAMESPACE, '--prometheus', 'http://127.0.0.1:1')).toMatch(/Prometheus has nothing of this release\. .*127\.0\.0\.1:1/);
    expect(await said(name, '--rows', join(folder, 'missing.json'))).toContain("missing.json' cannot be read");
    expect(await said(name, '--stable-slot', 'c', ...at)).toContain("--stable-slot is 'c': write a or b");
    server.inject({ verb: 'get', resource: RESOURCE.modelRelease.plural, status: 403 });
    expect(await said(name, ...at)).toContain('403');
  });

  test('asks for the slot where records are missing in between, and does with it what it does without', async () => {
    const gone = world.releases.find(({ spec }) => spec.to.version === '4') as ModelRelease;
    server.remove(gone.apiVersion, RESOURCE.modelRelease.plural, NAMESPACE, gone.metadata.name);
    const refused = await replay(nameOf('3'));
    const given = await replay(nameOf('3'), '--stable-slot', 'b');
    const wrong = await replay(nameOf('3'), '--stable-slot', 'a');
    keep(gone);
    expect(refused.complaint).toContain('records of later releases are gone; try --stable-slot a, then b');
    expect(given).toEqual(await replay(nameOf('3')));
    expect(wrong.code).toBe(1);
  });
});

describe('plimsoll explain', () => {
  test('with Prometheus says how long the evidence takes', async () => {
    const without = await run('explain', NAME, '-n', NAMESPACE);
    expect(without).toMatchObject({ code: 0, complaint: '' });
    const { text: told } = await run('explain', NAME, '-n', NAMESPACE, '--prometheus', fake.url);
    const [, evidence = ''] = /\nEvidence\n([^]*?)\n\n/.exec(told) ?? [];
    expect(evidence.replaceAll(/\s+/g, ' ')).toMatch(/^ at \d+ requests\/s: 100 requests at 50 % take 2s; a candidate that is no different is certified after about \d+s at 50 %$/);
    expect(told).toMatch(/\nChecks\n {2}errors: Pass\. candidate /);
    expect(without.text).toMatch(/\nChecks\n {2}errors: Pass since 2026-11-24T/);
  });

  test('says why it cannot', async () => {
    expect(await run('explain', 'nobody', '-n', NAMESPACE)).toEqual({
      text: '',
      code: 2,
      complaint: `plimsoll explain: there is no ModelDeployment 'nobody' in namespace '${NAMESPACE}'; -n names another one\n`,
    });
    expect((await run('explain', NAME, '--json')).complaint).toContain('kubectl get mdep,mrel -o json');
    expect((await run('explain')).complaint).toContain('0 ModelDeployments are named; name one');
    const unreachable = await run('explain', NAME, '-n', NAMESPACE, '--prometheus', 'http://127.0.0.1:1');
    expect(unreachable.text.replaceAll(/\s+/g, ' ')).toContain('Evidence nothing can be said: Prometheus at 127.0.0.1:1 cannot be asked');
  });

  test('is a program of its own, which finds the cluster as kubectl does', async () => {
    const kubeconfig = join(folder, 'kubeconfig');
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        'apiVersion': 'v1',
        'kind': 'Config',
        'clusters': [{ name: 'fake', cluster: { server: server.url, 'insecure-skip-tls-verify': true } }],
        'users': [{ name: 'tester', user: {} }],
        'contexts': [{ name: 'fake', context: { cluster: 'fake', user: 'tester', namespace: NAMESPACE } }],
        'current-context': 'fake',
      }),
    );
    const child = spawn(process.execPath, [main, 'explain', NAME], { env: { KUBECONFIG: kubeconfig }, stdio: ['ignore', 'pipe', 'pipe'] });
    const [told, complaints] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(complaints).toBe('');
    expect(told).toContain(`${NAME} in namespace ${NAMESPACE}: Holding, release ${nameOf('5')}\n`);
    const help = spawn(process.execPath, [main, 'replay', '--help'], { env: {}, stdio: ['ignore', 'pipe', 'pipe'] });
    expect(await text(help.stdout)).toContain('usage: plimsoll replay RELEASE');
  });
});
