import type { PodTrouble } from '../observed.ts';
import { parseTime } from '../time.ts';
import { decodeTermination } from '../version/termination.ts';

/** A Pod as the API server gives it, as far as it is read. */
export interface PodObject {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly ready?: boolean;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: { readonly startedAt?: string };
  readonly terminated?: { readonly exitCode: number; readonly reason?: string; readonly message?: string };
}

/** Reasons for which kubelet cannot even start a container: nothing that a model does. */
const CANNOT_START = [
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'CreateContainerConfigError',
  'CreateContainerError',
];
/** Where a container waits after it ended, or was not even begun. */
const BETWEEN_STARTS = ['CrashLoopBackOff', 'RunContainerError'];
/** Pods that are asked for find no place: a quota, or too little free on the nodes. */
export const INSUFFICIENT_CAPACITY = 'InsufficientCapacity';
/** How the scheduler says that nodes have too little of something. Taints, affinities and volumes keep pods off, too. */
const TOO_LITTLE = /insufficient|too many pods/i;
/** Fetch failures that the same bytes will meet again: they speak against the version. */
const FINAL_FETCH = ['FormatUnclear', 'EmptyModel', 'ArchiveRefused', 'TooLarge'];

/**
 * The worst thing that keeps these pods from being Ready, undefined when nothing does. A crash or an out-of-memory kill speaks against the
 * revision; a missing image, an unreachable source or a full cluster does not. Messages hold no counts, so that they stay the same while
 * the state does.
 */
export function findTrouble(pods: readonly PodObject[]): PodTrouble | undefined {
  const found = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined).flatMap((pod) => troublesOf(pod));
  const since = ({ trouble }: Ranked): number => trouble.runsSinceMs ?? 0;
  return found.sort((a, b) => a.rank - b.rank || since(a) - since(b))[0]?.trouble;
}

interface Ranked {
  /** Lower is worse: what is certain about the revision before what may pass. */
  readonly rank: number;
  readonly trouble: PodTrouble;
}

/** A pod that has a node and whose containers still cannot be made: why that is, only its Events say. */
export function isHeldUp({ metadata, status }: PodObject): boolean {
  const is = (type: string): string | undefined => status?.conditions?.find((condition) => condition.type === type)?.status;
  return metadata.deletionTimestamp === undefined && is('PodScheduled') === 'True' && is('PodReadyToStartContainers') === 'False';
}

/** What a pod can name and may be missing, as the API server and kubelet write it. */
const NAMED: readonly (readonly [written: string, kind: string, reason: string])[] = [
  ['secret', 'Secret', 'SecretMissing'],
  ['configmap', 'ConfigMap', 'ConfigMapMissing'],
  ['serviceaccount', 'ServiceAccount', 'ServiceAccountMissing'],
];

/** What a Warning Event says of a pod that does not begin. Kubelet and controllers go on trying, so whatever is missing may still come. */
export function troubleOfEvent(event: { readonly reason: string; readonly message: string }): PodTrouble {
  for (const [written, kind, reason] of NAMED) {
    const name = new RegExp(`\\b${written} "([^"]{1,253})" not found`).exec(event.message)?.[1];
    if (name === undefined) continue;
    const message = `there is no ${kind} ${name} in this namespace; create it, or name another one`;
    return { class: 'Infrastructure', reason, message };
  }
  return { class: 'Infrastructure', ...event };
}

function troublesOf(pod: PodObject): readonly Ranked[] {
  const { status } = pod;
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  const all: (Ranked | undefined)[] = [
    ...(status?.containerStatuses ?? []).map(crash),
    ...(status?.initContainerStatuses ?? []).map(fetchFailure),
    ...[...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].map(cannotStart),
    scheduled?.status === 'False' ? unschedulable(scheduled.message ?? scheduled.reason ?? '') : undefined,
    status?.reason === 'NodeLost' || status?.phase === 'Unknown'
      ? infrastructure(6, 'NodeLost', 'the node of a pod does not answer')
      : undefined,
    status?.reason === 'Evicted' ? infrastructure(6, 'Evicted', `a pod was evicted: ${status.message ?? ''}`) : undefined,
    ...(status?.containerStatuses ?? []).map(notReady),
  ];
  return all.filter((ranked) => ranked !== undefined);
}

