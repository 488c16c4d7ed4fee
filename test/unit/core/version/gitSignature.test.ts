import { describe, expect, test } from '@jest/globals';

import { signedCommit, signedTag, signingTime, unarmored } from '../../../../src/core/version/gitSignature.ts';

const TREE = `tree ${'a'.repeat(40)}\n`;
const PEOPLE = 'author Ada <a@x> 1 +0000\ncommitter Ada <a@x> 1700000000 +0100\n';
const SSH = '-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----\n';
const PGP = '-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n';

function header(name: string, signature: string): string {
  return `${name} ${signature.trimEnd().replaceAll('\n', '\n ')}\n`;
}

describe('a commit', () => {
  test.each([
    ['SSH', SSH],
    ['OpenPGP', PGP],
  ])('signed by %s is split into what was signed and the signature', (kind, signature) => {
    const object = `${TREE}${PEOPLE}${header('gpgsig', signature)}encoding latin1\n\nthe message\ngpgsig of no account\n`;
    expect(signedCommit(object)).toEqual({
      kind,
      signature,
      payload: `${TREE}${PEOPLE}encoding latin1\n\nthe message\ngpgsig of no account\n`,
    });
  });

  test('keeps the lines of other headers that go on', () => {
    const tag = `mergetag object ${'b'.repeat(40)}\n type commit\n \n a signed tag\n`;
    expect(signedCommit(`${TREE}${PEOPLE}${tag}${header('gpgsig', SSH)}\nm`)?.payload).toBe(`${TREE}${PEOPLE}${tag}\nm`);
  });

  test.each([
    ['without a signature', `${TREE}${PEOPLE}\nm\n`],
    ['with one in its message', `${TREE}${PEOPLE}\n${header('gpgsig', SSH)}`],
    [
      'with one of another form',
      `${TREE}${PEOPLE}${header('gpgsig', '-----BEGIN SIGNED MESSAGE-----\nMII=\n-----END SIGNED MESSAGE-----\n')}\nm`,
    ],
    ['that is empty', ''],
  ])('%s is not signed', (_what, object) => {
    expect(signedCommit(object)).toBeUndefined();
  });

  test('was signed at the time of its committer', () => {
    expect(signingTime(`${TREE}${PEOPLE}\ncommitter Eve <e@x> 5 +0000\n`)).toBe(1_700_000_000);
    expect(signingTime(`${TREE}\ncommitter Eve <e@x> 5 +0000\n`)).toBeUndefined();
  });
});

describe('a tag', () => {
  const text = `object ${'a'.repeat(40)}\ntype commit\ntag v1\ntagger Ada <a@x> 7 +0000\n\nthe message\n`;

  test.each([
    ['SSH', SSH],
    ['OpenPGP', PGP],
  ])('signed by %s is split before the signature', (kind, signature) => {
    expect(signedTag(`${text}${signature}`)).toEqual({ kind, signature, payload: text });
    expect(signingTime(text)).toBe(7);
  });

  test('without a signature has none', () => {
    expect(signedTag(text)).toBeUndefined();
    expect(signedTag(`${text}x-----BEGIN SSH SIGNATURE-----\n`)).toBeUndefined();
  });
});

test('armored keys are put one behind the other', () => {
  const armored = (body: string): string =>
    `-----BEGIN PGP PUBLIC KEY BLOCK-----\r\nComment: x\r\n\r\n${body}\r\n=abcd\r\n-----END PGP PUBLIC KEY BLOCK-----\r\n`;
  expect(unarmored(`x\n${armored('aGVs\r\nbG8=')}${armored('IQ==')}`)?.toString()).toBe('hello!');
  for (const none of ['', 'nonsense', armored('')]) expect(unarmored(none)).toBeUndefined();
});
