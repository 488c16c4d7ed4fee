// Whether the cluster's nodes can run the demo's pods: their kind of processor, and the images, which no registry has.
import type { KubeObject } from '../../../../src/api/resources.ts';

interface Node extends KubeObject {
  readonly spec?: {
    readonly unschedulable?: boolean;
    readonly providerID?: string;
    readonly taints?: readonly { readonly effect: string }[];
  };
  readonly status?: {
    readonly nodeInfo?: { readonly architecture?: string; readonly operatingSystem?: string };
    readonly images?: readonly { readonly names?: readonly string[] | null }[];
  };
}

/** kubelet names so many images at most (nodeStatusMaxImages), the largest. */
const NAMED_AT_MOST = 50;

/** Nodes that pods without tolerations can come to. */
function usable(nodes: readonly KubeObject[]): readonly Node[] {
  return (nodes as readonly Node[]).filter(
    ({ spec }) =>
      spec?.unschedulable !== true && !(spec?.taints ?? []).some(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute'),
  );
}

/** Why these nodes cannot run the demo, in sentences. */
export function nodeProblems(nodes: readonly KubeObject[]): readonly string[] {
  const open = usable(nodes);
  if (open.length === 0) return ['No node takes pods: all are cordoned or tainted.'];
  return open.flatMap(({ metadata, status }) => {
    const { operatingSystem = '', architecture = '' } = status?.nodeInfo ?? {};
    return operatingSystem === 'linux' && architecture === 'amd64'
      ? []
      : [`Node ${metadata.name} is ${operatingSystem}/${architecture}, and the images are for linux/amd64 only; cordon it for the demo.`];
  });
}

/** Images that a node certainly lacks, with the names of those nodes. A node that names as many images as it can may have more. */
export function missingImages(nodes: readonly KubeObject[], references: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const missing = new Map<string, readonly string[]>();
  for (const reference of references) {
    const lacking = usable(nodes).filter(({ status }) => {
      const images = status?.images ?? [];
      return images.length < NAMED_AT_MOST && !images.some(({ names }) => names?.includes(reference) === true);
    });
    if (lacking.length > 0)
      missing.set(
        reference,
        lacking.map(({ metadata }) => metadata.name),
      );
  }
  return missing;
}

/** The command that loads an archive into every node, by what kind of cluster this looks like. */
export function loadCommand(nodes: readonly KubeObject[], archive: string): string {
  const first = (nodes as readonly Node[])[0];
  const name = first?.metadata.name ?? '';
  const provider = first?.spec?.providerID ?? '';
  const kind = /^kind:\/\/[^/]*\/([^/]+)\//.exec(provider)?.[1];
  if (kind !== undefined) return `kind load image-archive ${archive} --name ${kind}`;
  const minikube = first?.metadata.labels?.['minikube.k8s.io/name'];
  if (minikube !== undefined) return `minikube image load ${archive} --profile ${minikube}`;
  const k3d = /^k3d-(.+)-(?:server|agent)-\d+$/.exec(name)?.[1];
  if (k3d !== undefined) return `k3d image import ${archive} --cluster ${k3d}`;
  if (provider.startsWith('k3s://')) return `k3s ctr images import ${archive}     # on every node`;
  return `ctr -n k8s.io images import ${archive}     # on every node`;
}
