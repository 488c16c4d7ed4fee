// Objects as kubectl prints them, read without trust in their shape.
import type { KubeObject } from '../../../../src/api/resources.ts';

/** What an object of the demo is known by; taken away again by it, too. */
export const OWN_LABEL = 'plimsoll.dev/demo';
export const OWN_VALUE = 'context';
export const OWN_SELECTOR = `${OWN_LABEL}=${OWN_VALUE}`;

/** The objects in what `kubectl get -o json` printed: one, a list, or nothing. */
export function readObjects(text: string): readonly KubeObject[] {
  if (text.trim() === '') return [];
  const parsed = JSON.parse(text) as KubeObject & { readonly items?: readonly KubeObject[] };
  return parsed.items ?? [parsed];
}

export function isOwn({ metadata }: KubeObject): boolean {
  return metadata.labels?.[OWN_LABEL] === OWN_VALUE;
}

/** The same object with the label of the demo. */
export function labelled<T extends KubeObject>(object: T): T {
  return { ...object, metadata: { ...object.metadata, labels: { ...object.metadata.labels, [OWN_LABEL]: OWN_VALUE } } };
}

/** `ClusterRole plimsoll`, `Deployment plimsoll in plimsoll-system` */
export function nameOf({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.name}${metadata.namespace === undefined ? '' : ` in ${metadata.namespace}`}`;
}
