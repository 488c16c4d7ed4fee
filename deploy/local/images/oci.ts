// OCI image archives without Docker or a registry: `ctr -n k8s.io images import` reads them as they are.
//
// Deterministic: entries sorted, owner 0:0, times 0, modes reduced to "executable or not". The same input gives the same
// bytes, so the digest of an image says whether anything in it changed.
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack, type Pack } from 'tar-stream';

/** Something that a layer holds. `to` is a path inside the image without a leading slash. */
export type Part =
  /** Files, directories and symbolic links below the folder `from`; `skip` is asked with the path relative to it. */
  | { readonly kind: 'tree'; readonly from: string; readonly to: string; readonly skip?: (path: string) => boolean }
  | { readonly kind: 'copy'; readonly from: string; readonly to: string; readonly executable?: boolean }
  | { readonly kind: 'text'; readonly to: string; readonly text: string; readonly executable?: boolean }
  | { readonly kind: 'directory'; readonly to: string; readonly mode?: number };

/** A compressed layer on disk. */
export interface Layer {
  readonly path: string;
  /** `sha256:...` of the compressed bytes. */
  readonly digest: string;
  /** `sha256:...` of the tar. */
  readonly diffId: string;
  readonly size: number;
}

/** What an image runs. */
export interface ImageConfig {
  readonly entrypoint: readonly string[];
  /** `uid:gid` */
  readonly user: string;
  readonly workingDirectory?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

type Entry =
  | { readonly type: 'file'; readonly mode: number; readonly content: () => Promise<Buffer> }
  | { readonly type: 'directory'; readonly mode: number }
  | { readonly type: 'symlink'; readonly target: string };

const EPOCH = new Date(0);
const STICKY = 0o1000;

const fileMode = (executable: boolean | undefined): number => (executable === true ? 0o755 : 0o644);

async function addTree(entries: Map<string, Entry>, part: Extract<Part, { kind: 'tree' }>): Promise<void> {
  for (const found of await readdir(part.from, { recursive: true, withFileTypes: true })) {
    const path = join(found.parentPath, found.name);
    const relative = path.slice(part.from.length + 1);
    if (part.skip?.(relative) === true) continue;
    const name = join(part.to, relative);
    if (found.isSymbolicLink()) {
      entries.set(name, { type: 'symlink', target: await readlink(path) });
    } else if (found.isDirectory()) {
      const { mode } = await stat(path);
      entries.set(name, { type: 'directory', mode: (mode & STICKY) === 0 ? 0o755 : 0o1777 });
    } else if (found.isFile()) {
      const { mode } = await stat(path);
      entries.set(name, { type: 'file', mode: fileMode((mode & 0o100) !== 0), content: () => readFile(path) });
    }
  }
}

async function collect(parts: readonly Part[]): Promise<readonly (readonly [string, Entry])[]> {
  const entries = new Map<string, Entry>();
  for (const part of parts) {
    switch (part.kind) {
      case 'tree':
        await addTree(entries, part);
        break;
      case 'copy':
        entries.set(part.to, { type: 'file', mode: fileMode(part.executable), content: () => readFile(part.from) });
        break;
      case 'text':
        entries.set(part.to, { type: 'file', mode: fileMode(part.executable), content: () => Promise.resolve(Buffer.from(part.text)) });
        break;
      case 'directory':
        entries.set(part.to, { type: 'directory', mode: part.mode ?? 0o755 });
        break;
    }
  }
  for (const name of [...entries.keys()]) {
    for (let slash = name.lastIndexOf('/'); slash > 0; slash = name.lastIndexOf('/', slash - 1)) {
      const parent = name.slice(0, slash);
      if (!entries.has(parent)) entries.set(parent, { type: 'directory', mode: 0o755 });
    }
  }
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}

async function writeEntry(tar: Pack, name: string, entry: Entry): Promise<void> {
  const content = entry.type === 'file' ? await entry.content() : undefined;
  const header = {
    name,
    mtime: EPOCH,
    ...(entry.type === 'symlink'
      ? { type: 'symlink' as const, mode: 0o777, linkname: entry.target }
      : { type: entry.type, mode: entry.mode, size: content?.length ?? 0 }),
  };
  await new Promise<void>((resolve, reject) => {
    const sink = tar.entry(header, (error) => (error instanceof Error ? reject(error) : resolve()));
    sink.end(content);
  });
}

/** Passes bytes on; `seen` is told each chunk. */
function tap(seen: (chunk: Buffer) => void) {
  return async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      seen(chunk);
      yield chunk;
    }
  };
}

