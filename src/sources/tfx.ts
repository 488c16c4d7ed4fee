// Source tfx: a SavedModel that a TFX pipeline has pushed. The folder that holds the versions is in a claim; the newest complete one is the
// version, or the one that is named. What the pipeline's own checks have said is asked once, before the version is pinned.

import { finalFailure, passingFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import type { Metadata } from '../core/version/metadata.ts';
import { quote } from '../core/version/text.ts';
import { checkBlessed, COMPLETE, isVersion, lineageMetadata, verdictsIn, versionsIn } from '../core/version/tfx.ts';
import type { Lineage, Verdict } from '../core/version/tfx.ts';
import { booleanOf, optionalTextOf, Problem, textOf, textsOf, type Fields, type Place } from './fields.ts';
import { readLineage } from './mlmd.ts';
import { claimNames, claimSource } from './pvc.ts';
import type { Body, Pinned, Source, SourceContext } from './source.ts';

/** Where pipelines push, and keep what they know. Paths are relative to its root; `field` says which field a path is from. */
export interface PushPlace {
  /** For status and sentences. */
  readonly uri: (path: string) => string;
  /** What lies in a folder; names of folders end in a slash. */
  readonly names: (path: string, field: string) => Promise<Outcome<readonly string[]>>;
  /** All files below a folder, as a version. */
  readonly folder: (path: string, field: string) => Promise<Outcome<Pinned>>;
  readonly file: (path: string, field: string) => Promise<Outcome<Body>>;
}

interface Wanted {
  readonly base: string;
  readonly version: string | undefined;
  readonly requireBlessing: boolean;
  /** Folders of blessings. */
  readonly blessing: readonly string[];
  /** The SQLite file of ML Metadata. */
  readonly metadata: string | undefined;
}

/** A source that reads what was pushed into a claim. */
export function tfxSource(member: Fields, { sourceDir, pins }: Place): Source {
  const claim = textOf(member, 'claim', 'source.tfx.claim');
  const wanted = wantedOf(member);
  if (sourceDir === undefined) throw new Problem('sourceDir must be a text that is not empty');
  return {
    resolve: async (context) => {
      const place = claimPlace(claim, sourceDir, context);
      const pinned = pins?.['version'];
      if (pinned !== undefined) return versionAt(place, wanted.base, pinned, {});
      const version = await chooseVersion(place, wanted, context);
      if (!version.ok) return version;
      const told = await examine(place, wanted, version.value, context);
      return told.ok ? versionAt(place, wanted.base, version.value, told.value) : told;
    },
  };
}

function wantedOf(member: Fields): Wanted {
  return {
    base: textOf(member, 'base', 'source.tfx.base')
      .replace(/^(\.\/+)+/, '')
      .replace(/^\.$|\/+$/, ''),
    version: optionalTextOf(member, 'version', 'source.tfx.version'),
    requireBlessing: booleanOf(member, 'requireBlessing', 'source.tfx.requireBlessing', true),
    blessing: textsOf(member, 'blessing', 'source.tfx.blessing'),
    metadata: optionalTextOf(member, 'metadata', 'source.tfx.metadata'),
  };
}

function claimPlace(claim: string, mountedAt: string, context: SourceContext): PushPlace {
  const at = (path: string, field: string) => ({ claim, path, mountedAt, field: `spec.source.tfx.${field}` });
  const folder = (path: string, field: string) => claimSource(at(path, field)).resolve(context);
  return {
    uri: (path) => `pvc://${claim}/${path}`,
    names: (path, field) => claimNames(at(path, field)),
    folder,
    file: async (path, field) => {
      const found = await folder(path, field);
      return found.ok ? found.value.open({ kind: 'file', path: '' }) : found;
    },
  };
}

async function versionAt(place: PushPlace, base: string, version: string, metadata: Metadata): Promise<Outcome<Pinned>> {
  const folder = await place.folder(below(base, version), 'base');
  return folder.ok ? success({ ...folder.value, pins: { version }, metadata }) : folder;
}

/** The version that is named, or the newest one that is complete. */
async function chooseVersion(place: PushPlace, { base, version }: Wanted, context: SourceContext): Promise<Outcome<string>> {
  if (version !== undefined && !isVersion(version)) {
    return finalFailure(
      'InvalidSource',
      `spec.source.tfx.version ${quote(version)} is no version of TFX: they are positive whole numbers.`,
    );
  }
  const names = version === undefined ? await place.names(base, 'base') : success([`${version}/`]);
  if (!names.ok) return names;
  const versions = versionsIn(names.value);
  for (const each of versions) {
    const files = await place.names(below(base, each), version === undefined ? 'base' : 'version');
    if (!files.ok) return files;
    if (files.value.includes(COMPLETE)) return success(each);
    const incomplete = `${place.uri(below(base, each))} is not complete: it has no ${COMPLETE}, which the Pusher copies last.`;
    if (version !== undefined) return passingFailure('NotFound', incomplete);
    context.log(`${incomplete} It is passed over.`);
  }
  const none = `${place.uri(base)} holds no ${versions.length === 0 ? '' : 'complete '}version: no folder named by a number`;
  return versions.length === 0
    ? finalFailure('NotFound', `${none}. Check spec.source.tfx.base.`)
    : passingFailure('NotFound', `${none} with a ${COMPLETE} in it.`);
}

/** What is known about the version beside its bytes; fails when it has to be blessed and is not. */
async function examine(place: PushPlace, wanted: Wanted, version: string, context: SourceContext): Promise<Outcome<Metadata>> {
  const { base, requireBlessing, metadata, blessing } = wanted;
  const lineage = metadata === undefined ? success(undefined) : await lineageOf(place, metadata, base, version, context);
  if (!lineage.ok) return lineage;
  if (requireBlessing) {
    const verdicts: Verdict[] = [...(lineage.value?.verdicts ?? [])];
    for (const folder of blessing) {
      const names = await place.names(folder, 'blessing');
      if (!names.ok) return names;
      verdicts.push(...verdictsIn(names.value, place.uri(folder)));
    }
    const blessed = checkBlessed(verdicts, place.uri(below(base, version)));
    if (!blessed.ok) return blessed;
  }
  return success(lineage.value === undefined ? {} : lineageMetadata(lineage.value));
}

function below(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

async function lineageOf(
  place: PushPlace,
  path: string,
  base: string,
  version: string,
  context: SourceContext,
): Promise<Outcome<Lineage | undefined>> {
  const name = place.uri(path);
  const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.';
  const beside = await place.names(folder, 'metadata');
  if (!beside.ok) return beside;
  // With it lies the half of a write that is under way.
  if (beside.value.includes(`${path.slice(path.lastIndexOf('/') + 1)}-journal`)) {
    return passingFailure('SourceFailed', `${name} is being written: there is a journal beside it.`);
  }
  const database = await place.file(path, 'metadata');
  if (!database.ok) return database;
  const lineage = await readLineage(database.value, { base, version, name }, context);
  if (lineage.ok && lineage.value === undefined) context.log(`${name} knows no push of ${place.uri(below(base, version))}`);
  return lineage;
}
