// How TFX lays out the models that it pushes, and what its checks have said about them.
// Sources: Pusher, Evaluator and InfraValidator of TFX 1.21; TensorFlow Serving for what counts as a version.

import { finalFailure, success } from './failure.ts';
import type { Outcome } from './failure.ts';
import type { Dataset, Metadata } from './metadata.ts';
import { quote } from './text.ts';

/** The Pusher copies it last: a folder without it is one that is still being copied, or was left half-copied. */
export const COMPLETE = 'saved_model.pb';

const VERSION = /^\d{1,19}$/;
const LARGEST = 2n ** 63n - 1n;

/** Whether TensorFlow Serving takes a folder of this name for a version. */
export function isVersion(name: string): boolean {
  return VERSION.test(name) && BigInt(name) <= LARGEST;
}

/** The versions among the names in a folder (those of folders end in a slash), by their number, the highest first. */
export function versionsIn(names: readonly string[]): readonly string[] {
  const folders = names.filter((name) => name.endsWith('/')).map((name) => name.slice(0, -1));
  return folders.filter(isVersion).sort((a, b) => (BigInt(a) === BigInt(b) ? (a < b ? -1 : 1) : BigInt(a) > BigInt(b) ? -1 : 1));
}

/** What a check has said; undefined when it has said nothing. `where` is what it said it in, for sentences. */
export interface Verdict {
  readonly by: 'Evaluator' | 'InfraValidator';
  readonly isBlessed: boolean | undefined;
  readonly where: string;
}

const MARKS: readonly (readonly [string, Verdict['by'], boolean])[] = [
  ['BLESSED', 'Evaluator', true],
  ['NOT_BLESSED', 'Evaluator', false],
  ['INFRA_BLESSED', 'InfraValidator', true],
  ['INFRA_NOT_BLESSED', 'InfraValidator', false],
];

/** What the empty files in the folder of a blessing say. An Evaluator without thresholds leaves none. */
export function verdictsIn(names: readonly string[], where: string): readonly Verdict[] {
  const found = MARKS.filter(([mark]) => names.includes(mark)).map(([, by, isBlessed]) => ({ by, isBlessed, where }));
  return found.length > 0 ? found : [{ by: 'Evaluator', isBlessed: undefined, where }];
}

/** Whether a model is blessed: the Evaluator has said so, and none of its checks has said anything else, or nothing. */
export function checkBlessed(verdicts: readonly Verdict[], what: string): Outcome<undefined> {
  const refused = (why: string) =>
    finalFailure(
      'NotBlessed',
      `${what} is not blessed: ${why}. Push a model that passes, or set spec.source.tfx.requireBlessing to false.`,
    );
  const against = verdicts.find(({ isBlessed }) => isBlessed === false);
  if (against !== undefined) return refused(`the ${against.by} has refused it (${against.where})`);
  const silent = verdicts.find(({ isBlessed }) => isBlessed === undefined);
  if (silent !== undefined) {
    return refused(
      `${silent.where} says neither yes nor no${silent.by === 'Evaluator' ? ', as when the Evaluator has no thresholds' : ''}`,
    );
  }
  return verdicts.some(({ by }) => by === 'Evaluator') ? success(undefined) : refused('no blessing of an Evaluator is known for it');
}

/** A push as ML Metadata has it. `destination` is the folder that the Pusher wrote, as the Pusher saw it. */
export interface Push {
  readonly id: number;
  readonly destination: string;
}

/**
 * The push that wrote a version: the one whose destination ends most like the place where the version is read, since the two see the same
 * volume under different names. Undefined when there is none; fails when two could be meant.
 */
export function pushOf(pushes: readonly Push[], base: string, version: string, name: string): Outcome<Push | undefined> {
  const place = [...segmentsOf(base), version];
  const rated = pushes
    .map((push) => ({ push, likeness: commonTail(segmentsOf(push.destination), place) }))
    .filter(({ likeness }) => likeness > 0);
  const best = Math.max(...rated.map(({ likeness }) => likeness));
  const [first, second] = rated.filter(({ likeness }) => likeness === best);
  if (first === undefined || second === undefined || first.push.destination === second.push.destination) return success(first?.push);
  return finalFailure(
    'SourceRefused',
    `${name} has two pushes that could be ${quote([...place].join('/'))}: ${quote(first.push.destination)} and ` +
      `${quote(second.push.destination)}. Give spec.source.tfx.base as it is in one of them.`,
  );
}

function segmentsOf(path: string): readonly string[] {
  return path.split('/').filter((segment) => segment !== '' && segment !== '.');
}

function commonTail(a: readonly string[], b: readonly string[]): number {
  let length = 0;
  while (length < Math.min(a.length, b.length) && a.at(-1 - length) === b.at(-1 - length)) length += 1;
  return length;
}

type Texts = Readonly<Record<string, string>>;

/** What ML Metadata has about the training of a pushed model. */
export interface Lineage {
  readonly pipeline: string | undefined;
  readonly run: string | undefined;
  /** Properties of the Trainer's execution. */
  readonly parameters: Texts;
  readonly examples: readonly {
    readonly id: number;
    readonly node: string | undefined;
    readonly uri: string;
    readonly properties: Texts;
  }[];
  readonly verdicts: readonly Verdict[];
}

export function lineageMetadata({ pipeline, run, parameters, examples, verdicts }: Lineage): Metadata {
  const data = examples.map(({ id, node, uri, properties }): Dataset => {
    const { input_fingerprint: digest } = properties;
    return { name: node ?? `examples-${id}`, ...(uri !== '' && { uri }), ...(digest !== undefined && { digest }) };
  });
  const tags = verdicts.flatMap(({ by, isBlessed }) => (isBlessed === undefined ? [] : [[by, isBlessed ? 'blessed' : 'not blessed']]));
  return {
    training: { ...(pipeline !== undefined && { pipeline }), ...(run !== undefined && { run }), parameters },
    data,
    tags: Object.fromEntries(tags) as Texts,
  };
}
