import { parseLogLevel, type LogLevel } from '../telemetry/logger.ts';
import { DEFAULT_SETTLE } from '../core/release/parameters.ts';
import type { PrometheusOptions } from '../metrics/prometheus.ts';
import { durationMs } from '../core/time.ts';

/** What the administrator sets, by environment variables of the operator's Deployment. */
export interface OperatorSettings {
  /** This operator's own image, which the resolve Jobs and fetch containers run. */
  readonly image: string;
  readonly imagePullPolicy: string;
  /** Undefined where there is none: then only deployments with spec.analysis.metrics.scrape can be measured. */
  readonly prometheusUrl: string | undefined;
  /** How Prometheus is asked: files that are read again for each question, and headers. */
  readonly prometheusAccess: Pick<PrometheusOptions, 'tokenFile' | 'caFile' | 'certFile' | 'keyFile' | 'headers'>;
  /** Where the gateway's Envoys run, or the address that shows their metrics. */
  readonly envoyNamespace: string;
  readonly gatewayMetricsUrl: string | undefined;
  readonly settleMs: number;
  readonly alertsIntervalMs: number;
  readonly tagPrefix: string;
  readonly namespace: string;
  /** Name of this pod. */
  readonly instance: string;
  readonly port: number;
  readonly logLevel: LogLevel;
  readonly workers: number;
  readonly version: string;
}

export type ParsedSettings =
  { readonly ok: true; readonly settings: OperatorSettings } | { readonly ok: false; readonly problems: readonly string[] };

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the settings; every problem is named at once, so that one restart is enough to mend them. */
export function readSettings(env: Environment, version: string): ParsedSettings {
  const problems: string[] = [];
  const text = (name: string, fallback?: string): string => {
    const value = env[name] ?? fallback;
    if (value === undefined || value === '') problems.push(`${name} is not set`);
    return value ?? '';
  };
  const duration = (name: string, fallback: string): number => {
    try {
      return durationMs(env[name] === '' ? undefined : env[name], fallback);
    } catch {
      problems.push(`${name} is ${JSON.stringify(env[name])}; write a duration such as 10s`);
      return 0;
    }
  };
  const integer = (name: string, fallback: number): number => {
    const value = env[name];
    if (value === undefined || value === '') return fallback;
    if (!/^[0-9]{1,5}$/.test(value) || Number(value) === 0)
      problems.push(`${name} is ${JSON.stringify(value)}; write a whole number from 1 to 99999`);
    return Number(value);
  };
  const logLevel = parseLogLevel(env['PLIMSOLL_LOG_LEVEL'] ?? 'info');
  if (!logLevel) problems.push(`PLIMSOLL_LOG_LEVEL is ${JSON.stringify(env['PLIMSOLL_LOG_LEVEL'])}; write error, warn, info or debug`);
  const address = (name: string, schemes: string, example: string): string | undefined => {
    const value = env[name] ?? '';
    if (value === '') return undefined;
    if (!URL.canParse(value) || !new RegExp(`^${schemes}://`).test(value))
      problems.push(`${name} is ${JSON.stringify(value)}; write an address such as ${example}`);
    return value;
  };
  const tagPrefix = text('PLIMSOLL_TAG_PREFIX', 'plimsoll.dev');
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(tagPrefix))
    problems.push(
      `PLIMSOLL_TAG_PREFIX is ${JSON.stringify(tagPrefix)}; write at most 63 letters, digits, '.', '_' or '-', such as eu.plimsoll.dev`,
    );
  const settings: OperatorSettings = {
    image: text('PLIMSOLL_IMAGE'),
    imagePullPolicy: text('PLIMSOLL_IMAGE_PULL_POLICY', 'IfNotPresent'),
    prometheusUrl: address('PLIMSOLL_PROMETHEUS_URL', 'https?', 'http://prometheus.monitoring:9090'),
    prometheusAccess: readPrometheusAccess(env, problems),
    envoyNamespace: text('PLIMSOLL_ENVOY_NAMESPACE', 'envoy-gateway-system'),
    gatewayMetricsUrl: address('PLIMSOLL_GATEWAY_METRICS_URL', 'http', 'http://envoy-metrics.gateways:19001/stats/prometheus'),
    settleMs: duration('PLIMSOLL_SETTLE', DEFAULT_SETTLE),
    alertsIntervalMs: duration('PLIMSOLL_ALERTS_INTERVAL', '5s'),
    tagPrefix,
    namespace: text('POD_NAMESPACE', 'plimsoll-system'),
    instance: text('POD_NAME', 'plimsoll'),
    port: integer('PLIMSOLL_HTTP_PORT', 8080),
    logLevel: logLevel ?? 'info',
    workers: integer('PLIMSOLL_WORKERS', 16),
    version,
  };
  return problems.length === 0 ? { ok: true, settings } : { ok: false, problems };
}

/** Files as paths of the operator's container, and the tenant of a store with several. */
function readPrometheusAccess(env: Environment, problems: string[]): OperatorSettings['prometheusAccess'] {
  const file = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  const files = {
    tokenFile: file('PLIMSOLL_PROMETHEUS_TOKEN_FILE'),
    caFile: file('PLIMSOLL_PROMETHEUS_CA_FILE'),
    certFile: file('PLIMSOLL_PROMETHEUS_CERT_FILE'),
    keyFile: file('PLIMSOLL_PROMETHEUS_KEY_FILE'),
  };
  if ((files.certFile === undefined) !== (files.keyFile === undefined))
    problems.push('PLIMSOLL_PROMETHEUS_CERT_FILE and PLIMSOLL_PROMETHEUS_KEY_FILE belong together; set both or neither');
  const tenant = env['PLIMSOLL_PROMETHEUS_TENANT'] ?? '';
  if (!/^[A-Za-z0-9!._*'()|-]{0,150}$/.test(tenant))
    problems.push(
      `PLIMSOLL_PROMETHEUS_TENANT is ${JSON.stringify(tenant)}; write at most 150 letters, digits and !-_.*'(), or several tenants with | between them`,
    );
  const set = Object.entries(files).filter(([, path]) => path !== undefined);
  return { ...Object.fromEntries(set), ...(tenant === '' ? {} : { headers: { 'X-Scope-OrgID': tenant } }) };
}
