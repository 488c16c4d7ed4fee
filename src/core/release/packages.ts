import type { ModelDeployment } from '../../api/generated/modeldeployment.ts';
import type { ModelVersion } from '../../api/generated/modelversion.ts';
import type { Action, InspectionJob, Observed } from '../observed.ts';
import { inspectionOf, inspectJob, type Inspection } from '../resources/inspection.ts';
import type { Owner } from '../resources/children.ts';
import type { Statement } from '../status/conditions.ts';
import { compareDependencies, decodeInstalled, listed, type Comparison } from '../version/installed.ts';
import { pauseAfter } from '../version/job.ts';
import { clip } from './progress.ts';

type Answer = NonNullable<NonNullable<ModelDeployment['status']>['inspected']>;

/** Whether the image of the server has what the version that spec names needs. */
export interface Packages {
  /** Condition DependenciesMatch. */
  readonly statement: Statement;
  /** Why no release of the version may begin, where it is Strict. */
  readonly refusal: PackagesRefusal | undefined;
  /** What is known of the image, to be kept in the status. */
  readonly inspected: Answer | undefined;
  /** The Job that is to ask. */
  readonly actions: readonly Action[];
  readonly wakeAtMs: number | undefined;
}

export type PackagesRefusal =
  | { readonly state: 'Waiting'; readonly reason: 'InspectingImage'; readonly message: string }
  | {
      readonly state: 'Refused';
      readonly reason: 'DependencyMismatch' | 'DependencyMissing' | 'DependenciesUnknown';
      readonly message: string;
    };

/** Characters of a text in the status. */
const LONGEST = 1024;
/** Pods are not watched: what keeps that of a Job from running is asked for from time to time. */
const LOOK_AGAIN_MS = 10_000;
/** A Job that is made shows itself; this is for one that the API server would not have. */
const MAKE_AGAIN_MS = 60_000;

/** Undefined where nothing is to be compared: the version names no packages, or spec.dependencies is Ignore. */
export function packagesOf(observed: Observed, owner: Owner, now: number): Packages | undefined {
  const { deployment, version } = observed;
  const wanted = version?.status?.metadata?.dependencies;
  const isStrict = version?.spec.dependencies === 'Strict';
  if (version?.status?.resolved === undefined) return undefined;
  if (wanted === undefined) return isStrict ? settled(version, unknown(NOTHING_NAMED), undefined) : undefined;
  const inspection = inspectionOf(deployment, version);
  if (!inspection) return undefined; // Ignore, or a template without an image, which is refused by itself
  const job = observed.inspection?.inputs === inspection.inputs ? observed.inspection : undefined;
  const known = deployment.status?.inspected;
  const answer = known?.inputs === inspection.inputs ? known : job && answerOf(job, inspection);
  if (!answer) return inspecting(version, owner, inspection, job, now);
  const { image, python, machine, packages = {}, problem } = answer;
  if (python === undefined || machine === undefined)
    return settled(version, unknown(`image ${image} cannot say what it has: ${problem}`), answer);
  return settled(version, said(version, image, compareDependencies(wanted, { python, machine, packages })), answer);
}

const NOTHING_NAMED =
  'no file of the version that could be read says what it needs; add requirements.txt beside the model and make another version';

type Said = { readonly status: 'True'; readonly reason: 'Match'; readonly message: string } | Doubt;

interface Doubt {
  readonly status: 'False' | 'Unknown';
  readonly reason: 'DependencyMismatch' | 'DependencyMissing' | 'DependenciesUnknown';
  readonly message: string;
}

function unknown(message: string): Doubt {
  return { status: 'Unknown', reason: 'DependenciesUnknown', message };
}

