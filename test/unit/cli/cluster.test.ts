import { Readable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { KubeConfig } from '@kubernetes/client-node';
import { createClusterInput, type Cluster } from '../../../src/cli/cluster.ts';
import { Refusal } from '../../../src/cli/command.ts';

function clusterOf(text: string): Cluster {
  const load = (): KubeConfig => {
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromString(text);
    return kubeConfig;
  };
  return createClusterInput(Readable.from([]), () => 0, load).cluster();
}

const kubeConfig = (cluster: string, current?: string): string => JSON.stringify({
  'clusters': [{ name: 'here', cluster: { server: 'https://127.0.0.1:1' } }],
  'users': [{ name: 'me', user: {} }],
  'contexts': [{ name: 'mine', context: { cluster, user: 'me', namespace: 'risk' } }],
  'current-context': current,
});

describe('the cluster of a kubeconfig', () => {
  test('has the namespace of its context', () => {
    expect(clusterOf(kubeConfig('here', 'mine')).namespace).toBe('risk');
  });

  test.each([
    ['without contexts', '{}'],
    ['without a current context', kubeConfig('here')],
    ['whose current context is not there', kubeConfig('here', 'yours')],
    ['whose cluster is not there', kubeConfig('there', 'mine')],
  ])('%s is refused in a sentence', (_, text) => {
    expect(() => clusterOf(text)).toThrow(
      new Refusal('the kubeconfig has no current context, or one without a cluster; kubectl config use-context sets it'),
    );
  });

  test('that cannot be read is refused in one line', () => {
    expect(() => clusterOf('{')).toThrow(Refusal);
    expect(() => clusterOf('{')).toThrow(/^the kubeconfig cannot be read: .+; KUBECONFIG names its file, as for kubectl$/);
  });
});
