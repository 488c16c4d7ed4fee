import { RESOURCE } from '../api/resources.ts';
import type { KubeClient } from '../controller/client.ts';
import type { PodTrouble } from '../core/observed.ts';
import { findTrouble, isHeldUp, troubleOfEvent, type PodObject } from '../core/resources/podTrouble.ts';

interface EventObject {
  readonly reason?: string;
  readonly message?: string;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
}

/** Where pods come from: they, and the Job that should make them. */
interface Pods {
  readonly namespace: string | undefined;
  readonly labelSelector: string;
  /** A Job that runs; one without pods cannot make any. */
  readonly job?: string | undefined;
}

/** Pods, and what keeps them from running. Events are asked for only when nothing else tells. */
export async function findPodTrouble(
  client: KubeClient,
  { namespace, labelSelector, job }: Pods,
  signal: AbortSignal,
): Promise<{ readonly pods: readonly PodObject[]; readonly trouble: PodTrouble | undefined }> {
  const { items } = await client.list(RESOURCE.pod, { namespace, labelSelector, signal });
  const pods = items as unknown as readonly PodObject[];
  const known = findTrouble(pods);
  const heldUp = pods.find(isHeldUp);
  const silent = heldUp
    ? `Pod,involvedObject.name=${heldUp.metadata.name}`
    : pods.length === 0 && job !== undefined
      ? `Job,involvedObject.name=${job}`
      : undefined;
  if (known !== undefined || silent === undefined) return { pods, trouble: known };
  const events = await client.list(RESOURCE.event, { namespace, fieldSelector: `type=Warning,involvedObject.kind=${silent}`, signal });
  const newest = (events.items as unknown as readonly EventObject[]).toSorted((a, b) => timeOf(b).localeCompare(timeOf(a)))[0];
  if (newest?.reason === undefined) return { pods, trouble: undefined };
  return { pods, trouble: troubleOfEvent({ reason: newest.reason, message: newest.message ?? newest.reason }) };
}

function timeOf({ lastTimestamp, eventTime }: EventObject): string {
  return lastTimestamp ?? eventTime ?? '';
}
