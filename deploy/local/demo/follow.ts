// Watching a release (or the first version) and telling what changes.
import type { ModelDeployment } from '../../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../../src/api/generated/modelrelease.ts';
import { DemoError } from './failure.ts';
import { Interrupted } from './interruption.ts';
import { MODEL } from './manifests.ts';
import type { Narrator, Tone } from './narrator.ts';
import type { Observer } from './observer.ts';
import type { Stage } from './stage.ts';

const LOOK_MS = 500;
/** The API server may be slow to answer on a busy machine; it is not gone until it has been silent for so long. */
const SILENCE_MS = 20_000;
const SERVING_DEADLINE_MS = 300_000;
/** Every check begins with it. */
const NO_VERDICT_YET = 'Inconclusive/Collecting';

/** What one look shows. */
interface Sight {
  readonly deployment: ModelDeployment | undefined;
  readonly release: ModelRelease | undefined;
}

/** What was told last. The state that there was before is no news. */
interface Told {
  state: string | undefined;
  readonly verdicts: Map<string, string>;
}

/** Looks every half second until `done`, and tells Events and what changed. Undefined when that did not come within `deadlineMs`. */
async function look(
  { narrator, errands }: Stage,
  observer: Observer,
  deadlineMs: number,
  live: () => string,
  done: (sight: Sight) => boolean,
): Promise<Sight | undefined> {
  const deadline = performance.now() + deadlineMs;
  const told: Told = { state: undefined, verdicts: new Map() };
  let answeredAt = performance.now();
  while (performance.now() < deadline) {
    try {
      const sight = await errands.run(see(narrator, observer, told, live));
      answeredAt = performance.now();
      if (done(sight)) return sight;
    } catch (error) {
      if (performance.now() - answeredAt > SILENCE_MS || error instanceof Interrupted) throw error;
    }
    await errands.pause(LOOK_MS);
  }
  return undefined;
}

async function see(narrator: Narrator, observer: Observer, told: Told, live: () => string): Promise<Sight> {
  const [deployment, release, notes] = await Promise.all([observer.deployment(), observer.release(), observer.notes()]);
  for (const { warning, reason, message } of notes) narrator.tell(`Event ${reason}: ${message}`, warning ? 'warning' : 'dim');
  const state = describeState(deployment, release);
  if (told.state !== undefined && state !== told.state) narrator.tell(`${state}   [${live()}]`, toneOf(deployment));
  told.state = state;
  tellVerdicts(narrator, deployment, told.verdicts);
  narrator.live(`${state} | ${live()}`);
  return { deployment, release };
}

/** Phase, step and weight in one line. */
function describeState(deployment: ModelDeployment | undefined, release: ModelRelease | undefined): string {
  const { phase = 'Waiting', verdict, candidate } = deployment?.status ?? {};
  if (candidate === undefined) return phase;
  const step = release?.status?.step;
  // Both come from the release: its status is written a moment before that of the deployment.
  const window = release?.status?.windows?.at(-1);
  const weight = window !== undefined && window.to === undefined ? window.weight : (deployment?.status?.weight ?? 0);
  const steps = release?.spec.plan.steps.length ?? 0;
  const place = step === undefined || steps === 0 || phase === 'Promoting' ? '' : `, step ${step + 1} of ${steps}`;
  return `${phase}${place}: ${weight} % to ${candidate.version ?? ''}${verdict === undefined ? '' : `, ${verdict}`}`;
}

function toneOf(deployment: ModelDeployment | undefined): Tone {
  const { phase = '', verdict = '' } = deployment?.status ?? {};
  if (phase === 'RollingBack' || phase === 'RolledBack' || phase === 'Failed' || verdict === 'Fail') return 'bad';
  return phase === 'Promoting' || phase === 'Serving' ? 'good' : 'plain';
}

function tellVerdicts(narrator: Narrator, deployment: ModelDeployment | undefined, told: Map<string, string>): void {
  for (const { check, verdict, explanation } of deployment?.status?.verdicts ?? []) {
    const before = told.get(check) ?? NO_VERDICT_YET;
    told.set(check, verdict);
    if (before === verdict) continue;
    narrator.tell(`check ${check}: ${verdict}${explanation === undefined ? '' : `: ${explanation}`}`, verdict === 'Fail' ? 'bad' : 'plain');
  }
}

/** Waits until the first version serves, and all of so many versions are pinned. */
export async function awaitServing(stage: Stage, observer: Observer, versions: number): Promise<void> {
  let refusal: string | undefined;
  const sight = await look(
    stage,
    observer,
    SERVING_DEADLINE_MS,
    () => 'no traffic yet',
    ({ deployment }) => {
      const { generation = 0 } = deployment?.metadata ?? {};
      const current = (deployment?.status?.conditions ?? []).filter(
        ({ status, observedGeneration }) => status === 'True' && observedGeneration === generation,
      );
      refusal = current.find(({ type }) => type === 'Stalled')?.message;
      return refusal !== undefined || current.some(({ type }) => type === 'Ready');
    },
  );
  if (refusal !== undefined) throw new DemoError(`The first version does not serve: ${refusal}`);
  if (sight === undefined) throw new DemoError(await whyNotServing(observer));
  await awaitVersions(stage, observer, versions);
  stage.narrator.live(undefined);
}

/** The versions to come are pinned before the first release, so that a release does not begin with a download. */
async function awaitVersions({ errands }: Stage, observer: Observer, count: number): Promise<void> {
  const deadline = performance.now() + SERVING_DEADLINE_MS;
  for (;;) {
    const versions = await errands.run(observer.versions());
    const ready = versions.filter(({ status }) =>
      status?.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True'),
    );
    if (ready.length === count) return;
    if (performance.now() > deadline) throw new DemoError(await whyNotServing(observer));
    await errands.pause(LOOK_MS);
  }
}

async function whyNotServing(observer: Observer): Promise<string> {
  const [deployment, versions] = await Promise.all([observer.deployment(), observer.versions()]);
  const unready = [
    ...versions.map(({ metadata, status }) => ({ name: `ModelVersion ${metadata.name}`, status })),
    { name: `ModelDeployment ${MODEL}`, status: deployment?.status },
  ].flatMap(({ name, status }) => {
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    return ready?.status === 'True' ? [] : [`${name}: ${ready?.message ?? 'the operator has said nothing about it'}`];
  });
  return `The first version did not serve within ${SERVING_DEADLINE_MS / 1000} s: ${unready.join('; ')}`;
}

/** Follows the release to `version` until it is finished and the ModelDeployment rests again. Gives its newest record, finished or not. */
export async function followRelease(
  stage: Stage,
  observer: Observer,
  version: string,
  after: number,
  deadlineMs: number,
  live: () => string,
): Promise<ModelRelease | undefined> {
  const isOurs = (release: ModelRelease | undefined): boolean =>
    release !== undefined && release.spec.number > after && release.spec.to.version === version;
  const sight = await look(
    stage,
    observer,
    deadlineMs,
    live,
    ({ deployment, release }) =>
      isOurs(release) && release?.status?.finishedAt !== undefined && deployment?.status?.candidate === undefined,
  );
  stage.narrator.live(undefined);
  const release = sight?.release ?? (await observer.release());
  return isOurs(release) ? release : undefined;
}