function said({ spec }: ModelVersion, image: string, comparison: Comparison): Said {
  if (comparison.state === 'Match') {
    const { compared, incomplete } = comparison;
    const rest = incomplete === undefined ? '' : `; ${incomplete}`;
    if (compared === 0) return unknown(`nothing that version ${spec.version} needs can be compared with image ${image}${rest}`);
    const count = `${compared} of what version ${spec.version} needs ${compared === 1 ? 'is' : 'are'} in image ${image} as asked for`;
    // Who wants to be sure is not sure of what nobody looked at.
    const isEnough = incomplete === undefined || spec.dependencies !== 'Strict';
    return isEnough ? { status: 'True', reason: 'Match', message: `${count}${rest}` } : unknown(`${count}${rest}`);
  }
  const { differences, missing } = comparison;
  const parts = [
    ...(differences.length === 0 ? [] : [`has ${listed(differences)}`]),
    ...(missing.length === 0 ? [] : [`lacks ${listed(missing)}`]),
  ];
  const message = `image ${image} is not what version ${spec.version} needs: it ${parts.join(', and ')}; name an image that fits in spec.runtime.template, or make a version for this one`;
  return { status: 'False', reason: differences.length === 0 ? 'DependencyMissing' : 'DependencyMismatch', message };
}

/** What an answer amounts to. */
function settled(version: ModelVersion, result: Said, inspected: Answer | undefined): Packages {
  const { spec, metadata } = version;
  const type = 'DependenciesMatch';
  const rest = { inspected, actions: [], wakeAtMs: undefined };
  if (result.status === 'True' || spec.dependencies !== 'Strict') return { statement: { type, ...result }, refusal: undefined, ...rest };
  const { status, reason } = result;
  const message = `${result.message}; it is not released, since spec.dependencies of ModelVersion ${metadata.name} is Strict (Warn lets it serve all the same)`;
  return { statement: { type, status, reason, message }, refusal: { state: 'Refused', reason, message }, ...rest };
}

/** The answer is not there yet: it is asked for, or asked for again. */
function inspecting(version: ModelVersion, owner: Owner, inspection: Inspection, job: InspectionJob | undefined, now: number): Packages {
  const isStrict = version.spec.dependencies === 'Strict';
  const retryAtMs = job && job.state !== 'Running' ? (job.finishedAtMs ?? now) + pauseAfter(job.attempt) : undefined;
  const isDue = !job || (retryAtMs !== undefined && now >= retryAtMs);
  const trouble = job?.trouble?.message ?? (retryAtMs === undefined ? undefined : 'it ended without an answer, and is tried again');
  const waits = trouble === undefined ? '' : `, which waits: ${trouble}`;
  const message = `a Job asks image ${inspection.image} which packages it has${waits}`;
  const create: Action = { type: 'Create', object: inspectJob(owner, inspection, (job?.attempt ?? 0) + 1), isOptional: !isStrict };
  return {
    statement: { type: 'DependenciesMatch', status: 'Unknown', reason: 'InspectingImage', message },
    refusal: isStrict
      ? { state: 'Waiting', reason: 'InspectingImage', message: `version ${version.spec.version} waits: ${message}` }
      : undefined,
    inspected: undefined,
    actions: isDue ? [create] : [],
    wakeAtMs: isDue ? now + MAKE_AGAIN_MS : (retryAtMs ?? now + LOOK_AGAIN_MS),
  };
}

/** What a Job that has ended says; undefined when it says nothing, and another try may. */
function answerOf({ ended }: InspectionJob, { inputs, image, names, python }: Inspection): Answer | undefined {
  if (!ended || isEndedFromOutside(ended)) return undefined;
  const installed = ended.exitCode === 0 ? decodeInstalled(ended.message, names) : undefined;
  return { inputs, image: clip(image, LONGEST), ...(installed ?? { problem: clip(problemOf(ended, python), LONGEST) }) };
}

/** By a signal, as when its node was drained. */
function isEndedFromOutside({ exitCode, reason }: NonNullable<InspectionJob['ended']>): boolean {
  return exitCode > 128 && reason !== 'OOMKilled';
}

function problemOf({ exitCode, reason }: NonNullable<InspectionJob['ended']>, python: string): string {
  if (reason === 'StartError') return `its program ${python} cannot be started, as in an image without Python`;
  if (reason === 'OOMKilled') return `its ${python} was killed for want of memory`;
  if (exitCode === 0) return `what its ${python} answered cannot be read`;
  return `its ${python} ended with exit code ${exitCode}; it has to be Python 3.8 or later`;
}
