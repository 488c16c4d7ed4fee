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
  docker: '.dockerconfigjson',
} as const;

export interface Tls {
  /** PEM: authorities that are trusted beside those of the runtime. */
  readonly ca: string | undefined;
  /** PEM: what this side shows, and the key to it. */
  readonly client: { readonly certificate: string; readonly key: string } | undefined;
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
  /** Text of a docker config.json. */
  readonly dockerConfig: string | undefined;
}

export type Credential = keyof Access;

export const NO_ACCESS: Access = {
  authorization: undefined,
  token: undefined,
  basic: undefined,
  tls: undefined,
  ssh: undefined,
  aws: undefined,
  dockerConfig: undefined,
};

const MEANT: Readonly<Record<Credential, string>> = {
  token: 'token',
  authorization: 'token, or username and password',
  basic: 'username and password',
  tls: 'ca.crt, or tls.crt and tls.key',
  ssh: 'ssh-privatekey and known_hosts',
  aws: 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  dockerConfig: '.dockerconfigjson',
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
  const { token, username, password, ca, certificate, key, sshKey, knownHosts, awsKeyId, awsSecret, awsSession, docker } = keys;
  if (token !== undefined && (username !== undefined || password !== undefined)) {
    return invalid('holds token as well as username or password. Keep one of the two kinds.');
  }
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    return invalid('has a token that is empty or holds spaces, line breaks or non-ASCII characters.');
  }
  const halves: readonly (readonly [string | undefined, string | undefined, string])[] = [
    [username, password, 'both username and password'],
    [certificate, key, 'both tls.crt and tls.key'],
    [awsKeyId, awsSecret, 'both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'],
  ];
  const half = halves.find(([one, other]) => (one === undefined) !== (other === undefined));
  if (half) return invalid(`must hold ${half[2]}, or neither.`);
  if (username?.includes(':') === true) return invalid('has a username with a colon, which HTTP basic authentication cannot carry.');
  const basic = username === undefined || password === undefined ? undefined : { username, password };
  const client = certificate === undefined || key === undefined ? undefined : { certificate, key };
  return success({
    authorization: token === undefined ? basic && basicAuthorization(basic) : `Bearer ${token}`,
    token,
    basic,
    tls: ca === undefined && client === undefined ? undefined : { ca, client },
    ssh: sshKey === undefined ? undefined : { privateKey: `${sshKey}\n`, knownHosts: knownHosts ?? '' },
    aws: awsKeyId === undefined || awsSecret === undefined ? undefined : { keyId: awsKeyId, secret: awsSecret, sessionToken: awsSession },
    dockerConfig: docker,
  });
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
