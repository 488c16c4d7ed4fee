// What of a commit or a tag is signed, and by what: https://git-scm.com/docs/gitformat-signature. Objects are texts of which each character
// is a byte (latin1), since a signature is of bytes.

/** The bytes that were signed, and the signature in its armor. */
export interface Signed {
  readonly payload: string;
  readonly signature: string;
  readonly kind: 'SSH' | 'OpenPGP';
}

/** Splits a commit: its signature is a header. Undefined when it is not signed, or in a form that is not known. */
export function signedCommit(object: string): Signed | undefined {
  const end = object.indexOf('\n\n');
  const [headers, message] = end === -1 ? [object, ''] : [object.slice(0, end), object.slice(end)];
  const kept: string[] = [];
  const signature: string[] = [];
  let isSignature = false;
  for (const line of headers.split('\n')) {
    const isNext = line.startsWith(' ');
    isSignature = isNext ? isSignature : /^gpgsig(-sha256)? /.test(line);
    if (!isSignature) kept.push(line);
    else signature.push(isNext ? line.slice(1) : line.slice(line.indexOf(' ') + 1));
  }
  return signed(`${kept.join('\n')}${message}`, `${signature.join('\n')}\n`);
}

/** Splits a tag: its signature stands at its end. */
export function signedTag(object: string): Signed | undefined {
  const at = object.search(/^-----BEGIN (SSH SIGNATURE|PGP SIGNATURE|PGP MESSAGE)-----$/m);
  return at === -1 ? undefined : signed(object.slice(0, at), object.slice(at));
}

function signed(payload: string, signature: string): Signed | undefined {
  if (signature.startsWith('-----BEGIN SSH SIGNATURE-----\n')) return { payload, signature, kind: 'SSH' };
  if (/^-----BEGIN PGP (SIGNATURE|MESSAGE)-----\n/.test(signature)) return { payload, signature, kind: 'OpenPGP' };
  return undefined;
}

/** When it was signed by its own account: seconds since 1970 in the header `committer` or `tagger`. */
export function signingTime(object: string): number | undefined {
  const time = /^(?:committer|tagger) .*> (\d{1,12}) [+-]\d{4}$/m.exec(object.split('\n\n', 1)[0] ?? '')?.[1];
  return time === undefined ? undefined : Number(time);
}

/** The keys in armored texts, one after the other, as programs keep them; undefined when there is none, or what is not of that form. */
export function unarmored(text: string): Buffer | undefined {
  const blocks = [...text.matchAll(/-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n([\s\S]*?)-----END PGP PUBLIC KEY BLOCK-----/g)];
  const keys = blocks.map(([, block = '']) => {
    const lines = block.split(/\r?\n/);
    const body = lines.slice(lines.indexOf('') + 1).filter((line) => !line.startsWith('='));
    return Buffer.from(body.join(''), 'base64');
  });
  return keys.length === 0 || keys.some((key) => key.length === 0) ? undefined : Buffer.concat(keys);
}
