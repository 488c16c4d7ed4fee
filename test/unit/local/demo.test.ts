import { describe, expect, test } from '@jest/globals';
import { loadAll } from 'js-yaml';
import { parseArguments } from '../../../deploy/local/demo/arguments.ts';
import { createErrands, createTeardown, Interrupted, parseFamily } from '../../../deploy/local/demo/interruption.ts';
import { manifests, namespaceManifest, probeRow, type Serving } from '../../../deploy/local/demo/manifests.ts';
import { createNarrator, stopwatch, type Screen } from '../../../deploy/local/demo/narrator.ts';
import { describeCounts } from '../../../deploy/local/demo/users.ts';

describe('the arguments of the demo', () => {
  test('are none, or --once and --report in any order', () => {
    const run = (options: object) => ({
      kind: 'run',
      options: { once: false, report: undefined, only: undefined, cluster: undefined, ...options },
    });
    expect(parseArguments([])).toEqual(run({}));
    expect(parseArguments(['--report', 'a.json', '--once'])).toEqual(run({ once: true, report: 'a.json' }));
    expect(parseArguments(['--report=a.json', '--only', 'slow'])).toEqual(run({ report: 'a.json', only: 'slow' }));
    expect(parseArguments(['-h'])).toEqual({ kind: 'help' });
  });

  test('name a cluster by its context, and what of it to use', () => {
    expect(parseArguments(['--context', 'prod'])).toMatchObject({
      options: { cluster: { context: 'prod', traffic: undefined, clean: false } },
    });
    const all = ['--context=prod', '--kubeconfig=f', '--traffic=replicaShare', '--gateway=a/b', '--gateway-address=10.0.0.1:80', '--clean'];
    const images = ['--prometheus=http://p.m:9090', '--operator-image=r/p:1', '--server-image=r/m:1'];
    expect(parseArguments([...all, ...images])).toMatchObject({
      options: {
        cluster: {
          context: 'prod',
          kubeconfig: 'f',
          traffic: 'replicaShare',
          gateway: 'a/b',
          gatewayAddress: '10.0.0.1:80',
          prometheus: 'http://p.m:9090',
          operatorImage: 'r/p:1',
          serverImage: 'r/m:1',
          clean: true,
        },
      },
    });
  });

  test.each([
    [['--traffic', 'gateway'], '--traffic belongs to a cluster of your own: name its --context.'],
    [['--clean'], '--clean belongs to a cluster of your own'],
    [['--context', 'a', '--traffic', 'mesh'], '--traffic must be gateway or replicaShare, not "mesh".'],
    [['--context', 'a', '--gateway', 'eg'], '--gateway must be NAMESPACE/NAME, not "eg".'],
    [['--context', 'a', '--gateway-address', 'eg'], '--gateway-address must be HOST:PORT'],
    [['--context', 'a', '--prometheus', 'p:9090'], '--prometheus must be none, or an address such as'],
    [['--context', ''], '--context needs a value.'],
    [['--only', 'worse'], '--only must be one of better, failing, slow, refused'],
  ])('%j is refused: %s', (argv, message) => {
    expect(parseArguments(argv)).toMatchObject({ kind: 'refused', message: expect.stringContaining(message) as unknown });
  });

  test.each([[['--twice']], [['fast']], [['--report']], [['--report', '']], [['--once=yes']]])('%j is refused, with the usage', (argv) => {
    const parsed = parseArguments(argv);
    expect(parsed.kind).toBe('refused');
    expect(parsed).toHaveProperty('message', expect.stringMatching(/\nUsage: npm run demo/));
  });
});

describe('the manifests of the demo', () => {
  const rows = [Array.from({ length: 64 }, () => 13), Array.from({ length: 64 }, (_, i) => (i === 20 ? 12 : 3))];
  const local: Serving = {
    traffic: { kind: 'gateway', gateway: { namespace: 'default', name: 'eg' } },
    evidence: true,
    intervalSeconds: 5,
    image: 'images.local/mlserver:1',
    imagePullPolicy: 'Never',
    versions: ['v1', 'v2'],
  };
  const objectsOf = (serving: Serving) =>
    manifests(serving, (path) => `http://10.0.0.1:80${path}`, rows).flatMap(({ text }) => loadAll(text) as Record<string, never>[]);
  const objects = objectsOf(local);

  test('are YAML: all versions, the probe, and last the deployment of the first version', () => {
    expect(objects.map(({ kind }) => kind)).toEqual([
      'ModelVersion',
      'ModelVersion',
      'ConfigMap',
      'BackendTrafficPolicy',
      'ModelDeployment',
    ]);
    expect(objects.at(-1)).toMatchObject({
      spec: {
        model: 'digits',
        version: 'v1',
        replicas: 2,
        traffic: { gateway: { parentRefs: [{ name: 'eg', namespace: 'default' }] } },
        analysis: { interval: '5s', checks: [{ name: 'errors' }, { name: 'latency' }] },
      },
    });
    expect(objects[0]).toMatchObject({
      metadata: { name: 'digits-v1' },
      spec: { source: { http: { url: 'http://10.0.0.1:80/v1/model.joblib' } } },
    });
  });

  test('without a gateway and without metrics share by pods and check nothing', () => {
    const others = objectsOf({
      ...local,
      traffic: { kind: 'replicaShare' },
      evidence: false,
      intervalSeconds: 30,
      imagePullPolicy: 'IfNotPresent',
    });
    expect(others.map(({ kind }) => kind)).not.toContain('BackendTrafficPolicy');
    expect(others.at(-1)).toMatchObject({
      spec: {
        replicas: 3,
        runtime: { template: { spec: { containers: [{ image: 'images.local/mlserver:1', imagePullPolicy: 'IfNotPresent' }] } } },
        traffic: { replicaShare: {}, drain: '10s' },
        analysis: { interval: '30s', checks: [] },
      },
    });
  });

  test('begin with a namespace under Pod Security, with labels if there are some', () => {
    expect(loadAll(namespaceManifest({ 'plimsoll.dev/demo': 'context' }).text)).toEqual([
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'plimsoll-demo', labels: { 'pod-security.kubernetes.io/enforce': 'restricted', 'plimsoll.dev/demo': 'context' } },
      },
    ]);
  });

  test('ask in the probe for a row that every version can answer', () => {
    const { data } = objects.at(-3) as unknown as { data: Record<string, string> };
    expect(JSON.parse(data['row.json'] ?? '')).toEqual({ inputs: [{ name: 'predict', shape: [1, 64], datatype: 'FP64', data: rows[1] }] });
    expect(() => probeRow(rows.slice(0, 1))).toThrow('which the probe needs');
  });
});

