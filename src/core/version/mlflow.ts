// What MLflow's names say: a version's pointer, and where its artifacts are. Read as the clients of MLflow 3.17 read them
// (mlflow/store/artifact).

import { finalFailure, success } from './failure.ts';
import type { Outcome } from './failure.ts';
import { checkPath } from './paths.ts';
import { quote, UNPRINTABLE } from './text.ts';

/** What a version may be named by. An alias moves; a run's path can be written to; the rest stays what it is. */
export type Pointer =
  | { readonly kind: 'version'; readonly model: string; readonly version: string }
  | { readonly kind: 'alias'; readonly model: string; readonly alias: string }
  | { readonly kind: 'run'; readonly run: string; readonly path: string }
  | { readonly kind: 'logged'; readonly id: string };

/** The fields of spec.source.mlflow that make a pointer. */
export interface PointerFields {
  readonly uri: string | undefined;
  readonly model: string | undefined;
  readonly version: string | undefined;
  readonly alias: string | undefined;
}

/** Where artifacts are: behind a server's proxy, whose address is `server`, in a bucket, or where another pointer leads. */
export type Artifacts =
  | { readonly kind: 'proxy'; readonly server: string; readonly path: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string }
  | { readonly kind: 'pointer'; readonly pointer: Pointer };

const FIELD = 'spec.source.mlflow';
/** Path of the artifact proxy below the address of a server. */
export const PROXY_ROUTE = '/api/2.0/mlflow-artifacts/artifacts';

export const VERSION = /^[1-9][0-9]{0,18}$/;
const ALIAS = /^[\p{L}\p{N}_-]{1,255}$/u;
/** `v3` would be read as version 3, so MLflow lets no alias be called that. */
const RESERVED_ALIAS = /^v[0-9]+$/i;
export const RUN = /^[A-Za-z0-9][\w-]{0,255}$/;
export const LOGGED_MODEL = /^m-[\w-]{1,64}$/;
const MAX_MODEL_CHARACTERS = 256;
/** Of an artifact URI: what can be pinned. */
const MAX_URI_CHARACTERS = 1024;

/** The pointer that the fields of spec.source.mlflow give, by uri or by model with version or alias. */
export function parsePointer({ uri, model, version, alias }: PointerFields): Outcome<Pointer> {
  if ((uri === undefined) === (model === undefined)) return invalid(`${FIELD} must hold either uri, or model with version or alias.`);
  if (uri !== undefined) {
    return version === undefined && alias === undefined ? parseUri(uri) : invalid(`${FIELD} must hold no version or alias beside uri.`);
  }
  if ((version === undefined) === (alias === undefined)) return invalid(`${FIELD} must hold exactly one of version and alias.`);
  return named(model ?? '', version === undefined ? { alias: alias ?? '' } : { version }, FIELD);
}

function named(model: string, by: { readonly version: string } | { readonly alias: string }, where: string): Outcome<Pointer> {
  if (model.trim() === '' || model.length > MAX_MODEL_CHARACTERS || /[/:]/.test(model) || UNPRINTABLE.test(model)) {
    return invalid(
      `The model name ${quote(model)} in ${where} is none of MLflow's: 1 to ${MAX_MODEL_CHARACTERS} characters, no '/' or ':'.`,
    );
  }
  if ('alias' in by) {
    if (RESERVED_ALIAS.test(by.alias)) {
      return invalid(`The alias ${quote(by.alias)} in ${where} is reserved by MLflow for versions. Give version: "${by.alias.slice(1)}".`);
    }
    if (!ALIAS.test(by.alias)) return invalid(`The alias ${quote(by.alias)} in ${where} may hold only letters, digits, '_' and '-'.`);
    return success({ kind: 'alias', model, alias: by.alias });
  }
  if (!VERSION.test(by.version)) {
    return invalid(`The version ${quote(by.version)} in ${where} must be a number, as MLflow counts them. ${NO_STAGES}`);
  }
  return success({ kind: 'version', model, version: by.version });
}

const NO_STAGES =
  'Stages such as Production are deprecated in MLflow and move without a trace: set an alias on the version and give that instead ' +
  '(alias: champion, or models:/<model>@champion).';

/** The pointer in a models:/ or runs:/ URI, read as MLflow's clients do: nothing in it is percent-encoded. */
export function parseUri(uri: string, where = `${FIELD}.uri`): Outcome<Pointer> {
  const [, scheme, rest = ''] = /^(models|runs):\/([^/].*)$/s.exec(uri) ?? [];
  if (scheme === undefined) {
    return invalid(
      `${where} is ${quote(uri)}. Give models:/<model>/<version>, models:/<model>@<alias>, models:/m-<id> or runs:/<run id>/<path>.`,
    );
  }
  return scheme === 'runs' ? parseRun(rest.replace(/\/+$/, ''), uri, where) : parseModels(rest.replace(/\/+$/, ''), uri, where);
}

function parseModels(rest: string, uri: string, where: string): Outcome<Pointer> {
  const [model = '', suffix, ...more] = rest.split('/');
  if (more.length > 0) return invalid(`${where} ${quote(uri)} has too many parts: a version is fetched as a whole.`);
  // The newest version: MLflow's clients know it as a suffix, its server as an alias.
  if (suffix?.toLowerCase() === 'latest') return named(model, { alias: 'latest' }, where);
  if (suffix !== undefined) return named(model, { version: suffix }, where);
  const at = model.lastIndexOf('@');
  if (at >= 0) return named(model.slice(0, at), { alias: model.slice(at + 1) }, where);
  if (LOGGED_MODEL.test(model)) return success({ kind: 'logged', id: model });
  return invalid(`${where} ${quote(uri)} names no version. Give models:/<model>/<version> or models:/<model>@<alias>.`);
}

