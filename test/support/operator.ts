// The operator in its pod, as a test sees it from outside: what it answers, what it logs, and its sudden end.
import { kubectl, request } from './cluster.ts';
import { readSamples, type Sample } from './metricsText.ts';

const NAMESPACE = 'plimsoll-system';
const PORT = 8080;
const PATIENCE_MS = 60_000;

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
    readonly status: { readonly podIP?: string; readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  }[];
}

/** A pod of the operator that says that it is ready. */
export interface OperatorPod {
  readonly name: string;
  readonly address: string;
}

/** The operator's pod, once there is one that is Ready. */
export async function operatorPod(): Promise<OperatorPod> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const { body } = await request('GET', `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=app.kubernetes.io%2Fname%3Dplimsoll`);
    const ready = (body as unknown as PodList).items.find(
      ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined &&
        status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
    );
    if (ready?.status.podIP !== undefined) return { name: ready.metadata.name, address: ready.status.podIP };
    if (Date.now() > deadline) throw new Error(`The operator has no Ready pod for ${PATIENCE_MS / 1000} s: ${JSON.stringify(body)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Kills the operator without any grace: it can neither finish a pass nor give its lease back. Gives the pod that was. */
export async function killOperator(): Promise<OperatorPod> {
  const pod = await operatorPod();
  await kubectl(['-n', NAMESPACE, 'delete', 'pod', pod.name, '--grace-period=0', '--force', '--wait=false']);
  return pod;
}

/** Waits until the operator's pod leads, that is, works. */
export async function operatorLeads(): Promise<OperatorPod> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const pod = await operatorPod();
    const samples = await scrapeOperator(pod).catch(() => []);
    if (samples.some(({ name, value }) => name === 'plimsoll_leader' && value === 1)) return pod;
    if (Date.now() > deadline) throw new Error(`The operator's pod ${pod.name} does not lead after ${PATIENCE_MS / 1000} s.`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** One request to the operator's own port, as the kubelet and Prometheus make it. */
export async function askOperator(pod: OperatorPod, path: string): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(`http://${pod.address}:${PORT}${path}`, { signal: AbortSignal.timeout(5000) });
  return { status: response.status, text: await response.text() };
}

/** All series of /metrics now. */
export async function scrapeOperator(pod: OperatorPod): Promise<readonly Sample[]> {
  const { status, text } = await askOperator(pod, '/metrics');
  if (status !== 200) throw new Error(`/metrics answers ${status}: ${text}`);
  return readSamples(text);
}

/** The lines of the operator's log of the last seconds. */
export async function operatorLog(pod: OperatorPod, seconds: number): Promise<readonly string[]> {
  const log = await kubectl(['-n', NAMESPACE, 'logs', pod.name, `--since=${seconds}s`]);
  return log.split('\n').filter((line) => line !== '');
}