const tagged = (hash: Hash): string => `sha256:${hash.digest('hex')}`;

/** Writes one compressed layer (gzip level 1: on OpenBLAS-like content 6 takes three times as long for 10 % less) to `path`. */
export async function writeLayer(parts: readonly Part[], path: string): Promise<Layer> {
  const entries = await collect(parts);
  const tar = pack();
  const diff = createHash('sha256');
  const blob = createHash('sha256');
  let size = 0;
  const count = (chunk: Buffer): void => {
    blob.update(chunk);
    size += chunk.length;
  };
  const write = async (): Promise<void> => {
    for (const [name, entry] of entries) await writeEntry(tar, name, entry);
    tar.finalize();
  };
  const fail = (error: unknown): never => {
    tar.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  };
  await Promise.all([
    pipeline(
      Readable.from(tar),
      tap((chunk) => diff.update(chunk)),
      createGzip({ level: 1 }),
      tap(count),
      createWriteStream(path),
    ),
    write().catch(fail),
  ]);
  return { path, digest: tagged(blob), diffId: tagged(diff), size };
}

interface Blob {
  readonly digest: string;
  readonly size: number;
  readonly open: () => AsyncIterable<Buffer>;
}

function jsonBlob(value: unknown): Blob {
  const bytes = Buffer.from(JSON.stringify(value));
  return { digest: tagged(createHash('sha256').update(bytes)), size: bytes.length, open: () => Readable.from([bytes]) };
}

function imageConfig(layers: readonly Layer[], config: ImageConfig): unknown {
  return {
    architecture: 'amd64',
    os: 'linux',
    config: {
      User: config.user,
      Entrypoint: config.entrypoint,
      WorkingDir: config.workingDirectory ?? '/',
      Env: Object.entries(config.environment ?? {})
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
  };
}

async function writeBlob(tar: Pack, name: string, blob: Blob): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const sink = tar.entry({ name, mtime: EPOCH, mode: 0o644, size: blob.size }, (error) =>
      error instanceof Error ? reject(error) : resolve(),
    );
    pipeline(blob.open(), sink as unknown as NodeJS.WritableStream).catch(reject);
  });
}

/**
 * Writes an image archive to `path` and returns the manifest's digest (`sha256:...`), the same as containerd will show.
 * `name` is a full reference whose first part contains a dot, or containerd would read it as one of a public registry.
 */
export async function writeArchive(name: string, layers: readonly Layer[], config: ImageConfig, path: string): Promise<string> {
  const image = jsonBlob(imageConfig(layers, config));
  const manifest = jsonBlob({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: image.digest, size: image.size },
    layers: layers.map(({ digest, size }) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size })),
  });
  const index = jsonBlob({
    schemaVersion: 2,
    manifests: [
      {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest: manifest.digest,
        size: manifest.size,
        annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1) },
      },
    ],
  });
  const blobs = [
    image,
    manifest,
    ...layers.map((layer) => ({ ...layer, open: () => createReadStream(layer.path) as AsyncIterable<Buffer> })),
  ];
  const tar = pack();
  const write = async (): Promise<void> => {
    await writeBlob(tar, 'oci-layout', jsonBlob({ imageLayoutVersion: '1.0.0' }));
    await writeBlob(tar, 'index.json', index);
    for (const blob of new Map(blobs.map((each) => [each.digest, each])).values()) {
      await writeBlob(tar, `blobs/sha256/${blob.digest.slice('sha256:'.length)}`, blob);
    }
    tar.finalize();
  };
  const fail = (error: unknown): never => {
    tar.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  };
  await Promise.all([pipeline(Readable.from(tar), createWriteStream(path)), write().catch(fail)]);
  return manifest.digest;
}
