// The model registry that GTO keeps in the tags of a Git repository: which version of an artifact is in which stage. It decides as
// `gto show --json` of GTO 1.10 does, its surprises included (https://dvc.org/doc/gto): a stage is the newest assignment that still
// holds, so a stage that was unassigned falls back to the one before.
//
//   fraud@v1.2.3     the commit is that version         fraud@v1.2.3!   it no longer is
//   fraud#prod#4     the commit is put into stage prod  fraud#prod!#5   it is taken out
//   fraud@deprecated the artifact is no longer kept     models=fraud@…  artifact models:fraud, of models/dvc.yaml

import { finalFailure, success, type Outcome } from './failure.ts';
import { compareSemver, parseSemver, SEMVER } from './semver.ts';
import { quote } from './text.ts';

/** An annotated tag. GTO knows no others: one without a tagger says not when it was made. */
export interface RegistryTag {
  readonly name: string;
  /** The commit that it names. */
  readonly commit: string;
  /** When its tagger made it: seconds since 1970. */
  readonly taggedAt: number;
}

/** What a stage, or `latest`, comes to. A commit that is no version can be in a stage too. */
export interface Chosen {
  readonly commit: string;
  readonly version: string | undefined;
}

export interface Artifact {
  readonly name: string;
  /** False once it was deprecated and nothing was done with it since. */
  readonly isActive: boolean;
  readonly versions: readonly (Chosen & { readonly version: string; readonly isActive: boolean })[];
  readonly latest: Chosen | undefined;
  readonly stages: ReadonlyMap<string, Chosen>;
  /** A commit that is two versions at once: GTO refuses such a registry once a stage is put on it. */
  readonly ambiguous: string | undefined;
}

/** What of an artifact is wanted: a version, 'latest' by semver, or what is in a stage. */
export type Wanted = { readonly version: string } | { readonly stage: string };

const NAME = '[a-zA-Z0-9](?:[a-zA-Z0-9/_-]*[a-zA-Z0-9])?';
const TAG = new RegExp(
  `^(?<artifact>(?:[a-zA-Z0-9_./-]+=)?${NAME})` +
    `(?:(?:#(?<stage>${NAME})|@(?<version>v${SEMVER}))(?<cancel>!?)|@(?<deprecated>deprecated))(?:#[0-9]+)?$`,
);
const LONGEST_TAG = 512;

interface Event {
  readonly artifact: string;
  readonly version: string | undefined;
  readonly stage: string | undefined;
  readonly cancels: boolean;
  readonly commit: string;
  readonly at: number;
}

/** A version of an artifact, or a commit that is none and yet was put into a stage. Times are those of the newest event of a kind. */
interface Entry {
  readonly version: string | undefined;
  readonly commit: string;
  readonly registration: Switch;
  readonly stages: Map<string, Switch>;
}

/** On since its newest event of that kind, unless one of the other kind came later, or in the same second. */
interface Switch {
  on: number;
  off: number;
}

/** All artifacts that the tags of a repository speak of, by their names. */
export function registryOf(tags: readonly RegistryTag[]): ReadonlyMap<string, Artifact> {
  const events = new Map<string, Event[]>();
  // Of two in the same second the one whose name comes first counts as made first.
  const inOrder = tags.toSorted((a, b) => a.taggedAt - b.taggedAt || (a.name < b.name ? -1 : 1));
  for (const event of inOrder.flatMap((tag) => eventOf(tag) ?? [])) {
    const others = events.get(event.artifact);
    if (others) others.push(event);
    else events.set(event.artifact, [event]);
  }
  return new Map(Array.from(events, ([name, list]) => [name, artifactOf(name, list)]));
}

function eventOf({ name, commit, taggedAt }: RegistryTag): Event | undefined {
  const groups = name.length <= LONGEST_TAG ? TAG.exec(name)?.groups : undefined;
  if (groups === undefined) return undefined;
  const { artifact = '', version, stage, cancel } = groups;
  return { artifact: artifact.replace('=', ':'), version, stage, cancels: cancel === '!', commit, at: taggedAt };
}

function artifactOf(name: string, events: readonly Event[]): Artifact {
  const registered = new Map<string, Entry>();
  for (const { version, commit, cancels, at } of events) {
    if (version === undefined) continue;
    const key = `${version} ${commit}`;
    const entry = registered.get(key) ?? entryOf(version, commit);
    registered.set(key, entry);
    turn(entry.registration, cancels, at);
  }
  const { entries, ambiguous } = withStages([...registered.values()], events);
  const deprecation = newSwitch();
  for (const { version, stage, at } of events) turn(deprecation, version !== undefined || stage !== undefined, at);
  const active = entries.filter(({ version, registration }) => version === undefined || isOn(registration));
  return {
    name,
    isActive: !isOn(deprecation),
    versions: entries.flatMap(({ version, commit, registration }) => {
      return version === undefined ? [] : [{ version, commit, isActive: isOn(registration) }];
    }),
    latest: active.filter(({ version }) => version !== undefined).sort(bySemver).map(chosenOf).at(-1),
    stages: stagesOf(active),
    ambiguous,
  };
}

