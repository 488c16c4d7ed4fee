// The cluster that the end-to-end tests run on: the local one, or the one that PLIMSOLL_KUBECONFIG names.

import { kubeconfigPath, kubectl as localKubectl } from '../../deploy/local/cluster/index.ts';
import { accessTo, kubectlProgram } from './apiAccess.ts';

export type { Answer, RequestOptions } from './apiAccess.ts';

const named = process.env['PLIMSOLL_KUBECONFIG'];

/** Path of the administrator's kubeconfig. */
export function kubeconfig(): string {
  return named ?? kubeconfigPath();
}

/** See ApiAccess. */
export const { request, kubectl, createNamespace, deleteNamespace } = accessTo(
  kubeconfig(),
  named === undefined ? localKubectl : kubectlProgram(['kubectl', '--kubeconfig', named]),
);
