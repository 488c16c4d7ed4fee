// The story: set up, let users come, release three versions one after the other, say what happened, take everything down.
import { writeFileSync } from 'node:fs';
import type { ModelRelease } from '../../../src/api/generated/modelrelease.ts';
import type { ContextOptions, DemoOptions } from './arguments.ts';
import { cleanContext, setUpContext } from './context/setUp.ts';
import { sayError } from './failure.ts';
import { describeReport, makeReport, type Answer, type ReleaseRecord, type Report, type Setting } from './figures.ts';
import type { Scenario } from './scenarios.ts';
import { followRelease } from './follow.ts';
import { createErrands, createTeardown, Interrupted } from './interruption.ts';
import { FIRST_VERSION, MODEL, NAMESPACE } from './manifests.ts';
import type { Narrator } from './narrator.ts';
import type { Ready } from './ready.ts';
import { setUp } from './setup.ts';
import type { Stage } from './stage.ts';
import type { Users } from './users.ts';

const STABLE_MS = 60_000;
/** With --only somebody is in a hurry. */
const STABLE_HURRIED_MS = 10_000;
/** Between two releases: late answers come in, and stable gets the machine to itself again. */
const REST_MS = 10_000;
const RELEASE_DEADLINE_MS = 600_000;
const SETTLE_MS = 30_000;

/** Exit codes. */
const AS_DESCRIBED = 0;
const NOT_AS_DESCRIBED = 1;
const INTERRUPTED = 130;

/** What is known so far, for a report also when the demo ends early. */
interface Known {
  setting: Setting;
  scenarios: readonly Scenario[];
  setupSeconds: number | undefined;
  readonly releases: ReleaseRecord[];
  answers: readonly Answer[];
}

/** Runs the demo; gives the exit code. `reportFile` is the absolute path for the figures. */
export async function runDemo(
  options: DemoOptions,
  reportFile: string | undefined,
  narrator: Narrator,
  now: () => number,
  signal: AbortSignal,
): Promise<number> {
  const stage: Stage = { narrator, errands: createErrands(signal), teardown: createTeardown(), now };
  const { cluster } = options;
  if (cluster?.clean === true) return await clean(stage, cluster);
  const setting: Setting = { context: cluster?.context ?? null, traffic: null, evidence: null };
  const known: Known = { setting, scenarios: [], setupSeconds: undefined, releases: [], answers: [] };
  const code = await perform(stage, known, options, reportFile);
  const isDown = await takeDown(stage);
  return code === AS_DESCRIBED && !isDown ? NOT_AS_DESCRIBED : code;
}

async function clean(stage: Stage, cluster: ContextOptions): Promise<number> {
  try {
    await cleanContext(stage, cluster);
    return AS_DESCRIBED;
  } catch (error) {
    stage.narrator.tell(sayError(error), 'bad');
    return NOT_AS_DESCRIBED;
  }
}

async function perform(stage: Stage, known: Known, options: DemoOptions, reportFile: string | undefined): Promise<number> {
  let ready: Ready;
  try {
    ready = await tellStory(stage, known, options);
  } catch (error) {
    const isInterrupted = error instanceof Interrupted;
    conclude(stage, known, isInterrupted ? 'The demo was interrupted before its end.' : sayError(error), reportFile);
    return isInterrupted ? INTERRUPTED : NOT_AS_DESCRIBED;
  }
  const code = conclude(stage, known, undefined, reportFile) ? AS_DESCRIBED : NOT_AS_DESCRIBED;
  tellWhereToLook(stage.narrator, ready);
  if (!options.once) await stayUp(stage);
  return code;
}

async function tellStory(stage: Stage, known: Known, { cluster, only }: DemoOptions): Promise<Ready> {
  const { narrator, teardown, errands } = stage;
  const started = performance.now();
  const ready = cluster === undefined ? await setUp(stage, only) : await setUpContext(stage, cluster, only);
  known.setting = ready.setting;
  known.scenarios = ready.scenarios;
  known.setupSeconds = (performance.now() - started) / 1000;
  narrator.tell(`version ${FIRST_VERSION} serves, ${known.setupSeconds.toFixed(1)} s after the start`, 'good');

  const stableMs = only === undefined ? STABLE_MS : STABLE_HURRIED_MS;
  narrator.heading(`Users: ${ready.rate} requests a second, for ${stableMs / 1000} s with nothing new`);
  const users = await ready.startUsers();
  known.answers = users.answers();
  teardown.add('ending the requests', async () => await users.stop());
  await serveFor(stage, users, stableMs);
  for (const [index, scenario] of ready.scenarios.entries()) {
    await release(stage, ready, users, known.releases, scenario, index);
    await errands.pause(REST_MS);
  }
  users.forget();
  return ready;
}

/** Traffic without a release, for a while. */
async function serveFor({ narrator, errands }: Stage, users: Users, milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds;
  const describe = (): string => users.describe(0, () => FIRST_VERSION);
  for (let left = milliseconds; left > 0; left = end - performance.now()) {
    narrator.live(`${Math.ceil(left / 1000)} s to go | ${describe()}`);
    await errands.pause(Math.min(1000, left));
  }
  narrator.live(undefined);
  narrator.tell(describe());
}

