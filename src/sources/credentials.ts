// Credentials from a mounted Secret: the files `token`, or `username` and `password`. Their values go into one header and nowhere else.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { finalFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import { codeOf } from './error.ts';

/**
 * Reads the value for an HTTP Authorization header from the folder of a mounted Secret; undefined without a folder.
 * Fails with AccessInvalid when the Secret holds something else.
 */
export async function readAuthorization(accessDir: string | undefined): Promise<Outcome<string | undefined>> {
  if (accessDir === undefined) return success(undefined);
  const [token, username, password] = await Promise.all(['token', 'username', 'password'].map((key) => readKey(join(accessDir, key))));
  if (token !== undefined && (username !== undefined || password !== undefined)) {
    return invalid('holds token as well as username or password. Keep one of the two kinds.');
  }
  if (token !== undefined) {
    if (!/^[\x21-\x7e]+$/.test(token)) return invalid('has a token that is empty or holds spaces, line breaks or non-ASCII characters.');
    return success(`Bearer ${token}`);
  }
  if (username === undefined || password === undefined) return invalid('must hold the key token, or both username and password.');
  if (username.includes(':')) return invalid('has a username with a colon, which HTTP basic authentication cannot carry.');
  return success(`Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`);
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
