// What the Secret of spec.access.secretRef holds, mounted as a folder. Its values go to the source that they are meant for and nowhere else.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { finalFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import { codeOf } from './error.ts';

/** Keys that the types of Secret in Kubernetes use, and those of the tools that the sources come from. */
const KEYS = {
  token: 'token',
  username: 'username',
  password: 'password',
  ca: 'ca.crt',
  certificate: 'tls.crt',
  key: 'tls.key',
  sshKey: 'ssh-privatekey',
  knownHosts: 'known_hosts',
  awsKeyId: 'AWS_ACCESS_KEY_ID',
  awsSecret: 'AWS_SECRET_ACCESS_KEY',
  awsSession: 'AWS_SESSION_TOKEN',
  awsEndpoint: 'AWS_ENDPOINT_URL',
  docker: '.dockerconfigjson',
  remoteUrl: 'remote-url',
  remoteToken: 'remote-token',
  remoteUsername: 'remote-username',
  remotePassword: 'remote-password',
  sshSigners: 'allowed_signers',
  openPgpSigners: 'allowed_signers.asc',
} as const;

export interface Tls {
  /** PEM: authorities that are trusted beside those of the runtime. */
  readonly ca: string | undefined;
  /** PEM: what this side shows, and the key to it. */
  readonly client: { readonly certificate: string; readonly key: string } | undefined;
}

/** Whose signatures count: the text of an allowed_signers file of OpenSSH, and armored OpenPGP public keys. */
export interface Signers {
  readonly ssh: string | undefined;
  readonly openPgp: string | undefined;
}

/** Credentials, as far as the Secret holds them; all undefined without a Secret. */
export interface Access {
  /** Value for an HTTP Authorization header. */
  readonly authorization: string | undefined;
  /** The token in it, for sources that send it in another form. */
  readonly token: string | undefined;
  readonly basic: { readonly username: string; readonly password: string } | undefined;
  readonly tls: Tls | undefined;
  readonly ssh: { readonly privateKey: string; readonly knownHosts: string } | undefined;
  readonly aws: { readonly keyId: string; readonly secret: string; readonly sessionToken: string | undefined } | undefined;
  /** Base URL of the store that `aws` is meant for, where that is not AWS itself. */
  readonly awsEndpoint: string | undefined;
  /** Text of a docker config.json. */
  readonly dockerConfig: string | undefined;
  /** What is meant for another server than that of the source itself: the one at `url`, which the source may lead to. */
  readonly remote: { readonly url: URL; readonly authorization: string } | undefined;
  readonly signers: Signers | undefined;
}

export type Credential = keyof Access;

export const NO_ACCESS: Access = {
  authorization: undefined,
  token: undefined,
  basic: undefined,
  tls: undefined,
  ssh: undefined,
  aws: undefined,
  awsEndpoint: undefined,
  dockerConfig: undefined,
  remote: undefined,
  signers: undefined,
};

const MEANT: Readonly<Record<Credential, string>> = {
  token: 'token',
  authorization: 'token, or username and password',
  basic: 'username and password',
  tls: 'ca.crt, or tls.crt and tls.key',
  ssh: 'ssh-privatekey and known_hosts',
  aws: 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  awsEndpoint: 'AWS_ENDPOINT_URL',
  dockerConfig: '.dockerconfigjson',
  remote: 'remote-url, and remote-token or remote-username and remote-password',
  signers: 'allowed_signers or allowed_signers.asc',
};

/**
 * Reads the folder of a mounted Secret. Fails with AccessInvalid when what it holds contradicts itself, or when it holds none of the
 * credentials that the source knows what to do with (`usable`).
 */
