import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Programs } from '../../../deploy/local/cluster/build.ts';
import { COMPONENTS, components, fingerprintOf } from '../../../deploy/local/cluster/components.ts';
import { waitUntil } from '../../../deploy/local/cluster/health.ts';
import { GATEWAY_PORTS, PORTS, type Settings } from '../../../deploy/local/cluster/settings.ts';

const programs: Programs = {
  kube: '/c/kube-1/kube', containerd: '/c/cri-1', envoyGateway: '/c/gw-1/envoy-gateway', prometheus: '/c/prom-1/prometheus',
  promtool: '/c/prom-1/promtool', coredns: '/c/dns-1/coredns', envoy: '/c/envoy-1/envoy', crds: '/c/crds-1', images: [],
};

describe('components of the local cluster', () => {
  let settings: Settings;
  beforeEach(() => {
    const state = mkdtempSync(join(tmpdir(), 'plimsoll-components-'));
    mkdirSync(join(state, 'conf'));
    settings = { state, cache: '/c', lock: '/l', nodeAddress: '192.0.2.7' };
  });
  afterEach(() => rmSync(settings.state, { recursive: true }));
  const fingerprint = (name: (typeof COMPONENTS)[number], more: Partial<Programs> = {}): string =>
    fingerprintOf(settings.state, components(settings, { ...programs, ...more })[name]);

  test('each port of the settings is the port of exactly one component', () => {
    const ports = COMPONENTS.flatMap((name) => components(settings, programs)[name].ports);
    expect([...ports].sort()).toEqual([...Object.values(PORTS), ...Object.values(GATEWAY_PORTS)].sort());
  });

  test('a new build of a program changes the components that run it, and no other', () => {
    const changed = COMPONENTS.filter((name) => fingerprint(name, { kube: '/c/kube-2/kube' }) !== fingerprint(name));
    expect(changed).toEqual(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy']);
  });

  test('a changed file changes the component that reads it only when it starts', () => {
    const before = fingerprint('kubelet');
    writeFileSync(join(settings.state, 'conf/kubelet.yaml'), 'port: 1\n');
    expect(fingerprint('kubelet')).not.toBe(before);
  });

  test('a new configuration does not restart Prometheus, which reads it again while it runs', () => {
    const before = fingerprint('prometheus');
    writeFileSync(join(settings.state, 'conf/prometheus.yml'), 'global: {}\n');
    expect(fingerprint('prometheus')).toBe(before);
  });
});

describe('waiting for a process', () => {
  test('it ends as soon as the process is well', async () => {
    const answers = ['fails: refused', 'ok'];
    await waitUntil('x', 60, () => Promise.resolve(answers.shift() ?? 'asked too often'), 'see the log');
    expect(answers).toEqual([]);
  });

  test('it does not go on for a process that has ended', async () => {
    const wait = waitUntil('x', 60, () => Promise.resolve('fails: refused'), 'see /logs/x.log', () => true);
    await expect(wait).rejects.toThrow('x ended while it was starting: see /logs/x.log');
  });

  test('when its time is over it says what was answered last', async () => {
    const wait = waitUntil('x', 0, () => Promise.resolve('answers 503'), 'see /logs/x.log');
    await expect(wait).rejects.toThrow('x is not ready after 0 s (answers 503): see /logs/x.log');
  });
});
