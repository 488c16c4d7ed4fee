// plimsoll explain: what a ModelDeployment is doing, what it waits for, what comes next, and what a person can do.

import type { CheckSet } from '../api/generated/checkset.ts';
import type { ModelDeployment } from '../api/generated/modeldeployment.ts';
import type { ModelRelease } from '../api/generated/modelrelease.ts';
import { evaluate } from '../core/release/evaluation.ts';
import { forecastRelease, sayForecast } from '../core/release/forecast.ts';
import { activeRelease } from '../core/release/ledger.ts';
import { DEFAULT_SETTLE, parametersOf, planSnapshot } from '../core/release/parameters.ts';
import { placesWith, requestsOf } from '../core/release/replay.ts';
import { wantedChecks } from '../core/release/wantedChecks.ts';
import { durationMs, formatTime, parseTime } from '../core/time.ts';
import { quote } from '../core/version/text.ts';
import { readSamples } from '../metrics/past.ts';
import { checkSetsOf, deploymentOf, longOptions, openPrometheus, releasesOf, type ClusterInput } from './cluster.ts';
import { Refusal, type Output } from './command.ts';
import { renderExplanation, type Explained } from './explainText.ts';
import { parseOptions } from './options.ts';

export const USAGE = `usage: plimsoll explain DEPLOYMENT [-n NAMESPACE] [--prometheus URL]

Says what a ModelDeployment is doing, what it waits for, what each check says, what comes next and when, and how to
promote or abort by hand. It only reads.

  -n NAMESPACE       that of the ModelDeployment; without it, that of the kubeconfig's context
  --prometheus URL   where Prometheus answers: says also how long the evidence will take, and what the checks say at
                     this moment; without it, they speak as of the last change of their verdict

Exit code: 0, or 2 if there is no such ModelDeployment or the cluster cannot be asked.
`;

const DEFAULTS = { namespace: '', prometheus: '' };
/** It moves the forecast by nothing, so that the operator's setting need not be known. */
const SETTLE_MS = durationMs(DEFAULT_SETTLE, '');

export async function runExplain(words: readonly string[], input: ClusterInput): Promise<Output> {
  const { values, json, files } = parseOptions(longOptions(words), DEFAULTS);
  const [name] = files;
  if (name === undefined || files.length > 1) throw new Refusal(`${files.length} ModelDeployments are named; name one`);
  if (json) throw new Refusal('explain is for people; kubectl get mdep,mrel -o json says the same to programs');
  const cluster = input.cluster();
  const namespace = values.namespace === '' ? cluster.namespace : values.namespace;
  const deployment = await deploymentOf(cluster, namespace, name);
  if (!deployment) throw new Refusal(`there is no ModelDeployment ${quote(name)} in namespace ${quote(namespace)}; -n names another one`);
  const releases = await releasesOf(cluster, namespace, name);
  const now = input.now();
  const isAsked = values.prometheus !== '';
  const release = isAsked ? (activeRelease(releases) ?? releaseOfNow(deployment, await checkSetsOf(cluster, namespace), now)) : undefined;
  const found = release ? await askPrometheus(values.prometheus, deployment, releases, release, now) : {};
  return { text: renderExplanation({ deployment, releases, now, ...found }), code: 0 };
}

/** How long evidence takes for the release that runs, or for one that would begin now; and what the checks say, if one runs. */
async function askPrometheus(
  url: string,
  deployment: ModelDeployment,
  releases: readonly ModelRelease[],
  release: ModelRelease,
  now: number,
): Promise<Pick<Explained, 'forecast' | 'judged'>> {
  const slot = deployment.status?.stable?.slot;
  if (slot === undefined) return {};
  const isActive = activeRelease(releases) === release;
  const parameters = parametersOf(release);
  const { windows = [], evidenceSince, promotedAt } = release.status ?? {};
  if (promotedAt !== undefined) return {};
  const prometheus = openPrometheus(url);
  try {
    const before = releases.filter((one) => one !== release);
    const samples = await readSamples(prometheus, requestsOf(release, before, placesWith(slot)), now);
    const { checks } = evaluate(parameters, samples, windows, now);
    const forecast = forecastRelease(parameters, checks, samples, parseTime(evidenceSince) ?? now);
    const problem = samples.find(({ problem: why }) => why !== undefined)?.problem;
    if (!forecast) return problem === undefined ? {} : { forecast: `nothing can be said: ${problem}` };
    const judged = checks.map(({ name, verdict, explain }) => ({ check: name, verdict, explanation: explain() }));
    return { forecast: sayForecast(forecast, parameters.minRequests), ...(isActive && windows.length > 0 ? { judged } : {}) };
  } finally {
    prometheus.close();
  }
}

/** What the spec would do if a release began now. Nothing is counted of its candidate, which does not exist. */
function releaseOfNow(
  deployment: ModelDeployment,
  checkSets: ReadonlyMap<string, CheckSet>,
  now: number,
): ModelRelease | undefined {
  const { metadata, status, apiVersion } = deployment;
  const { version, digest, revision } = status?.stable ?? {};
  if (version === undefined || digest === undefined || revision === undefined) return undefined;
  return {
    apiVersion,
    kind: 'ModelRelease',
    metadata: { name: metadata.name, namespace: metadata.namespace ?? 'default', creationTimestamp: formatTime(now) },
    spec: {
      deployment: metadata.name,
      number: Number.MAX_SAFE_INTEGER,
      from: { version, digest, revision },
      to: { version, digest, revision: 'none' },
      cause: { type: 'Version' },
      plan: planSnapshot(deployment, wantedChecks({ deployment, checkSets }), SETTLE_MS, false),
    },
  };
}
