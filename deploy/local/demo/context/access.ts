// A context of the person's own kubeconfig: where it leads, and kubectl and a client that go there and nowhere else.
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { run } from '../../cluster/run.ts';
import { DemoError } from '../failure.ts';

export interface Access {
  readonly context: string;
  /** Address of the API server. */
  readonly server: string;
  readonly config: KubeConfig;
  /** Runs kubectl from PATH and gives its standard output. */
  readonly kubectl: (args: readonly string[], input?: string) => Promise<string>;
  /** The arguments that lead kubectl to this cluster. */
  readonly command: readonly string[];
}

export function openAccess(context: string, kubeconfig: string | undefined, env: NodeJS.ProcessEnv): Access {
  const files = kubeconfigFiles(kubeconfig, env);
  if (!files.some((file) => existsSync(file))) {
    throw new DemoError(`There is no kubeconfig (${files.join(', ')}): give one by --kubeconfig FILE or the variable KUBECONFIG.`);
  }
  const config = load(files);
  const found = config.getContextObject(context);
  if (found === null) {
    const names = config.getContexts().map(({ name }) => name);
    throw new DemoError(
      `Context ${context} is not in ${files.join(', ')}, which ${names.length === 0 ? 'has none' : `has ${names.join(', ')}`}.`,
    );
  }
  config.setCurrentContext(context);
  const server = config.getCurrentCluster()?.server;
  if (server === undefined)
    throw new DemoError(`Context ${context} names the cluster ${found.cluster}, which is not in ${files.join(', ')}.`);
  const command = [...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]), '--context', context];
  return {
    context,
    server,
    config,
    command,
    kubectl: async (args, input) => await run(['kubectl', ...command, ...args], input === undefined ? { env } : { env, input }),
  };
}

/** As kubectl looks for them. */
export function kubeconfigFiles(kubeconfig: string | undefined, env: NodeJS.ProcessEnv): readonly string[] {
  if (kubeconfig !== undefined) return [kubeconfig];
  const named = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  return named.length > 0 ? named : [join(homedir(), '.kube/config')];
}

function load(files: readonly string[]): KubeConfig {
  const [first = '', ...others] = files.filter((file) => existsSync(file));
  try {
    const config = new KubeConfig();
    config.loadFromFile(first);
    for (const file of others) {
      const more = new KubeConfig();
      more.loadFromFile(file);
      config.mergeConfig(more);
    }
    return config;
  } catch (error) {
    throw new DemoError(`The kubeconfig ${files.join(', ')} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
