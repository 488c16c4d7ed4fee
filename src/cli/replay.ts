// plimsoll replay: the verdicts of a release computed again, beside what its record says.

import type { ModelDeployment } from '../api/generated/modeldeployment.ts';
import type { ModelRelease } from '../api/generated/modelrelease.ts';
import type { CheckSamples, Slot } from '../core/analysis/measurement.ts';
import { hasData } from '../core/analysis/rows.ts';
import type { Evaluation } from '../core/release/evaluation.ts';
import { isFinished } from '../core/release/ledger.ts';
import { judgeAgain, placesOf, placesWith, requestsOf, type Places } from '../core/release/replay.ts';
import { formatTime, parseTime } from '../core/time.ts';
import { quote } from '../core/version/text.ts';
import { readSamples } from '../metrics/past.ts';
import { deploymentOf, longOptions, openPrometheus, releaseOf, releasesOf, type ClusterInput } from './cluster.ts';
import { Refusal, type Output } from './command.ts';
import { clean, wrap } from './lines.ts';
import { parseOptions, readWord } from './options.ts';
import { readRows, writeRows, type Recorded, type Stored } from './rowsFile.ts';

export const USAGE = `usage: plimsoll replay RELEASE --prometheus URL [-n NAMESPACE] [--save FILE.json] [--json]
       plimsoll replay RELEASE --rows FILE.json [--json]

Asks Prometheus again for every look of a release, judges them with the operator's own functions, and says whether
the verdicts are those of the record. Of a release that runs, it is what the operator says now that is compared.

  --prometheus URL   where Prometheus answers; from outside of the cluster by kubectl port-forward
  -n NAMESPACE       that of the ModelRelease; without it, that of the kubeconfig's context
  --save FILE.json   keeps the release and its looks
  --rows FILE.json   replays what was kept; needs neither cluster nor Prometheus
  --stable-slot a    where the version that served was in the route (a or b), if records since are missing

Exit code: 0 the verdicts agree, 1 they differ, 2 it cannot be said.
`;

const DEFAULTS = { 'prometheus': '', 'namespace': '', 'rows': '', 'save': '', 'stable-slot': '' };

/** A check as it is judged now and as it was recorded; undefined = the release's plan or its record does not name it. */
export interface Comparison {
  readonly name: string;
  readonly replayed: Said | undefined;
  readonly recorded: Said | undefined;
}

type Said = Omit<Recorded, 'name'>;

export async function runReplay(words: readonly string[], input: ClusterInput): Promise<Output> {
  const { values, json, files } = parseOptions(longOptions(words), DEFAULTS);
  const [name] = files;
  if (name === undefined || files.length > 1)
    throw new Refusal(`${files.length} releases are named; name one, as kubectl get mrel shows them`);
  if ((values.rows === '') === (values.prometheus === '')) throw new Refusal('give either --prometheus URL or --rows FILE.json');
  const isFile = values.rows !== '';
  const stored = isFile ? readRows(values.rows, await input.read(values.rows)) : await readFromCluster(name, values, input);
  const { metadata } = stored.release;
  if (metadata.name !== name) throw new Refusal(`${quote(values.rows)} is of release ${quote(metadata.name)}`);
  if (isFile && !hasAnyData(stored.samples)) throw new Refusal(`${quote(values.rows)} has no look with data, so there is nothing to replay`);
  if (values.save !== '') await input.write(values.save, writeRows(stored));
  const compared = compare(stored, input.now());
  const code = compared.every(agrees) ? 0 : 1;
  const text = json ? JSON.stringify({ release: name, agrees: code === 0, checks: compared }, undefined, 2) : render(stored, compared);
  return { text: json ? `${text}\n` : text, code };
}

async function readFromCluster(name: string, values: Readonly<typeof DEFAULTS>, input: ClusterInput): Promise<Stored> {
  const cluster = input.cluster();
  const namespace = values.namespace === '' ? cluster.namespace : values.namespace;
  const release = await releaseOf(cluster, namespace, name);
  if (!release) throw new Refusal(`there is no ModelRelease ${quote(name)} in namespace ${quote(namespace)}; -n names another one`);
  const deployment = await deploymentOf(cluster, namespace, release.spec.deployment);
  const releases = await releasesOf(cluster, namespace, release.spec.deployment);
  const given = values['stable-slot'];
  const slot = given === '' ? undefined : readWord<Slot>('stable-slot', given, ['a', 'b']);
  const places = placesFor(release, releases, deployment, slot);
  checkWindows(release);
  const before = releases.filter(({ spec }) => spec.number < release.spec.number);
  const prometheus = openPrometheus(values.prometheus);
  try {
    const requests = reading(release, () => requestsOf(release, before, places));
    const samples = await readSamples(prometheus, requests, parseTime(release.status?.finishedAt) ?? input.now());
    checkData(release, samples);
    return { release, recorded: recordedOf(release, deployment), samples };
  } finally {
    prometheus.close();
  }
}

function placesFor(
  release: ModelRelease,
  releases: readonly ModelRelease[],
  deployment: ModelDeployment | undefined,
  slot: Slot | undefined,
): Places {
  const isByGateway = (release.spec.plan.evidence ?? 'Gateway') === 'Gateway';
  const places = slot === undefined ? placesOf(release, releases, deployment) : placesWith(slot);
  if (places) return places;
  // Without a gateway requests are counted by revision, and no slot is asked for.
  if (!isByGateway) return placesWith('a');
  const why = deployment ? 'records of later releases are gone' : `there is no ModelDeployment ${quote(release.spec.deployment)} any more`;
  throw new Refusal(`which slot of the route the two versions had is not known, because ${why}; try --stable-slot a, then b`);
}

