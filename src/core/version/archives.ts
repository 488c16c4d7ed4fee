// Which files are unpacked: their name says so, as it does to people.

/** Archives that are unpacked. */
export type ArchiveEncoding = 'tar' | 'tar.gz' | 'zip';

const UNPACKED: readonly (readonly [ArchiveEncoding, RegExp])[] = [
  ['tar.gz', /\.(tar\.gz|tgz)$/i],
  ['tar', /\.tar$/i],
  ['zip', /\.zip$/i],
];
const NOT_UNPACKED = /\.(7z|rar|tar\.[a-z0-9]+|tbz2?|txz)$/i;

/** What a file of this name is: an archive to unpack, one of a kind that is not unpacked, or simply a file. */
export function archiveKind(name: string): ArchiveEncoding | 'foreign' | 'none' {
  const found = UNPACKED.find(([, pattern]) => pattern.test(name));
  if (found) return found[0];
  return NOT_UNPACKED.test(name) ? 'foreign' : 'none';
}