describe('the narrator', () => {
  const narrate = (more: Partial<Screen>) => {
    const written: string[] = [];
    let time = 1000;
    const narrator = createNarrator(
      { write: (text) => written.push(text), isTerminal: true, colours: false, columns: () => 20, ...more },
      () => time,
    );
    return {
      narrator,
      written,
      pass: (milliseconds: number) => {
        time += milliseconds;
      },
    };
  };

  test('writes lines with the time since the start, and no escape sequence where there is no terminal', () => {
    const { narrator, written, pass } = narrate({ isTerminal: false });
    pass(187_000);
    narrator.live('5 %');
    narrator.tell('done', 'good');
    narrator.heading('Next');
    expect(written.join('')).toBe('  3:07  done\n\nNext\n');
  });

  test('keeps the refreshed line last on a terminal, within its width', () => {
    const { narrator, written } = narrate({});
    narrator.live('a line that is longer than the terminal');
    narrator.tell('done');
    narrator.live(undefined);
    expect(written).toEqual(['a line that is long', '\r\u001b[K  0:00  done\na line that is long', '\r\u001b[K']);
  });

  test('colours only where colours are wanted', () => {
    const { narrator, written } = narrate({ colours: true });
    narrator.tell('bad', 'bad');
    expect(written.join('')).toContain('\u001b[31mbad\u001b[39m');
  });

  test('shows minutes beyond an hour', () => {
    expect([stopwatch(59_999), stopwatch(60_000), stopwatch(3_661_000)]).toEqual(['0:59', '1:00', '61:01']);
  });
});

test('counts are told by version, and what nobody answered as such', () => {
  const answer = (revision: string, status: number, latencyMs = 1) => ({ sentAt: 0, receivedAt: 1, latencyMs, status, revision });
  const nameOf = (revision: string): string => (revision === 'aaa' ? 'v1' : 'v7');
  expect(describeCounts([answer('aaa', 200), answer('aaa', 200, 51), answer('bbb', 500), answer('', 0)], nameOf)).toBe(
    'v1 2 requests (0 failed, 1 slow), v7 1 (1 failed, 0 slow), nobody 1 (1 failed, 0 slow)',
  );
  expect(describeCounts([], nameOf)).toBe('no requests yet');
});

describe('an interruption', () => {
  test('leaves what is waited for at once, and settling waits until that has come to rest', async () => {
    const interruption = new AbortController();
    const errands = createErrands(interruption.signal);
    let finish: () => void = () => undefined;
    const work = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const waiting = errands.run(work);
    interruption.abort();
    await expect(waiting).rejects.toBeInstanceOf(Interrupted);
    expect(await errands.settle(10)).toBe(false);
    finish();
    expect(await errands.settle(1000)).toBe(true);
  });

  test('stops everything that begins afterwards', async () => {
    const interruption = new AbortController();
    interruption.abort();
    const errands = createErrands(interruption.signal);
    await expect(errands.pause(60_000)).rejects.toBeInstanceOf(Interrupted);
  });

  test('without one, results and failures come through', async () => {
    const errands = createErrands(new AbortController().signal);
    expect(await errands.run(Promise.resolve(7))).toBe(7);
    await expect(errands.run(Promise.reject(new Error('no Go')))).rejects.toThrow('no Go');
    expect(await errands.settle(0)).toBe(true);
  });

  test('takes down newest first, and one failure does not keep the rest alive', async () => {
    const teardown = createTeardown();
    const ended: string[] = [];
    teardown.add('cluster', () => ended.push('cluster'));
    teardown.add('namespace', () => Promise.reject(new Error('it hangs')));
    teardown.add('requests', () => ended.push('requests'));
    expect(await teardown.run()).toEqual(['namespace: it hangs']);
    expect(ended).toEqual(['requests', 'cluster']);
    expect(await teardown.run()).toEqual([]);
  });

  test('finds parent and session of a process whatever its name', () => {
    expect(parseFamily('41 (a) b (c) S 7 41 12 0 -1 4194304')).toEqual({ parent: 7, session: 12 });
  });
});