function crash({ name, state, lastState }: ContainerStatus): Ranked | undefined {
  const isBetween = state?.running !== undefined || BETWEEN_STARTS.includes(state?.waiting?.reason ?? '');
  const ended = state?.terminated ?? (isBetween ? lastState?.terminated : undefined);
  if (!ended) return undefined;
  if (ended.reason === 'OOMKilled')
    return evidence(0, 'OOMKilled', `container ${name} was killed for want of memory; raise its memory limit if the model needs it`);
  if (ended.reason === 'StartError')
    return evidence(1, 'StartError', `container ${name} cannot be started as its command says: ${ended.message ?? 'no word why'}`);
  return evidence(
    1,
    'CrashLoop',
    `container ${name} ends by itself with exit code ${ended.exitCode}${ended.exitCode === 0 ? ', which a server must not' : ''}`,
  );
}

/** The fetch container tells in its last words what kept it from bringing the verified bytes. */
function fetchFailure({ name, state, lastState }: ContainerStatus): Ranked | undefined {
  const ended = state?.terminated ?? lastState?.terminated;
  if (!ended || ended.exitCode === 0 || (state?.running && !lastState?.terminated)) return undefined;
  const said = decodeTermination(ended.message);
  if (!said.ok || said.value.kind !== 'failed')
    return infrastructure(3, 'InitFailed', `init container ${name} ended with exit code ${ended.exitCode}`);
  const { reason, message } = said.value.failure;
  return FINAL_FETCH.includes(reason) ? evidence(2, reason, message) : infrastructure(3, reason, message);
}

function cannotStart({ name, state }: ContainerStatus): Ranked | undefined {
  const reason = state?.waiting?.reason ?? '';
  if (!CANNOT_START.includes(reason)) return undefined;
  return infrastructure(4, reason, `container ${name} cannot start: ${state?.waiting?.message ?? reason}`);
}

/** The scheduler names a claim that a pod mounts and that does not exist; the rest of its sentence is about nodes. */
function unschedulable(message: string): Ranked {
  const claim = /persistentvolumeclaim "([^"]{1,253})" not found/.exec(message)?.[1];
  const reason = TOO_LITTLE.test(message) ? INSUFFICIENT_CAPACITY : 'Unschedulable';
  if (claim === undefined) return infrastructure(5, reason, `no node takes the pod: ${message}`);
  const text = `there is no PersistentVolumeClaim ${claim} in this namespace; create it, or name another one`;
  return infrastructure(5, 'ClaimMissing', text);
}

/**
 * A refusal to make pods at all, as a Deployment's condition tells it; undefined when it is about something else than capacity. The name of
 * the pod is left out: it is another one at each try.
 */
export function quotaTrouble(refusal: string | undefined): PodTrouble | undefined {
  const said = /exceeded quota: .*/s.exec(refusal ?? '')?.[0];
  return said === undefined
    ? undefined
    : { class: 'Infrastructure', reason: INSUFFICIENT_CAPACITY, message: `the API server refuses more pods: ${said}` };
}

function notReady({ name, ready, state }: ContainerStatus): Ranked | undefined {
  if (!state?.running || ready === true) return undefined;
  const { rank, trouble } = evidence(9, 'NotReady', `container ${name} runs, but its readiness probe does not succeed`);
  return { rank, trouble: { ...trouble, runsSinceMs: parseTime(state.running.startedAt) } };
}

/** Whom pods that are not Ready after so much patience speak against. One that has only just begun to run had no chance yet. */
export function blame(trouble: PodTrouble | undefined, patienceMs: number, now: number): PodTrouble['class'] {
  if (!trouble) return 'Infrastructure';
  const { runsSinceMs } = trouble;
  return runsSinceMs !== undefined && now - runsSinceMs < patienceMs ? 'Infrastructure' : trouble.class;
}

function evidence(rank: number, reason: string, message: string): Ranked {
  return { rank, trouble: { class: 'Evidence', reason, message } };
}

function infrastructure(rank: number, reason: string, message: string): Ranked {
  return { rank, trouble: { class: 'Infrastructure', reason, message } };
}
