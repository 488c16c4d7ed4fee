// Whether a commit or a tag was signed by somebody whom the Secret names. The programs that are meant for it judge that: `ssh-keygen` (man
// ssh-keygen, ALLOWED SIGNERS), and for OpenPGP `gpgv`.

import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { finalFailure, success } from '../../core/version/failure.ts';
import type { Outcome } from '../../core/version/failure.ts';
import { signedCommit, signedTag, signingTime, unarmored, type Signed } from '../../core/version/gitSignature.ts';
import { cleanText } from '../../core/version/text.ts';
import type { Signers } from '../access.ts';
import { errorOf } from '../error.ts';
import { interrupted } from '../request.ts';
import type { SourceContext } from '../source.ts';
import { removeTree } from '../tree.ts';
import { ENVIRONMENT, start, type Ended } from './program.ts';

/** A commit or tag as Git keeps it, and what it is called in a sentence: 'Tag v1.4.0 of https://…'. */
export interface Signable {
  readonly type: 'commit' | 'tag';
  readonly object: Buffer;
  readonly shown: string;
}

const MOST_WORDS = 64 * 1024;
/** Names under which allowed_signers may hold the same key. */
const MOST_PRINCIPALS = 16;

/** Who signed it, in words. Fails with SignatureRefused when nobody did, or nobody whom `signers` holds. */
export async function checkSignature(
  { type, object, shown }: Signable,
  signers: Signers,
  context: SourceContext,
): Promise<Outcome<string>> {
  const text = object.toString('latin1');
  const parts = type === 'commit' ? signedCommit(text) : signedTag(text);
  if (parts === undefined) {
    return finalFailure('SignatureRefused', `${shown} is not signed by an SSH or OpenPGP key, and spec.source.git.verify asks for that.`);
  }
  const folder = await mkdtemp(join(context.spool, 'signature-'));
  try {
    const signature = join(folder, 'signature');
    await writeFile(signature, parts.signature, 'latin1');
    return parts.kind === 'SSH'
      ? await checkSsh({ parts, signature, folder, shown, time: signingTime(text) }, signers, context)
      : await checkOpenPgp({ parts, signature, folder, shown }, signers, context);
  } finally {
    await removeTree(folder);
  }
}

interface Work {
  readonly parts: Signed;
  /** Path of the signature alone. */
  readonly signature: string;
  readonly folder: string;
  readonly shown: string;
}

async function checkSsh(
  { parts, signature, folder, shown, time }: Work & { readonly time: number | undefined },
  { ssh }: Signers,
  context: SourceContext,
): Promise<Outcome<string>> {
  if (ssh === undefined) return noSigners(shown, 'an SSH key', 'allowed_signers');
  const allowed = join(folder, 'allowed_signers');
  await writeFile(allowed, `${ssh}\n`);
  // Keys are good for the time that the file says, and the signature has its own time: as for Git itself.
  const at = new Date((time ?? context.now() / 1000) * 1000).toISOString().replace(/\D/g, '').slice(0, 14);
  const common = ['-f', allowed, '-s', signature, `-Overify-time=${at}`];
  const found = await run('ssh-keygen', ['-Y', 'find-principals', ...common], '', folder, context);
  const principals = found.output.split('\n').filter((line) => line !== '');
  if (found.code !== 0 || principals.length === 0) return unknownSigner(shown, 'an SSH key', 'allowed_signers');
  for (const principal of principals.slice(0, MOST_PRINCIPALS)) {
    const verified = await run('ssh-keygen', ['-Y', 'verify', '-n', 'git', '-I', principal, ...common], parts.payload, folder, context);
    const key = /with (\S+ key SHA256:\S+)/.exec(verified.output)?.[1];
    if (verified.code === 0) return success(cleanText(key === undefined ? principal : `${principal} (${key})`, 256));
  }
  return badSignature(shown);
}

async function checkOpenPgp(
  { parts, signature, folder, shown }: Work,
  { openPgp }: Signers,
  context: SourceContext,
): Promise<Outcome<string>> {
  if (openPgp === undefined) return noSigners(shown, 'an OpenPGP key', 'allowed_signers.asc');
  const keys = unarmored(openPgp);
  if (keys === undefined) {
    return finalFailure('AccessInvalid', 'allowed_signers.asc in the Secret of spec.access.secretRef holds no armored OpenPGP public key.');
  }
  const [keyring, payload] = [join(folder, 'keyring'), join(folder, 'payload')];
  await writeFile(keyring, keys);
  await writeFile(payload, parts.payload, 'latin1');
  const { code, output } = await run(
    'gpgv',
    ['--homedir', folder, '--status-fd', '1', '--keyring', keyring, signature, payload],
    '',
    folder,
    context,
  );
  const status = (keyword: string): string | undefined => new RegExp(`^\\[GNUPG:\\] ${keyword} (.*)$`, 'm').exec(output)?.[1];
  if (status('NO_PUBKEY') !== undefined) return unknownSigner(shown, 'an OpenPGP key', 'allowed_signers.asc');
  if (status('EXPKEYSIG') !== undefined)
    return refused(shown, 'is signed by a key that has expired; put the renewed public key into allowed_signers.asc');
  if (status('REVKEYSIG') !== undefined) return refused(shown, 'is signed by a key that was revoked');
  const [good, valid] = [status('GOODSIG'), status('VALIDSIG')];
  if (code !== 0 || good === undefined || valid === undefined) return badSignature(shown);
  return success(cleanText(`${good.slice(good.indexOf(' ') + 1)} (OpenPGP key ${valid.split(' ', 1)[0] ?? ''})`, 256));
}

async function run(
  program: string,
  args: readonly string[],
  input: string,
  folder: string,
  context: SourceContext,
): Promise<Ended & { readonly output: string }> {
  const env = { PATH: ENVIRONMENT['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC', HOME: folder, TMPDIR: folder };
  const running = start({ program, arguments: args, env, folder }, context.signal);
  running.input.end(input, 'latin1');
  let output = '';
  for await (const chunk of running.output) output = `${output}${(chunk as Buffer).toString('utf8')}`.slice(0, MOST_WORDS);
  const ended = await running.ended;
  if (context.signal.aborted) throw errorOf(interrupted(context.signal));
  if (ended.code === -1) throw new Error(ended.words);
  return { ...ended, output };
}

function noSigners(shown: string, what: string, key: string): ReturnType<typeof finalFailure> {
  return finalFailure('SignatureRefused', `${shown} is signed by ${what}, but the Secret of spec.access.secretRef has no ${key}.`);
}

function unknownSigner(shown: string, what: string, key: string): ReturnType<typeof finalFailure> {
  return refused(shown, `is signed by ${what} that ${key} in the Secret of spec.access.secretRef does not hold`);
}

function badSignature(shown: string): ReturnType<typeof finalFailure> {
  return refused(shown, 'has a signature that is not good: it is not of these bytes, or not by that key');
}

function refused(shown: string, problem: string): ReturnType<typeof finalFailure> {
  return finalFailure('SignatureRefused', `${shown} ${problem}.`);
}
