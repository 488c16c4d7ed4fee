// What the kubeconfig says about the server, who we are and whom to trust, read again before it grows old.

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
 * Credentials for the current cluster of `kubeConfig`; throws when there is none. They are kept for a while, since the library
 * makes a new connection pool on each reading: a pool for each request would mean a TLS handshake for each request.
 */
export function createCredentials(kubeConfig: KubeConfig, clock: Clock): CredentialSource {
  const cluster = kubeConfig.getCurrentCluster();
  if (cluster === null) throw new Error('The kubeconfig has no current cluster; set current-context in it.');
  let current: { readonly until: number; readonly value: Promise<Credentials> } | undefined;

  const load = async (): Promise<Credentials> => {
    const context = new RequestContext(cluster.server, 'GET');
    await kubeConfig.applySecurityAuthentication(context);
    const dispatcher = context.getDispatcher();
    return {
      server: cluster.server,
      headers: context.getHeaders(),
      dispatcher: dispatcher === undefined ? undefined : plainHttp(dispatcher),
    };
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
    },
  };
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