/** Changes spec.version, as a user would, and follows what comes of it. The record stands in `records` from the beginning. */
async function release(
  stage: Stage,
  { kubectl, observer, keyOf }: Ready,
  users: Users,
  records: ReleaseRecord[],
  scenario: Scenario,
  index: number,
): Promise<void> {
  const { narrator } = stage;
  const { version } = scenario;
  const before = await observer.release();
  const from = (await observer.deployment())?.status?.stable;
  narrator.heading(`Release ${'abc'.charAt(index)}: ${scenario.title}`);
  const nothing: ReleaseRecord = {
    scenario,
    from: from?.version ?? '',
    to: version,
    revision: '',
    outcome: undefined,
    reason: undefined,
    explanation: undefined,
    weights: [],
    finishedAt: undefined,
  };
  records.push(nothing);
  const firstAnswer = users.answers().length;
  const stable = from === undefined ? undefined : keyOf(from.version ?? '', from.revision ?? '');
  const nameOf = (key: string): string => (key === stable ? (from?.version ?? key) : version);
  const live = (): string => users.describe(firstAnswer, nameOf);
  const patch = JSON.stringify({ spec: { version } });
  await kubectl.show(['-n', NAMESPACE, 'patch', 'modeldeployment', MODEL, '--type=merge', '-p', patch]);
  const update = async (found: Promise<ModelRelease | undefined>): Promise<void> => {
    const seen = await found;
    if (seen !== undefined) records[records.length - 1] = recordOf(nothing, seen, keyOf);
  };
  try {
    await update(followRelease(stage, observer, version, before?.spec.number ?? 0, RELEASE_DEADLINE_MS, live));
  } catch (error) {
    // What it had come to belongs into the report all the same.
    await update(observer.release()).catch(() => undefined);
    throw error;
  }
  narrator.tell(live());
  const last = records.at(-1);
  const end =
    last?.outcome === undefined ? `did not come to an end within ${RELEASE_DEADLINE_MS / 60_000} minutes` : `ended: ${last.outcome}`;
  narrator.tell(`release ${scenario.name} ${end}`, last?.outcome === scenario.outcome ? 'good' : 'bad');
}

function recordOf(empty: ReleaseRecord, { spec, status }: ModelRelease, keyOf: Ready['keyOf']): ReleaseRecord {
  if (spec.to.version !== empty.to) return empty;
  const finished = status?.finishedAt;
  return {
    ...empty,
    from: spec.from?.version ?? empty.from,
    revision: keyOf(spec.to.version, spec.to.revision),
    outcome: status?.outcome,
    reason: status?.reason,
    explanation: status?.message,
    weights: (status?.windows ?? []).map(({ weight }) => weight),
    finishedAt: finished === undefined ? undefined : Date.parse(finished),
  };
}

/** Tells the figures, and writes them. `trouble` is what ended the demo early. Gives whether all went as described. */
function conclude({ narrator }: Stage, known: Known, trouble: string | undefined, reportFile: string | undefined): boolean {
  narrator.live(undefined);
  const report = makeReport(known.setting, known.scenarios, known.setupSeconds, known.releases, known.answers, trouble);
  if (report.releases.length > 0) {
    narrator.heading('What happened');
    for (const line of describeReport(report)) narrator.show(line);
    for (const { name, explanation } of report.releases) if (explanation !== null) narrator.show(`${name}: ${explanation}`);
  }
  if (report.problems.length === 0) narrator.tell('Everything went as described.', 'good');
  for (const problem of report.problems) narrator.tell(problem, 'bad');
  return writeReport(narrator, report, reportFile) && report.problems.length === 0;
}

function writeReport(narrator: Narrator, report: Report, file: string | undefined): boolean {
  if (file === undefined) return true;
  try {
    writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
    narrator.tell(`figures written to ${file}`);
    return true;
  } catch (error) {
    narrator.tell(`The report cannot be written (${error instanceof Error ? error.message : String(error)}): name another file.`, 'bad');
    return false;
  }
}

function tellWhereToLook(narrator: Narrator, { folder, hints, scenarios }: Ready): void {
  const namespace = `-n ${NAMESPACE}`;
  narrator.heading('Look further');
  const record = `${MODEL}-r${Math.min(3, 1 + scenarios.length)}`;
  const lines = [
    ...hints,
    `kubectl ${namespace} get mver,mdep,mrel`,
    `kubectl ${namespace} describe mdep ${MODEL}                 # Events that read like a log of decisions`,
    `kubectl ${namespace} get mrel ${record} -o yaml           # the record of a release, with its evidence`,
    `kubectl explain modeldeployment.spec.analysis`,
    'kubectl -n plimsoll-system logs deployment/plimsoll',
    "kubectl get --raw /api/v1/namespaces/plimsoll-system/services/plimsoll:8080/proxy/metrics | grep '^plimsoll_'",
    `what was applied  ${folder}`,
  ];
  for (const line of lines) narrator.show(`  ${line}`);
}

async function stayUp({ narrator, errands }: Stage): Promise<void> {
  narrator.show('\nThe requests go on. Press Ctrl-C to take everything down.');
  try {
    for (;;) await errands.pause(3_600_000);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
  }
}

/** Ends what was started; gives whether all of it ended. What is still under way when Ctrl-C came must rest first: a cluster cannot go down while it comes up. */
async function takeDown({ narrator, errands, teardown }: Stage): Promise<boolean> {
  narrator.heading('Taking everything down');
  if (!(await errands.settle(SETTLE_MS))) {
    narrator.tell(
      `something is still under way after ${SETTLE_MS / 1000} s and is left; \`npm run cluster -- down\` ends the cluster`,
      'bad',
    );
  }
  narrator.live(undefined);
  const failures = await teardown.run();
  for (const failure of failures) narrator.tell(`failed: ${failure}`, 'bad');
  narrator.tell('done');
  return failures.length === 0;
}