function parseRun(rest: string, uri: string, where: string): Outcome<Pointer> {
  const slash = rest.indexOf('/');
  const [run, path] = slash < 0 ? [rest, ''] : [rest.slice(0, slash), rest.slice(slash + 1)];
  if (!RUN.test(run)) return invalid(`${where} ${quote(uri)} has no run id after runs:/.`);
  if (path === '') return invalid(`${where} ${quote(uri)} must go on with the path of the model in the run: runs:/<run id>/model.`);
  const problem = checkPath(path);
  return problem === undefined ? success({ kind: 'run', run, path }) : invalid(`The path ${quote(path)} in ${where} ${problem}.`);
}

/** A pointer in the form that MLflow's own clients take: for logs and messages. */
export function describePointer(pointer: Pointer): string {
  switch (pointer.kind) {
    case 'version':
      return `models:/${pointer.model}/${pointer.version}`;
    case 'alias':
      return `models:/${pointer.model}@${pointer.alias}`;
    case 'run':
      return `runs:/${pointer.run}/${pointer.path}`;
    case 'logged':
      return `models:/${pointer.id}`;
  }
}

function invalid(message: string): ReturnType<typeof finalFailure> {
  return finalFailure('InvalidSource', message);
}

/**
 * Where an artifact URI leads that the server at `server` (a URL without a slash at its end) gave: mlflow-artifacts:/path is behind that
 * server's own proxy. Refuses what cannot be read from a pod.
 */
export function parseArtifacts(uri: string, server: string): Outcome<Artifacts> {
  if (uri.length > MAX_URI_CHARACTERS || UNPRINTABLE.test(uri)) {
    return refused(`the artifact URI ${shown(uri)}, which is longer than ${MAX_URI_CHARACTERS} characters or does not print.`);
  }
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]+):/.exec(uri)?.[1]?.toLowerCase() ?? 'file';
  switch (scheme) {
    case 'mlflow-artifacts':
      return parseProxied(uri, server);
    case 'http':
    case 'https':
      return parseWeb(uri);
    case 's3':
      return parseBucket(uri);
    case 'models':
    case 'runs': {
      const pointer = parseUri(uri, 'the artifact URI');
      return pointer.ok
        ? success({ kind: 'pointer', pointer: pointer.value })
        : refused(`a pointer that is none: ${pointer.failure.message}`);
    }
    case 'file':
      return refused(
        `${shown(uri)}, a path on the MLflow server's own disk that no pod can read. Start the server with --artifacts-destination, or ` +
          'with an s3:// artifact root, and log the model again.',
      );
    default:
      return refused(
        `${shown(uri)}; artifacts are read through the server's proxy (--artifacts-destination, whatever is behind it) or from s3://.`,
      );
  }
}

function parseProxied(uri: string, server: string): Outcome<Artifacts> {
  const [, host, path = ''] = /^mlflow-artifacts:(?:\/\/([^/]*))?\/*(.*)$/is.exec(uri) ?? [];
  if (host === undefined || host === '') return proxied(server, path, uri);
  const url = URL.parse(server);
  const other = /^[\w.-]+(:\d{1,5})?$/.test(host) ? URL.parse(`${url?.protocol ?? 'https:'}//${host}${url?.pathname ?? '/'}`) : null;
  return other === null ? refused(`${shown(uri)}, in which no host can be read.`) : proxied(addressOf(other), path, uri);
}

function parseWeb(uri: string): Outcome<Artifacts> {
  const at = uri.indexOf(`${PROXY_ROUTE}/`);
  const url = at < 0 ? null : URL.parse(uri.slice(0, at));
  if (url === null)
    return refused(`${shown(uri)}, a web address whose files cannot be listed. Use source http for a file on a web server.`);
  if (url.username !== '' || url.password !== '') return refused('a web address with credentials in it, which are not used.');
  return proxied(addressOf(url), uri.slice(at + PROXY_ROUTE.length + 1), uri);
}

/** A server's URL without what is no address, and without a slash at its end. */
export function addressOf(url: URL): string {
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

function proxied(server: string, written: string, uri: string): Outcome<Artifacts> {
  const path = written.replace(/\/+$/, '');
  const problem = checkPath(path);
  return problem === undefined ? success({ kind: 'proxy', server, path }) : refused(`${shown(uri)}, whose path ${problem}.`);
}

function parseBucket(uri: string): Outcome<Artifacts> {
  const [, bucket = '', written = ''] = /^s3:\/\/([^/]*)\/*(.*)$/is.exec(uri) ?? [];
  const prefix = written.replace(/\/+$/, '');
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) return refused(`${shown(uri)}, in which no bucket can be read.`);
  const problem = checkPath(prefix);
  return problem === undefined ? success({ kind: 's3', bucket, prefix }) : refused(`${shown(uri)}, whose path ${problem}.`);
}

/** A URI for messages: without user name, password and query, which can hold what is secret. */
function shown(uri: string): string {
  return quote(uri.replace(/:\/\/[^/]*@/, '://').replace(/\?.*$/s, ''));
}

function refused(what: string): ReturnType<typeof finalFailure> {
  return finalFailure('SourceRefused', `MLflow says that the model is at ${what}`);
}

/** An artifact URI, or a model's name, as a pin: printable ASCII, from which readPin gets the text again. */
export function writePin(text: string): string {
  return text.toWellFormed().replaceAll(/[^\x21-\x7e]|%/gu, encodeURIComponent);
}

/** What writePin wrote; undefined for a text that it cannot have written. */
export function readPin(pin: string): string | undefined {
  try {
    return decodeURIComponent(pin);
  } catch {
    return undefined;
  }
}
