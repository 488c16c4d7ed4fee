// Source tfx: a SavedModel that a TFX pipeline has pushed into a claim or a bucket. The newest complete version in its folder is meant, or
// the one that is named. What the pipeline's own checks have said is asked once, before the version is pinned.

import { finalFailure, passingFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import type { Metadata } from '../core/version/metadata.ts';
import { quote } from '../core/version/text.ts';
import { checkBlessed, COMPLETE, isVersion, lineageMetadata, verdictsIn, versionsIn } from '../core/version/tfx.ts';
import type { Lineage, Verdict } from '../core/version/tfx.ts';
import { booleanOf, optionalTextOf, textOf, textsOf, type Fields, type Place } from './fields.ts';
import { readLineage } from './mlmd.ts';
import { pushPlace, type PushPlace } from './pushPlace.ts';
import type { Pinned, Source, SourceContext } from './source.ts';

interface Wanted {
  readonly base: string;
  readonly version: string | undefined;
  readonly requireBlessing: boolean;
  /** Folders of blessings. */
  readonly blessing: readonly string[];
  /** The SQLite file of ML Metadata. */
  readonly metadata: string | undefined;
}

/** A source that reads what was pushed. */
export function tfxSource(member: Fields, given: Place): Source {
  const wanted = wantedOf(member);
  const placeIn = pushPlace('tfx', member, given);
  return {
    resolve: async (context) => {
      const found = await placeIn(context);
      if (!found.ok) return found;
      const place = found.value;
      const pinned = given.pins?.['version'];
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
  const folder = path.slice(0, Math.max(path.lastIndexOf('/'), 0));
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
