// The pulling half of the OCI distribution protocol: manifests and blobs of one repository. Credentials are not shown until the registry
// asks for them, and then in the way that it asks for: to itself, or to the realm that it names.

import type { IncomingMessage } from 'node:http';

import { finalFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import { readChallenge, tokenIn, type Challenge, type RegistryCredentials } from '../core/version/registryAuth.ts';
import { basicAuthorization, NO_ACCESS, type Access, type Tls } from './access.ts';
import { statusFailure } from './download.ts';
import { readText, send, type Call } from './request.ts';
import type { SourceContext } from './source.ts';

/** A repository and who asks for it. `name` is what it is called in sentences, `field` says where it is written. */
export interface RepositoryPlace {
  /** Scheme and host. */
  readonly url: URL;
  readonly repository: string;
  readonly name: string;
  readonly field: string;
  readonly credentials: RegistryCredentials | undefined;
  readonly tls: Tls | undefined;
}

export interface Repository {
  /** The answer to a GET of something in the repository: `manifests/<tag or digest>`, `blobs/<digest>`. Has status 200. */
  readonly get: (what: string, accept: string) => Promise<Outcome<Answer>>;
}

/** `call` is what was asked. The caller must consume or destroy the response. */
export interface Answer {
  readonly call: Call;
  readonly response: IncomingMessage;
}

const MOST_TOKEN_BYTES = 64 * 1024;

/** A repository as seen with the credentials that there are. Sends nothing by itself. */
export function repositoryAt(place: RepositoryPlace, context: SourceContext): Repository {
  let authorization: string | undefined;
  const access: Access = { ...NO_ACCESS, tls: place.tls };
  const get = async (what: string, accept: string): Promise<Outcome<Answer>> => {
    const call: Call = {
      url: new URL(`/v2/${place.repository}/${what}`, place.url),
      headers: { accept },
      access,
      // Anew for each request, since a token may hold for no longer than a minute.
      sign: () => Promise.resolve(success(authorization === undefined ? {} : { authorization })),
    };
    let answer = await send(call, context);
    if (answer.ok && answer.value.statusCode === 401) {
      answer.value.destroy();
      const given = await authorize(place, answer.value.headers['www-authenticate'], access, context);
      if (!given.ok) return given;
      authorization = given.value;
      answer = await send(call, context);
    }
    if (!answer.ok) return answer;
    const problem = statusProblem(place, call, what, answer.value.statusCode ?? 0);
    if (problem === undefined) return success({ call, response: answer.value });
    answer.value.destroy();
    return problem;
  };
  return { get };
}

/** The value of the Authorization header that a challenge asks for. */
async function authorize(
  place: RepositoryPlace,
  header: string | undefined,
  access: Access,
  context: SourceContext,
): Promise<Outcome<string>> {
  const { url, name, credentials } = place;
  const challenge = readChallenge(header, url, name);
  if (!challenge.ok) return challenge;
  if (credentials?.kind === 'token') return success(`Bearer ${credentials.token}`);
  if (challenge.value.scheme === 'bearer') return tokenFrom(challenge.value, place, access, context);
  return credentials?.kind === 'basic' ? success(basicAuthorization(credentials)) : denied(place, 401);
}

/** A token to pull from the repository and for nothing else, whatever more the challenge proposes. */
async function tokenFrom(
  { realm, service }: Challenge & { readonly scheme: 'bearer' },
  place: RepositoryPlace,
  access: Access,
  context: SourceContext,
): Promise<Outcome<string>> {
  const { credentials, name } = place;
  const asked = new URLSearchParams({ ...(service !== undefined && { service }), scope: `repository:${place.repository}:pull` });
  const call = credentials?.kind === 'refreshToken' ? refresh(realm, asked, credentials.token) : question(realm, asked, credentials);
  const answer = await send({ ...call, access: { ...access, ...call.access, tls: access.tls } }, context);
  if (!answer.ok) return answer;
  const { statusCode = 0 } = answer.value;
  if (statusCode !== 200) {
    answer.value.destroy();
    if (statusCode === 400 || statusCode === 401 || statusCode === 403) return denied(place, statusCode);
    const failure = statusFailure({ url: realm, field: place.field }, statusCode);
    if (failure !== undefined) return { ok: false, failure };
  }
  const text = await readText(realm, answer.value, MOST_TOKEN_BYTES);
  if (!text.ok) return text;
  const token = tokenIn(text.value);
  return token === undefined ? finalFailure('SourceRefused', `${realm.host} gave no token for ${name}.`) : success(`Bearer ${token}`);
}

function question(realm: URL, asked: URLSearchParams, credentials: RegistryCredentials | undefined): Call {
  const url = new URL(realm);
  for (const [key, value] of asked) url.searchParams.append(key, value);
  return credentials?.kind === 'basic' ? { url, access: { ...NO_ACCESS, authorization: basicAuthorization(credentials) } } : { url };
}

function refresh(realm: URL, asked: URLSearchParams, token: string): Call {
  const body = new URLSearchParams([
    ...asked,
    ['grant_type', 'refresh_token'],
    ['client_id', 'plimsoll'],
    ['refresh_token', token],
  ]).toString();
  return { url: realm, method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body };
}

function statusProblem(place: RepositoryPlace, { url }: Call, what: string, status: number): ReturnType<typeof finalFailure> | undefined {
  if (status === 401 || status === 403) return denied(place, status);
  if (status === 404 && what.startsWith('manifests/')) {
    return finalFailure('NotFound', `The registry ${place.url.host} has no ${place.name}. Check ${place.field}.`);
  }
  const failure = statusFailure({ url, field: place.field }, status);
  return failure && { ok: false, failure };
}

function denied({ url, name, credentials }: RepositoryPlace, status: number): ReturnType<typeof finalFailure> {
  const wayOut =
    credentials === undefined
      ? `Put credentials for ${url.host} into a Secret (.dockerconfigjson, or username and password) and name it in spec.access.secretRef`
      : `The credentials of spec.access.secretRef for ${url.host} are not enough to pull it`;
  return finalFailure('AccessDenied', `${name} may not be read: the registry, or who gives tokens for it, answered ${status}. ${wayOut}.`);
}
