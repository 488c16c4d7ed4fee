import type { KubeClient } from '../controller/client.ts';
import { isKubeError } from '../controller/errors.ts';
import type { Action, ProbeResult } from '../core/observed.ts';
import { probeCustom } from './customProbe.ts';
import { probeInference, type Target } from './inferenceProbe.ts';

type ProbeAction = Extract<Action, { type: 'Probe' }>;

/** Asks revisions one real inference before they get traffic, and remembers what they said. Asking again does no harm, so nothing is stored. */
export interface Prober {
  /** Begins to ask, unless it is asking for this release already. */
  readonly start: (action: ProbeAction) => void;
  /** What was said to the newest release that was asked for, by its name. A release that tries a revision again asks anew. */
  readonly results: (namespace: string, deployment: string) => ReadonlyMap<string, ProbeResult>;
  readonly forget: (namespace: string, deployment: string) => void;
}

export interface ProberOptions {
  readonly client: KubeClient;
  /** Called when a result is in. */
  readonly onResult: (namespace: string, deployment: string, revision: string, result: ProbeResult) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds for one request. */
  readonly timeoutMs: number;
  /** Base URL of a Service; by its DNS name in the cluster. */
  readonly baseUrl?: (namespace: string, service: string) => string;
}

const NO_RESULTS: ReadonlyMap<string, ProbeResult> = new Map();

export function createProber(options: ProberOptions): Prober {
  const results = new Map<string, ReadonlyMap<string, ProbeResult>>();
  const running = new Set<string>();
  return {
    start: (action) => {
      const key = `${action.namespace}/${action.deployment}`;
      const one = `${action.namespace}/${action.release}`;
      if (running.has(one)) return;
      running.add(one);
      void probe(options, action).then((result) => {
        running.delete(one);
        results.set(key, new Map([[action.release, result]]));
        options.onResult(action.namespace, action.deployment, action.revision, result);
      });
    },
    results: (namespace, deployment) => results.get(`${namespace}/${deployment}`) ?? NO_RESULTS,
    forget: (namespace, deployment) => results.delete(`${namespace}/${deployment}`),
  };
}

/** Never rejects: whatever goes wrong before the model answers is no word about the model. */
async function probe(options: ProberOptions, { namespace, service, request }: ProbeAction): Promise<ProbeResult> {
  const base = options.baseUrl?.(namespace, service) ?? `http://${service}.${namespace}.svc`;
  const target: Target = { client: options.client, namespace, base, timeoutMs: options.timeoutMs };
  try {
    switch (request.protocol) {
      case 'V2':
        return await probeInference(target, request);
      case 'Custom':
        return await probeCustom(target, request.probe);
    }
  } catch (error) {
    return { state: 'Unreachable', message: sayError(error), atMs: options.now() };
  }
}

function sayError(error: unknown): string {
  if (isKubeError(error)) return error.message;
  if ((error as Partial<Error> | undefined)?.name === 'TimeoutError') return 'no answer in time';
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause.message : undefined;
  return cause ?? error.message;
}
