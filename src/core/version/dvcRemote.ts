// The remotes that .dvc/config names, and under which names DVC keeps objects in them.

import { finalFailure, success, type Outcome } from './failure.ts';
import { regionOf } from './s3.ts';
import { quote } from './text.ts';

type Texts = Readonly<Record<string, string>>;

/** What .dvc/config says, all names in lower case, as DVC takes them. */
export interface DvcConfig {
  /** Name of the remote that is meant where none is named. */
  readonly remote: string | undefined;
  readonly remotes: ReadonlyMap<string, Texts>;
}

/** A place for objects. `url`, of http, and `prefix`, of S3, do not end in a slash. */
export type Remote =
  | { readonly kind: 'http'; readonly name: string; readonly url: string }
  | {
      readonly kind: 's3';
      readonly name: string;
      readonly bucket: string;
      readonly prefix: string;
      readonly endpoint: string | undefined;
      readonly region: string | undefined;
      /** Files are kept under their own names, and versions of them by the bucket. */
      readonly isVersionAware: boolean;
    };

/** What is stored in a remote. A folder's object is a list of its files. */
export interface StoredObject {
  /** 32 lower-case hexadecimal characters. */
  readonly md5: string;
  readonly isFolder: boolean;
  /** Written by DVC 2, which kept its objects under other names and by another checksum. */
  readonly isLegacy: boolean;
}

/** Where in a remote an object is. */
export function objectPath({ md5, isFolder, isLegacy }: StoredObject): string {
  return `${isLegacy ? '' : 'files/md5/'}${md5.slice(0, 2)}/${md5.slice(2)}${isFolder ? '.dir' : ''}`;
}

const SECTION = /^\[\s*(['"]?)(.*?)\1\s*\]\s*(?:#.*)?$/;
const REMOTE_SECTION = /^remote\s*"(.*)"$/;
const SETTING = /^(?:"([^"]*)"|'([^']*)'|([^'"=][^=]*?))\s*=\s*(?:"([^"]*)"|'([^']*)'|([^#]*))/;

/** Reads the text of .dvc/config, an INI file with sections such as `[core]` and `['remote "store"']`. What it does not know it skips. */
export function parseConfig(text: string): DvcConfig {
  const sections = new Map<string, Record<string, string>>();
  let section: Record<string, string> | undefined;
  for (const line of text.split(/\r?\n/).map((one) => one.trim())) {
    const title = SECTION.exec(line)?.[2]?.trim().toLowerCase();
    if (title !== undefined) {
      section = sections.get(title) ?? {};
      sections.set(title, section);
      continue;
    }
    const setting = line.startsWith('#') ? null : SETTING.exec(line);
    if (setting === null || section === undefined) continue;
    const [, doubleName, singleName, name, doubleValue, singleValue, value] = setting;
    section[(doubleName ?? singleName ?? name ?? '').toLowerCase()] = doubleValue ?? singleValue ?? (value ?? '').trim();
  }
  const remotes = Array.from(sections, ([title, fields]) => [REMOTE_SECTION.exec(title)?.[1], fields] as const);
  return {
    remote: sections.get('core')?.['remote']?.toLowerCase(),
    remotes: new Map(remotes.flatMap(([name, fields]) => (name === undefined ? [] : [[name, fields]]))),
  };
}

/** The remote of that name, or the default one. Fails when there is none, or one of a kind that is not read. */
export function remoteOf(config: DvcConfig, wanted: string | undefined): Outcome<Remote> {
  const name = (wanted ?? config.remote)?.toLowerCase();
  if (name === undefined) {
    const known = [...config.remotes.keys()].slice(0, 5).map(quote).join(', ');
    const wayOut = known === '' ? WAY_OUT : `name one of its remotes in spec.source.dvc.remote (${known})`;
    return refused(`.dvc/config names no default remote: ${wayOut}.`);
  }
  const settings = settingsOf(config, name, []);
  if (!settings.ok) return settings;
  const { url = '' } = settings.value;
  const scheme = /^([a-z0-9+.-]+):\/\//i.exec(url)?.[1]?.toLowerCase();
  if (scheme === 'http' || scheme === 'https') return httpRemote(name, url);
  if (scheme === 's3') return s3Remote(name, settings.value);
  if (scheme === undefined) {
    return refused(`The remote ${quote(name)} is a folder on somebody's machine, which no pod can reach: ${WAY_OUT}.`);
  }
  return refused(`The remote ${quote(name)} is of the kind ${quote(scheme)}, which is not read. Use one at https:// or s3://.`);
}

const WAY_OUT =
  'add one that is reached over the network (`dvc remote add -d store s3://...` or https://...), push to it, and commit .dvc/config';

/** What is said of a remote; `remote://other/path` takes over what is said of the other one. */
function settingsOf({ remotes }: DvcConfig, name: string, through: readonly string[]): Outcome<Texts> {
  const settings = remotes.get(name);
  if (settings?.['url'] === undefined) return refused(`.dvc/config knows no remote ${quote(name)} with a url.`);
  const [, base, rest] = /^remote:\/\/([^/]+)\/*(.*)$/.exec(settings['url']) ?? [];
  if (base === undefined) return success(settings);
  if (through.includes(name)) return refused(`.dvc/config has remotes that refer to each other in a circle: ${quote(name)}.`);
  const found = settingsOf({ remotes, remote: undefined }, base.toLowerCase(), [...through, name]);
  if (!found.ok) return found;
  return success({ ...found.value, ...settings, url: `${(found.value['url'] ?? '').replace(/\/+$/, '')}/${rest ?? ''}` });
}

function httpRemote(name: string, text: string): Outcome<Remote> {
  const url = URL.parse(text);
  if (url === null) return refused(`The url of the remote ${quote(name)} is no URL.`);
  return success({ kind: 'http', name, url: `${url.origin}${url.pathname}`.replace(/\/+$/, '') });
}

function s3Remote(name: string, { url = '', endpointurl, region, version_aware: isVersionAware, worktree }: Texts): Outcome<Remote> {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)\/*(.*)$/i.exec(url) ?? [];
  if (bucket === undefined) return refused(`The url of the remote ${quote(name)} names no bucket.`);
  // It becomes a part of a host name.
  if (region !== undefined && regionOf(region) === undefined) {
    return refused(`The region of the remote ${quote(name)} is none: ${quote(region)}.`);
  }
  const isTrue = (text: string | undefined): boolean => text?.toLowerCase() === 'true';
  return success({
    kind: 's3',
    name,
    bucket,
    prefix: prefix.replace(/\/+$/, ''),
    endpoint: endpointurl,
    region,
    isVersionAware: isTrue(isVersionAware) || isTrue(worktree),
  });
}

function refused(message: string): ReturnType<typeof finalFailure> {
  return finalFailure('SourceRefused', message);
}
