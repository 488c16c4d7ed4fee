// What the kubeconfig says about the server, who we are and whom to trust, read again before it grows old.

import { readFile } from 'node:fs/promises';

import type { KubeConfig } from '@kubernetes/client-node';
import { RequestContext } from '@kubernetes/client-node';

import type { Clock } from './clock.ts';

type Dispatcher = NonNullable<ReturnType<RequestContext['getDispatcher']>>;

export type Credentials = {
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher: Dispatcher | undefined;
};

export type CredentialSource = {
  readonly read: () => Promise<Credentials>;
  /** The next read is a fresh one: after a 401, or when the connection failed. */
  readonly forget: () => void;
};

/** Tokens and certificates on disk rotate; the kubeconfig library itself looks at a token file once a minute. */
const credentialsLiveMs = 30_000;

/**
 * Credentials for the current cluster of `kubeConfig`; throws when there is none. They are kept for a while. The library makes a new pool of
 * connections on each reading; the one that is there is kept for as long as it would be made from the same, so that its connections and
 * TLS sessions last.
 */
export function createCredentials(kubeConfig: KubeConfig, clock: Clock): CredentialSource {
  const cluster = kubeConfig.getCurrentCluster();
  if (cluster === null) throw new Error('The kubeconfig has no current cluster; set current-context in it.');
  let pool: { readonly madeFrom: string; readonly dispatcher: Dispatcher } | undefined;
  let current: { readonly until: number; readonly value: Promise<Credentials> } | undefined;

  const load = async (): Promise<Credentials> => {
    const context = new RequestContext(cluster.server, 'GET');
    await kubeConfig.applySecurityAuthentication(context);
    const made = context.getDispatcher();
    const madeFrom = await identityOf(kubeConfig);
    if (made === undefined) pool = undefined;
    else if (madeFrom === undefined || madeFrom !== pool?.madeFrom) pool = { madeFrom: madeFrom ?? '', dispatcher: plainHttp(made) };
    return { server: cluster.server, headers: context.getHeaders(), dispatcher: pool?.dispatcher };
  };

  return {
    read: () => {
      if (current === undefined || clock.monotonic() >= current.until) {
        current = { until: clock.monotonic() + credentialsLiveMs, value: load() };
        const mine = current;
        mine.value.catch(() => {
          if (current === mine) current = undefined;
        });
      }
      return current.value;
    },
    forget: () => {
      current = undefined;
      pool = undefined;
    },
  };
}

/** All that a pool of connections is made from: whom it trusts, and what it shows. Undefined where a plugin may show something else each time. */
async function identityOf(kubeConfig: KubeConfig): Promise<string | undefined> {
  const [cluster, user] = [kubeConfig.getCurrentCluster(), kubeConfig.getCurrentUser()];
  const provider = (user?.authProvider as { readonly name?: string } | undefined)?.name;
  if (user?.exec !== undefined || (provider !== undefined && provider !== 'tokenFile')) return undefined;
  const read = async (path: string | undefined): Promise<string> => (path === undefined ? '' : await readFile(path, 'utf8'));
  const files = [cluster?.caFile, user?.certFile, user?.keyFile].map(read);
  const { caData, skipTLSVerify, tlsServerName, proxyUrl } = cluster ?? {};
  return JSON.stringify([caData, skipTLSVerify, tlsServerName, proxyUrl, user?.certData, user?.keyData, ...(await Promise.all(files))]);
}

/**
 * HTTP/1.1, a connection for each request in flight: over HTTP/2 all watches and writes would share one connection and die together.
 * undici's own timeouts are minutes long and would end quiet watches; the deadlines of this file take their place.
 */
function plainHttp(dispatcher: Dispatcher): Dispatcher {
  return dispatcher.compose((dispatch) => (options, handler) => {
    const own = { ...options, allowH2: false, headersTimeout: 0, bodyTimeout: 0 };
    return dispatch(own, handler);
  });
}
