// Source http: one file, or one archive that is unpacked. The URL is the pointer and the place at once: HTTP has no names that
// cannot change, so what pins the version is its digest.

import { finalFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import { checkPath } from '../core/version/paths.ts';
import { quote } from '../core/version/text.ts';
import { readAccess } from './access.ts';
import { download } from './download.ts';
import { textOf, type Fields, type Place } from './fields.ts';
import { describeUrl } from './request.ts';
import { namedPart } from './source.ts';
import type { Part, Source } from './source.ts';

/** A source that gets its bytes from a URL. */
export function httpSource(member: Fields, { accessDir }: Place): Source {
  const text = textOf(member, 'url', 'source.http.url');
  return {
    resolve: async (context) => {
      const url = checkUrl(text);
      if (!url.ok) return url;
      const part = partOf(url.value);
      if (!part.ok) return part;
      const access = await readAccess(accessDir, ['authorization', 'tls']);
      if (!access.ok) return access;
      // Servers that label x.tar.gz as 'Content-Encoding: gzip' send the archive as it is stored.
      const encodings = part.value.kind === 'archive' && part.value.encoding === 'tar.gz' ? ['gzip', 'x-gzip'] : [];
      const what = { url: url.value, access: access.value, field: 'spec.source.http.url', encodings };
      return success({
        uri: `${url.value.origin}${url.value.pathname}`,
        list: () => Promise.resolve(success([part.value])),
        open: () => download(what, context),
      });
    },
  };
}

/** The URL, when it is one that can be got. */
function checkUrl(text: string): Outcome<URL> {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    return finalFailure('InvalidSource', 'spec.source.http.url must be a URL that begins with http:// or https://.');
  }
  if (url.username !== '' || url.password !== '') {
    return finalFailure(
      'InvalidSource',
      'spec.source.http.url holds credentials, which everybody can read there. Put them into a Secret, name it in ' +
        `spec.access.secretRef, and write ${describeUrl(url)}.`,
    );
  }
  return success(url);
}

/** What the last segment of the URL's path says: the name of the file, or an archive. */
function partOf(url: URL): Outcome<Part> {
  const name = decode(url.pathname.slice(url.pathname.lastIndexOf('/') + 1));
  if (name === undefined || name === '') {
    return finalFailure(
      'InvalidSource',
      `${describeUrl(url)} ends in no file name. Give the URL of one file or of an archive (.tar.gz, .tar, .zip).`,
    );
  }
  const part = namedPart(name);
  if (!part.ok || part.value.kind === 'archive') return part;
  const problem = name.includes('/') ? 'holds an escaped slash' : checkPath(name);
  if (problem !== undefined) return finalFailure('InvalidSource', `The file name ${quote(name)} at the end of the URL ${problem}.`);
  return part;
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
