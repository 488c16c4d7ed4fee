import { describe, expect, test } from '@jest/globals';
import { readSettings } from '../../../src/operator/settings.ts';

const ENOUGH = { PLIMSOLL_IMAGE: 'plimsoll', PLIMSOLL_PROMETHEUS_URL: 'http://prometheus:9090' };

describe('the API server', () => {
  const apiServer = (env: Readonly<Record<string, string>>): string | undefined => {
    const read = readSettings({ ...ENOUGH, ...env }, '1');
    if (!read.ok) throw new Error(read.problems.join('; '));
    return read.settings.apiServer;
  };
  const pod = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };

  test('is the one that the kubelet names, also by an IPv6 address', () => {
    expect(apiServer(pod)).toBe('https://10.96.0.1:443');
    expect(apiServer({ KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' })).toBe('https://[fd00::1]:6443');
  });

  test('is left to a kubeconfig where there is one, and outside of a cluster', () => {
    expect(apiServer({ ...pod, KUBECONFIG: '/home/me/config' })).toBeUndefined();
    expect(apiServer({})).toBeUndefined();
  });
});