export async function readAccess(accessDir: string | undefined, usable: readonly Credential[]): Promise<Outcome<Access>> {
  if (accessDir === undefined) return success(NO_ACCESS);
  const entries = Object.entries(KEYS).map(async ([name, key]) => [name, await readKey(join(accessDir, key))] as const);
  const access = accessOf(Object.fromEntries(await Promise.all(entries)) as Keys);
  if (!access.ok || usable.some((credential) => access.value[credential] !== undefined)) return access;
  const wanted = usable.filter((credential) => credential !== 'basic' || !usable.includes('authorization')).map((credential) => MEANT[credential]);
  return invalid(`must hold ${wanted.join('; or ')}.`);
}

type Keys = Readonly<Record<keyof typeof KEYS, string | undefined>>;

function accessOf(keys: Keys): Outcome<Access> {
  const { token, username, password, ca, certificate, key, sshKey, knownHosts, awsKeyId, awsSecret, awsSession, docker, sshSigners, openPgpSigners } = keys;
  if (token !== undefined && (username !== undefined || password !== undefined)) {
    return invalid('holds token as well as username or password. Keep one of the two kinds.');
  }
  if ([token, keys.remoteToken].some((text) => text !== undefined && !/^[\x21-\x7e]+$/.test(text))) {
    return invalid('has a token that is empty or holds spaces, line breaks or non-ASCII characters.');
  }
  const halves: readonly (readonly [string | undefined, string | undefined, string])[] = [
    [username, password, 'both username and password'],
    [certificate, key, 'both tls.crt and tls.key'],
    [awsKeyId, awsSecret, 'both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'],
    [keys.remoteUsername, keys.remotePassword, 'both remote-username and remote-password'],
  ];
  const half = halves.find(([one, other]) => (one === undefined) !== (other === undefined));
  if (half) return invalid(`must hold ${half[2]}, or neither.`);
  if ([username, keys.remoteUsername].some((name) => name?.includes(':'))) {
    return invalid('has a username with a colon, which HTTP basic authentication cannot carry.');
  }
  const remote = remoteOf(keys);
  if (!remote.ok) return remote;
  const basic = username === undefined || password === undefined ? undefined : { username, password };
  const client = certificate === undefined || key === undefined ? undefined : { certificate, key };
  return success({
    authorization: token === undefined ? basic && basicAuthorization(basic) : `Bearer ${token}`,
    token,
    basic,
    tls: ca === undefined && client === undefined ? undefined : { ca, client },
    ssh: sshKey === undefined ? undefined : { privateKey: `${sshKey}\n`, knownHosts: knownHosts ?? '' },
    aws: awsKeyId === undefined || awsSecret === undefined ? undefined : { keyId: awsKeyId, secret: awsSecret, sessionToken: awsSession },
    awsEndpoint: keys.awsEndpoint,
    dockerConfig: docker,
    remote: remote.value,
    signers: sshSigners === undefined && openPgpSigners === undefined ? undefined : { ssh: sshSigners, openPgp: openPgpSigners },
  });
}

function remoteOf({ remoteUrl, remoteToken, remoteUsername: username, remotePassword: password }: Keys): Outcome<Access['remote']> {
  const basic = username === undefined || password === undefined ? undefined : basicAuthorization({ username, password });
  const authorization = remoteToken === undefined ? basic : `Bearer ${remoteToken}`;
  if (remoteUrl === undefined && authorization === undefined) return success(undefined);
  const url = URL.parse(remoteUrl ?? '');
  if (authorization === undefined || url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    return invalid(`must hold ${MEANT.remote}: remote-url, an address at https:// or http://, says where the others are sent to.`);
  }
  return success({ url, authorization });
}

/** The value of an Authorization header for HTTP basic authentication. */
export function basicAuthorization({ username, password }: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}

/** A key of the Secret without the line break that editors and `echo` leave at its end; undefined when it is not there. */
async function readKey(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new Error('the mounted Secret cannot be read', { cause: error });
  }
}

function invalid(what: string): ReturnType<typeof finalFailure> {
  return finalFailure('AccessInvalid', `The Secret of spec.access.secretRef ${what}`);
}