function checkWindows({ metadata, status }: ModelRelease): void {
  if ((status?.windows ?? []).length > 0) return;
  throw new Refusal(`release ${quote(metadata.name)} has no span of time whose metrics count, so there is nothing to replay`);
}

function checkData({ spec }: ModelRelease, samples: readonly CheckSamples[]): void {
  if (samples.some(({ ticks }) => ticks.some(hasData))) return;
  const { problem = '' } = samples.find((one) => one.problem !== undefined) ?? {};
  const scraped =
    spec.plan.metrics === 'Scrape'
      ? ' The operator read its numbers from the servers themselves (spec.analysis.metrics.scrape); only a Prometheus that scraped them too knows them.'
      : '';
  throw new Refusal(`Prometheus has nothing of this release. ${problem}`.trim() + scraped);
}

function hasAnyData(samples: readonly CheckSamples[]): boolean {
  return samples.some(({ ticks }) => ticks.some(hasData));
}

/** Of a finished release its record; of one that runs the status of the ModelDeployment, which is newer. */
function recordedOf(release: ModelRelease, deployment: ModelDeployment | undefined): readonly Recorded[] {
  const live = deployment?.status?.release === release.metadata.name && !isFinished(release) ? deployment.status.verdicts : undefined;
  if (live) return live.map(({ check, verdict, explanation = '' }) => ({ name: check, verdict, explanation }));
  return (release.status?.checks ?? []).map(({ name, verdict, explanation = '' }) => ({ name, verdict, explanation }));
}

/**
 * Each check of the release as it is judged by these samples, and each that only the record names. Of a finished release at its end, of another
 * at its newest look. Throws a Refusal where there is no check to compare.
 */
export function compare({ release, recorded, samples }: Stored, now: number): readonly Comparison[] {
  checkWindows(release);
  const newestMs = Math.max(...samples.map(({ ticks }) => ticks.at(-1)?.atMs ?? -Infinity));
  const nowMs = parseTime(release.status?.finishedAt) ?? (Number.isFinite(newestMs) ? newestMs : now);
  const { checks }: Evaluation = reading(release, () => judgeAgain(release, samples, nowMs));
  const names = new Set([...checks, ...recorded].map(({ name }) => name));
  if (names.size === 0) throw new Refusal(`release ${quote(release.metadata.name)} has no checks, so there is nothing to replay`);
  return [...names].map((name) => {
    const judged = checks.find((one) => one.name === name);
    const said = recorded.find((one) => one.name === name);
    return {
      name,
      replayed: judged && { verdict: judged.verdict, explanation: judged.explain() },
      recorded: said && { verdict: said.verdict, explanation: said.explanation },
    };
  });
}

/** A record of a newer operator, or one that was changed by hand, may hold what cannot be read. */
function reading<T>({ metadata }: ModelRelease, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Refusal(`release ${quote(metadata.name)} cannot be judged: ${(error as Error).message}`);
  }
}

function agrees({ replayed, recorded }: Comparison): boolean {
  return recorded?.verdict === replayed?.verdict;
}

const LONGEST_SENTENCE = 1000;

export function render({ release, samples }: Stored, compared: readonly Comparison[]): string {
  const { metadata, spec, status } = release;
  const [longest = []] = samples.map(({ ticks }) => ticks).toSorted((a, b) => b.length - a.length);
  const [first, last] = [longest[0], longest.at(-1)];
  const end = status?.finishedAt === undefined ? `runs (${status?.phase ?? 'Preparing'})` : `ended as ${status.outcome ?? 'unknown'}`;
  const told = status?.message === undefined ? '' : `: ${status.message}`;
  const differing = compared.filter((one) => !agrees(one)).map(({ name }) => name);
  const span = first && last ? `${longest.length} looks from ${formatTime(first.atMs)} to ${formatTime(last.atMs)}` : 'no looks';
  return [
    wrap(clean(`Release ${metadata.name}: version ${spec.to.version} ${end}${told}`, LONGEST_SENTENCE), 0),
    wrap(`${span}, one each ${spec.plan.interval}.`, 0),
    ...compared.map(renderCheck),
    differing.length === 0
      ? '\nThe verdicts agree with the record.\n'
      : `\n${wrap(clean(`The verdicts differ from the record: ${differing.join(', ')}.`, LONGEST_SENTENCE), 0)}`,
  ].join('');
}

function renderCheck(compared: Comparison): string {
  const { name, replayed, recorded } = compared;
  const sentence = (who: string, said: Said | undefined): string =>
    said ? wrap(clean(`${who}: ${said.verdict}. ${said.explanation}`, LONGEST_SENTENCE), 2) : '';
  const missing = !recorded ? 'not in the record' : !replayed ? 'only in the record' : undefined;
  const title = `\n${clean(name, 100)}: ${missing ?? (agrees(compared) ? 'agrees' : 'DIFFERS')}\n`;
  if (agrees(compared) && recorded?.explanation === replayed?.explanation) return `${title}${sentence('both', replayed)}`;
  return `${title}${sentence('replayed', replayed)}${sentence('recorded', recorded)}`;
}