/** The entries with what was put on their commits. A stage belongs to the version that its commit is, also if it became one later. */
function withStages(registered: readonly Entry[], events: readonly Event[]): { entries: readonly Entry[]; ambiguous: string | undefined } {
  const atCommit = Map.groupBy(registered, ({ commit }) => commit);
  const entries = [...registered];
  let ambiguous: string | undefined;
  for (const { stage, commit, cancels, at } of events) {
    if (stage === undefined) continue;
    const [found, other] = atCommit.get(commit) ?? [];
    if (other) ambiguous ??= commit;
    // What was put on a commit that is no version stays there: GTO does not find it again to take it away.
    const entry = found ?? entryOf(undefined, commit);
    if (!found) entries.push(entry);
    const held = entry.stages.get(stage) ?? newSwitch();
    entry.stages.set(stage, held);
    turn(held, cancels, at);
  }
  return { entries, ambiguous };
}

/** Of each stage the newest assignment that holds; of two in the same second that of the version that has been one for longer. */
function stagesOf(active: readonly Entry[]): ReadonlyMap<string, Chosen> {
  const newest = new Map<string, { readonly entry: Entry; readonly at: number }>();
  for (const entry of active.toSorted((a, b) => madeAt(a) - madeAt(b))) {
    for (const [stage, held] of entry.stages) {
      if (isOn(held) && held.on > (newest.get(stage)?.at ?? -Infinity)) newest.set(stage, { entry, at: held.on });
    }
  }
  return new Map(Array.from(newest, ([stage, { entry }]) => [stage, chosenOf(entry)]));
}

/** When it became a version; a commit that is none counts from when it was put into its stage. */
function madeAt({ version, registration, stages }: Entry): number {
  return version === undefined ? Math.max(...Array.from(stages.values(), ({ on }) => on)) : registration.on;
}

function chosenOf({ version, commit }: Entry): Chosen {
  return { version, commit };
}

function entryOf(version: string | undefined, commit: string): Entry {
  return { version, commit, registration: newSwitch(), stages: new Map() };
}

function newSwitch(): Switch {
  return { on: -Infinity, off: -Infinity };
}

function turn(one: Switch, cancels: boolean, at: number): void {
  if (cancels) one.off = Math.max(one.off, at);
  else one.on = Math.max(one.on, at);
}

function isOn({ on, off }: Switch): boolean {
  return on > off;
}

function bySemver(left: Entry, right: Entry): number {
  const [a, b] = [parseSemver(left.version ?? ''), parseSemver(right.version ?? '')];
  return a && b ? compareSemver(a, b) : 0;
}

/** Follows a version, 'latest' or a stage to its commit. Fails with NotFound when the registry has no such thing, or no longer. */
export function choose(registry: ReadonlyMap<string, Artifact>, name: string, wanted: Wanted): Outcome<Chosen> {
  const artifact = registry.get(name);
  if (artifact === undefined) {
    return notFound(`The tags of the repository speak of no artifact ${quote(name)}${listed('; they know', [...registry.keys()])}.`);
  }
  if (artifact.ambiguous !== undefined) {
    const what = `two versions of ${quote(name)} at commit ${quote(artifact.ambiguous)}, so what is in a stage there cannot be told`;
    return finalFailure('SourceRefused', `The tags name ${what}; gto refuses that too. Delete the tag of one of them.`);
  }
  if (!artifact.isActive) return notFound(`The artifact ${quote(name)} is deprecated. Give path and revision to have it all the same.`);
  return 'stage' in wanted ? inStage(artifact, wanted.stage) : ofVersion(artifact, wanted.version);
}

function inStage({ name, stages }: Artifact, stage: string): Outcome<Chosen> {
  const chosen = stages.get(stage);
  if (chosen !== undefined) return success(chosen);
  return notFound(`No version of ${quote(name)} is in stage ${quote(stage)}${listed('; there are the stages', [...stages.keys()])}.`);
}

function ofVersion({ name, versions, latest }: Artifact, version: string): Outcome<Chosen> {
  if (version === 'latest') return latest ? success(latest) : notFound(`No version of ${quote(name)} is registered.`);
  const found = versions.filter((one) => one.version === version);
  const [chosen, other] = found.filter(({ isActive }) => isActive);
  if (chosen === undefined) {
    if (found.length > 0) {
      return notFound(`Version ${version} of ${quote(name)} was deregistered. Give path and revision to have it all the same.`);
    }
    const known = versions.filter(({ isActive }) => isActive).map((one) => one.version);
    return notFound(`${quote(name)} has no version ${quote(version)}${listed('; it has', known)}.`);
  }
  if (other === undefined) return success({ version, commit: chosen.commit });
  return finalFailure('SourceRefused', `The tags name two commits as version ${version} of ${quote(name)}. Delete one of the two tags.`);
}

/** A few of the names that there are, for whoever has mistyped one. */
function listed(lead: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const shown = names.slice(-5).map((name) => quote(name)).join(', ');
  return `${lead} ${shown}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
}

function notFound(message: string): ReturnType<typeof finalFailure> {
  return finalFailure('NotFound', message);
}
