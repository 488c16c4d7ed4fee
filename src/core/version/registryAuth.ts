// How an OCI registry asks who is there, and what is answered: challenges of RFC 7235, the token protocol of the Docker registry, and the
// config.json in which Kubernetes keeps credentials of registries.

import { finalFailure, success } from './failure.ts';
import type { Outcome } from './failure.ts';

/** What a registry asks for. A realm is where tokens are to be had. */
export type Challenge =
  { readonly scheme: 'basic' } | { readonly scheme: 'bearer'; readonly realm: URL; readonly service: string | undefined };

const MOST_CHALLENGE_CHARACTERS = 4096;
const PIECE = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]+)))?/g;

/**
 * Reads a WWW-Authenticate header; a token is preferred, since it holds for one repository. `registry` is who sent it: a token is fetched
 * as safely as it is used. `name` is what the artifact is called in sentences.
 */
export function readChallenge(header: string | undefined, registry: URL, name: string): Outcome<Challenge> {
  const refused = (problem: string) => finalFailure('SourceRefused', `${name} asks for credentials ${problem}.`);
  const challenges = challengesIn(header?.slice(0, MOST_CHALLENGE_CHARACTERS) ?? '');
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
  if (bearer === undefined) {
    return challenges.some(({ scheme }) => scheme === 'basic') ? success({ scheme: 'basic' }) : refused('in a way that is not known');
  }
  const realm = URL.parse(bearer.parameters['realm'] ?? '');
  if (realm === null || (realm.protocol !== 'https:' && realm.protocol !== 'http:')) return refused('at an address that is no http(s) URL');
  if (registry.protocol === 'https:' && realm.protocol === 'http:')
    return refused('at an http address, where anyone on the way could read them');
  realm.username = '';
  realm.password = '';
  return success({ scheme: 'bearer', realm, service: bearer.parameters['service'] });
}

interface Heard {
  readonly scheme: string;
  readonly parameters: Record<string, string>;
}

/** A word without a value begins the next challenge. */
function challengesIn(header: string): readonly Heard[] {
  const heard: Heard[] = [];
  for (const [, word = '', quoted, plain] of header.matchAll(PIECE)) {
    const value = quoted?.replace(/\\(.)/g, '$1') ?? plain;
    const last = heard.at(-1);
    if (value === undefined) heard.push({ scheme: word.toLowerCase(), parameters: {} });
    else if (last !== undefined) last.parameters[word.toLowerCase()] ??= value;
  }
  return heard;
}

/** Credentials for a registry: for whoever asks for a name and a password, to be changed for a token, or a token as it is. */
export type RegistryCredentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'refreshToken'; readonly token: string }
  | { readonly kind: 'token'; readonly token: string };

/**
 * The credentials that a docker config.json holds for a repository; undefined when it has none. Keys are as Kubernetes reads them: a host,
 * one with `*` for a label, or a host and the beginning of a path; the longest that fits counts.
 */
export function dockerCredentials(text: string, registry: string, repository: string): Outcome<RegistryCredentials | undefined> {
  const auths = fieldsOf(fieldsOf(parse(text))['auths']);
  const isHub = registry === 'docker.io' || registry === 'index.docker.io';
  const hosts = isHub ? ['docker.io', 'index.docker.io', 'registry-1.docker.io'] : [registry.toLowerCase()];
  const fitting = Object.keys(auths)
    .map((key) => ({ key, place: placeOf(key) }))
    .filter(({ place }) => hosts.some((host) => fits(place, host, repository)))
    .sort((a, b) => b.place.length - a.place.length);
  const [first] = fitting;
  if (first === undefined) return success(undefined);
  const { username, password, auth, identitytoken, registrytoken } = fieldsOf(auths[first.key]);
  if (isText(registrytoken)) return success({ kind: 'token', token: registrytoken });
  if (isText(identitytoken)) return success({ kind: 'refreshToken', token: identitytoken });
  if (isText(username) && isText(password)) return success({ kind: 'basic', username, password });
  const [, user, secret] = /^([^:]+):([^]*)$/.exec(isText(auth) ? Buffer.from(auth, 'base64').toString('utf8') : '') ?? [];
  if (user !== undefined && secret !== undefined) return success({ kind: 'basic', username: user, password: secret });
  return finalFailure(
    'AccessInvalid',
    `The Secret of spec.access.secretRef has no usable credentials for ${registry} in .dockerconfigjson: ` +
      'wanted is auth, or username and password.',
  );
}

/** A key without scheme and without the end that Docker Hub's has. */
function placeOf(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '');
}

function fits(place: string, host: string, repository: string): boolean {
  const [pattern = '', ...path] = place.split('/');
  const [labels, wanted] = [host.split('.'), pattern.toLowerCase().split('.')];
  const isHost = labels.length === wanted.length && wanted.every((label, i) => label === '*' || label === labels[i]);
  const prefix = path.join('/');
  return isHost && (prefix === '' || repository === prefix || repository.startsWith(`${prefix}/`));
}

/** The token in the answer of a realm; undefined when there is none that can stand in a header. */
export function tokenIn(text: string): string | undefined {
  const { token, access_token: accessToken } = fieldsOf(parse(text));
  return [token, accessToken].find((value): value is string => isText(value) && /^[\x21-\x7e]+$/.test(value));
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : {};
}
