// Taking away what the demo made, and nothing else: everything that it makes has its label, and what it found has not.
import type { KubeObject } from '../../../../src/api/resources.ts';
import { NAMESPACE } from '../manifests.ts';
import { isOwn, nameOf, OWN_SELECTOR, readObjects } from './objects.ts';

type Kubectl = (args: readonly string[]) => Promise<string>;

/** Kinds that the demo makes outside of namespaces, in the order in which they go: the CRDs last, since the operator watches them. */
const KINDS = [
  'namespaces',
  'validatingadmissionpolicybindings.admissionregistration.k8s.io',
  'validatingadmissionpolicies.admissionregistration.k8s.io',
  'clusterrolebindings.rbac.authorization.k8s.io',
  'clusterroles.rbac.authorization.k8s.io',
  'customresourcedefinitions.apiextensions.k8s.io',
] as const;
const CRDS = KINDS[KINDS.length - 1] ?? '';
const PATIENCE = '--timeout=120s';

/** Objects of Plimsoll that are not the demo's, in a cluster whose CRDs are: deleting those would delete them too. */
export function othersObjects(objects: readonly KubeObject[]): readonly KubeObject[] {
  return objects.filter(({ metadata }) => metadata.namespace !== NAMESPACE);
}

/** Takes all of it away, and waits until it is gone. Gives sentences about what is left. */
export async function cleanUp(kubectl: Kubectl): Promise<readonly string[]> {
  const get = async (args: readonly string[]): Promise<readonly KubeObject[]> =>
    readObjects(await kubectl(['get', ...args, '--ignore-not-found', '-o', 'json']));
  if ((await get(['namespace', NAMESPACE])).some(isOwn)) await kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', PATIENCE]);
  const crds = await get([CRDS, '-l', OWN_SELECTOR]);
  if (crds.length > 0) {
    const others = othersObjects(await get([crds.map(({ metadata }) => metadata.name).join(','), '-A']));
    if (others.length > 0) {
      return [
        `somebody uses the Plimsoll that the demo installed (${others.map(nameOf).join(', ')}), so it stays; without them, --clean removes it`,
      ];
    }
  }
  for (const kind of KINDS) await kubectl(['delete', kind, '-l', OWN_SELECTOR, '--ignore-not-found', PATIENCE]);
  const left = await get([KINDS.join(','), '-l', OWN_SELECTOR]);
  return left.map((object) => `${nameOf(object)} is still there`);
}
