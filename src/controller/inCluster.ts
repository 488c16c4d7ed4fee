// How a pod reaches the API server of its cluster: by the service account that the kubelet puts into it.
//
// @kubernetes/client-node can do this too, but brings the whole Kubernetes API with it: a thousand modules, a quarter of the memory.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent } from 'undici';

import type { ClusterConfig } from './credentials.ts';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** `server` is the API server's URL. The token and the authority are read from `folder` again each time: both are rotated. */
export function inClusterConfig(server: string, folder = ACCOUNT): ClusterConfig {
  let known = '';
  let agent = new Agent();
  return {
    getCurrentCluster: () => ({ server }),
    applySecurityAuthentication: async (to) => {
      const token = await readFile(join(folder, 'token'), 'utf8');
      const authority = await readFile(join(folder, 'ca.crt'), 'utf8');
      // One pool of connections for as long as the authority is the same.
      if (authority !== known) agent = new Agent({ connect: { ca: authority } });
      known = authority;
      to.setHeaderParam('Authorization', `Bearer ${token.trim()}`);
      to.setDispatcher(agent);
    },
  };
}
