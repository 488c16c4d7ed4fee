// The cluster's Prometheus: which Services look like one, and what it knows. It is asked from a pod of
// the demo, as the operator will ask it.
import { load } from 'js-yaml';
import type { KubeObject } from '../../../../src/api/resources.ts';

interface Service extends KubeObject {
  readonly spec?: { readonly ports?: readonly { readonly name?: string; readonly port: number }[] };
}

/** What a Prometheus knows that the demo can use. */
export interface Knowledge {
  /** It scrapes an Envoy. */
  readonly gateway: boolean;
  /** It scrapes annotated pods, and says which pod and namespace a series is of. */
  readonly pods: boolean;
  /** Between two scrapes of those, seconds. */
  readonly intervalSeconds: number;
}

const NOT_ITSELF = /alertmanager|exporter|operator|pushgateway|adapter|kube-state|grafana|blackbox/;
const USUAL_PORT = 9090;
const PORT_NAMES = ['http', 'web', 'http-web', 'prometheus'];
/** Of a Prometheus that does not say. */
const USUAL_INTERVAL_SECONDS = 30;
/** Prometheus's own default. */
const UNSET_INTERVAL = '1m';

/** Addresses, as pods know them, of Services that may be a Prometheus, the likeliest first. */
export function candidates(services: readonly KubeObject[]): readonly string[] {
  return (services as readonly Service[])
    .filter(({ metadata }) => looksLike(metadata.name, metadata.labels ?? {}))
    .flatMap(({ metadata, spec }) => {
      const ports = spec?.ports ?? [];
      const named = ports.find(({ name = '' }) => PORT_NAMES.includes(name));
      const port = (ports.find((each) => each.port === USUAL_PORT) ?? named ?? ports.find((each) => each.port === 80))?.port;
      return port === undefined ? [] : [{ url: `http://${metadata.name}.${metadata.namespace ?? ''}:${port}`, port }];
    })
    .sort((a, b) => Number(b.port === USUAL_PORT) - Number(a.port === USUAL_PORT))
    .map(({ url }) => url);
}

function looksLike(name: string, labels: Readonly<Record<string, string>>): boolean {
  if (NOT_ITSELF.test(name)) return false;
  return name.includes('prometheus') || ['app.kubernetes.io/name', 'app'].some((key) => labels[key] === 'prometheus');
}

/** Gets an address inside the cluster, as text. */
export type Get = (url: string) => Promise<string>;

/** What the Prometheus at this address knows; undefined if nothing there answers as one does. */
export async function inspectPrometheus(url: string, get: Get): Promise<Knowledge | undefined> {
  const envoy = await get(`${url}/api/v1/query?query=envoy_server_live`).then(readSamples, () => undefined);
  if (envoy === undefined) return undefined;
  const config = await get(`${url}/api/v1/status/config`).then(readConfig, () => undefined);
  const pods = config?.jobs.find(scrapesAnnotatedPods);
  const jobs = [config?.jobs.find(({ name }) => name === envoy[0]?.['job']), pods].flatMap((job) =>
    job === undefined ? [] : [job.interval],
  );
  const intervals = config === undefined ? [] : jobs.length === 0 ? [config.interval] : jobs;
  return {
    gateway: envoy.length > 0,
    pods: pods !== undefined,
    intervalSeconds: intervals.length === 0 ? USUAL_INTERVAL_SECONDS : Math.max(...intervals.map(secondsOf)),
  };
}

type Labels = Readonly<Record<string, string>>;

/** Labels of each sample of an instant query; undefined for what is no answer of Prometheus. */
export function readSamples(text: string): readonly Labels[] | undefined {
  try {
    const answer = JSON.parse(text) as {
      readonly status?: string;
      readonly data?: { readonly result?: readonly { readonly metric: Labels }[] };
    };
    return answer.status === 'success' ? answer.data?.result?.map(({ metric }) => metric) : undefined;
  } catch {
    return undefined;
  }
}

interface Job {
  readonly name: string;
  readonly interval: string;
  readonly relabelings: readonly { readonly source_labels?: readonly string[]; readonly target_label?: string }[];
}

function readConfig(text: string): { readonly interval: string; readonly jobs: readonly Job[] } | undefined {
  const { data } = JSON.parse(text) as { readonly data?: { readonly yaml?: string } };
  if (data?.yaml === undefined) return undefined;
  const config = load(data.yaml) as {
    readonly global?: { readonly scrape_interval?: string };
    readonly scrape_configs?: readonly {
      readonly job_name: string;
      readonly scrape_interval?: string;
      readonly relabel_configs?: Job['relabelings'];
    }[];
  };
  const interval = config.global?.scrape_interval ?? UNSET_INTERVAL;
  const jobs = (config.scrape_configs ?? []).map((job) => ({
    name: job.job_name,
    interval: job.scrape_interval ?? interval,
    relabelings: job.relabel_configs ?? [],
  }));
  return { interval, jobs };
}

function scrapesAnnotatedPods({ relabelings }: Job): boolean {
  const targets = relabelings.map(({ target_label: target }) => target);
  const byAnnotation = relabelings.some(({ source_labels: from = [] }) =>
    from.includes('__meta_kubernetes_pod_annotation_prometheus_io_scrape'),
  );
  return byAnnotation && targets.includes('namespace') && targets.includes('pod');
}

const UNITS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

/** `1m30s` is 90. */
export function secondsOf(duration: string): number {
  return [...duration.matchAll(/(\d+)(ms|[smhd])/g)].reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNITS[unit] ?? 0), 0);
}
