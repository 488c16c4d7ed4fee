// What is said in an OCI registry: references, manifests, indexes, and which files the layers of a manifest are.
// Sources: the OCI distribution and image specifications, the ModelPack specification, and what kit and oras write.

import { archiveKind, type ArchiveEncoding } from './archives.ts';
import { finalFailure, success } from './failure.ts';
import type { Outcome } from './failure.ts';
import { quote } from './text.ts';

/** Where an artifact is. `digest` is 'sha256:' + 64 hexadecimal characters; when it is there the tag says nothing. */
export interface OciReference {
  /** Host, with its port if one is given. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** What a manifest says of a blob or of another manifest. `size` is in bytes. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations: Texts;
  /** `linux/amd64`, where an index says so. */
  readonly platform: string | undefined;
}

export interface Manifest {
  readonly kind: 'manifest';
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations: Texts;
}

export interface Index {
  readonly kind: 'index';
  readonly manifests: readonly Descriptor[];
}

export type Texts = Readonly<Record<string, string>>;

/** Manifests and indexes that are asked for, in the Accept header. */
export const MANIFEST_TYPES: readonly string[] = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];

/** Registries need not take more; a config that is read for what it tells is held to the same. */
export const MOST_MANIFEST_BYTES = 4 * 1024 ** 2;

const HOST = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:]+\])(?::\d{1,5})?$/i;
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const MOST_REFERENCE_CHARACTERS = 512;

/** Reads `registry/repository:tag` or `registry/repository@sha256:…`. Neither a registry nor a tag is made up: both would be guesses. */
export function parseReference(text: string): Outcome<OciReference> {
  const invalid = (problem: string) => finalFailure('InvalidSource', `spec.source.oci.reference ${quote(text)} ${problem}.`);
  if (text.length > MOST_REFERENCE_CHARACTERS) return invalid(`is longer than ${MOST_REFERENCE_CHARACTERS} characters`);
  const [, name = '', digest] = /^([^@]*)(?:@(.*))?$/s.exec(text) ?? [];
  const slash = name.indexOf('/');
  const [registry, rest] = [name.slice(0, Math.max(slash, 0)), name.slice(slash + 1)];
  const [, repository = '', tag] = /^([^:]*)(?::(.*))?$/s.exec(rest) ?? [];
  if (!HOST.test(registry) || !/[.:]|^localhost$/.test(registry)) {
    return invalid('must begin with the name of a registry and a slash, such as registry.example.com/ or localhost:5000/');
  }
  if (!REPOSITORY.test(repository)) return invalid('names no repository: lower-case letters and digits, with . _ - and / between them');
  if (tag !== undefined && !TAG.test(tag)) return invalid('has a tag that no registry can hold');
  if (digest !== undefined && !DIGEST.test(digest)) return invalid('has a digest that is not sha256: and 64 hexadecimal characters');
  if (tag === undefined && digest === undefined) return invalid('must end in a tag (:1.4.0) or a digest (@sha256:…)');
  return success({ registry, repository, tag, digest });
}

/** The base URL of a registry, and the repository's name there: Docker Hub has another host, and a folder for its own images. */
export function registryAddress(
  { registry, repository }: OciReference,
  plainHttp: boolean,
): { readonly url: URL; readonly repository: string } {
  const isHub = registry === 'docker.io' || registry === 'index.docker.io';
  return {
    url: new URL(`${plainHttp ? 'http' : 'https'}://${isHub ? 'registry-1.docker.io' : registry}`),
    repository: isHub && !repository.includes('/') ? `library/${repository}` : repository,
  };
}

/** Reads a manifest or an index from its JSON text. `name` is what it is called in sentences. */
export function readManifest(text: string, contentType: string | undefined, name: string): Outcome<Manifest | Index> {
  const refused = (problem: string) => finalFailure('SourceRefused', `${name} ${problem}.`);
  const document = parse(text);
  if (!isRecord(document))
    return refused('is answered with something that is no manifest. Check that spec.source.oci.reference names a registry');
  const written = document['mediaType'];
  const mediaType = typeof written === 'string' ? written : (contentType?.split(';', 1)[0]?.trim() ?? '');
  if (document['schemaVersion'] !== 2) return refused('has a manifest of a kind that is no longer used (schema 1). Push it again');
  const [layers, manifests] = [document['layers'], document['manifests']];
  // What reads as both would be one thing to us and another to the next reader.
  if (Array.isArray(layers) === Array.isArray(manifests) || !MANIFEST_TYPES.includes(mediaType)) {
    return refused(`has the media type ${quote(mediaType)}, which is neither a manifest with layers nor an index of such`);
  }
  const isIndex = /\.(index|manifest\.list)\./.test(mediaType);
  if (isIndex !== Array.isArray(manifests)) return refused(`says that it is ${quote(mediaType)}, but holds the other`);
  const listed = ((isIndex ? manifests : layers) as readonly unknown[]).map(descriptorOf);
  const broken = listed.indexOf(undefined);
  if (broken !== -1) return refused(`has no usable digest and size in ${isIndex ? 'manifest' : 'layer'} ${broken + 1}`);
  const descriptors = listed as readonly Descriptor[];
  if (isIndex) return success({ kind: 'index', manifests: descriptors });
  const config = descriptorOf(document['config']);
  if (config === undefined) return refused('has no usable config');
  return success({ kind: 'manifest', config, layers: descriptors, annotations: textsOf(document['annotations']) });
}

/** The manifest that an index leads to: the only one, or that for linux/amd64. */
export function chooseManifest({ manifests }: Index, name: string): Outcome<Descriptor> {
  // Build tools put their attestations beside the image, as manifests for no platform.
  const usable = manifests.filter(({ platform }) => platform !== 'unknown/unknown');
  const here = usable.length === 1 ? usable : usable.filter(({ platform }) => platform === 'linux/amd64');
  const [only] = here;
  if (here.length === 1 && only !== undefined) return success(only);
  const platforms = usable.slice(0, 8).map(({ platform }) => quote(platform ?? 'no platform'));
  const what = usable.length === 0 ? 'none' : `${usable.length} for ${platforms.join(', ')}${usable.length > 8 ? ' and more' : ''}`;
  return finalFailure(
    'SourceRefused',
    `${name} is an index that leads to no single manifest: wanted is one alone, or exactly one for linux/amd64; it has ${what}. ` +
      'Name one of them by its digest in spec.source.oci.reference.',
  );
}

/** A blob, and what it is of the version. `folder` is the one in a tar that is the version, '' for all of it. */
export interface LayerPlan {
  readonly blob: Descriptor;
  readonly part:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'archive'; readonly encoding: ArchiveEncoding }
    | { readonly kind: 'layer'; readonly encoding: 'tar' | 'tar.gz'; readonly folder: string };
}

const TAR = /^application\/vnd\.(?:oci\.image\.layer\.v1\.tar(?:\+(\w+))?|docker\.image\.rootfs\.diff\.tar(?:\.(\w+))?)$/;
const MODEL_TAR = /^application\/vnd\.(?:kitops\.modelkit\.\w+|cncf\.model\.[\w.]+|cnai\.model\.[\w.]+)\.v1\.tar(?:\+(\w+))?$/;
const DATASET = /^application\/vnd\.(?:kitops\.modelkit\.dataset|cncf\.model\.dataset|cnai\.model\.dataset)\.v1\./;
const EMPTY = 'application/vnd.oci.empty.v1+json';
const NAMES = ['org.cncf.model.filepath', 'org.cnai.model.filepath', 'org.opencontainers.image.title'];
/** oras packs folders, and says so; without it a file's media type says nothing, since oras gives every file that of a tar. */
const UNPACK = 'io.deis.oras.content.unpack';

/** Whether a layer holds training data: it is told in the version's metadata, and not served. */
export function isDataset({ mediaType }: Descriptor): boolean {
  return DATASET.test(mediaType);
}

/**
 * The blobs of a version, the uppermost layer first: what it holds counts, and hides what the layers below have under the same names. Files
 * come as they are named; a single file that is an archive is unpacked, as from every source.
 */
export function planLayers({ layers }: Manifest, folder: string, name: string): Outcome<readonly LayerPlan[]> {
  const plans: LayerPlan[] = [];
  const wanted = layers.filter((layer) => layer.mediaType !== EMPTY && !isDataset(layer));
  for (const blob of wanted) {
    const part = partOf(blob, folder);
    if (typeof part === 'string') {
      return finalFailure('SourceRefused', `Layer ${layers.indexOf(blob) + 1} of ${name} ${part}.`);
    }
    if (part !== undefined) plans.push({ blob, part });
  }
  const [only] = plans;
  if (plans.length !== 1 || only?.part.kind !== 'file') return success(plans.toReversed());
  const encoding = archiveKind(only.part.path);
  if (encoding === 'none') return success(plans);
  if (encoding !== 'foreign') return success([{ blob: only.blob, part: { kind: 'archive', encoding } }]);
  return finalFailure(
    'SourceRefused',
    `${name} is one archive, ${quote(only.part.path)}, of a kind that is not unpacked. Push a .tar.gz, .tar or .zip.`,
  );
}

/** What a layer is; undefined for a file outside of the folder, and what is wrong as the end of a sentence. */
function partOf({ mediaType, annotations }: Descriptor, folder: string): LayerPlan['part'] | string | undefined {
  const name = NAMES.map((key) => annotations[key]).find((value) => value !== undefined && value !== '');
  const tar = MODEL_TAR.exec(mediaType) ?? (name === undefined || annotations[UNPACK] === 'true' ? TAR.exec(mediaType) : null);
  if (tar !== null) {
    const compression = tar[1] ?? tar[2] ?? 'none';
    if (compression !== 'none' && compression !== 'gzip')
      return `is compressed with ${quote(compression)}, which is not unpacked. Push it with gzip, or as it is`;
    return { kind: 'layer', encoding: compression === 'gzip' ? 'tar.gz' : 'tar', folder };
  }
  if (name === undefined) {
    return `has the media type ${quote(mediaType)}, which is no tar, and no annotation org.opencontainers.image.title that names its file`;
  }
  const path = name.replace(/^(\.\/+)+/, '');
  if (folder === '') return { kind: 'file', path };
  return path.startsWith(`${folder}/`) ? { kind: 'file', path: path.slice(folder.length + 1) } : undefined;
}

function descriptorOf(value: unknown): Descriptor | undefined {
  if (!isRecord(value)) return undefined;
  const { mediaType, digest, size, platform } = value;
  if (typeof digest !== 'string' || !DIGEST.test(digest) || !Number.isSafeInteger(size) || (size as number) < 0) return undefined;
  const { os, architecture } = isRecord(platform) ? platform : {};
  return {
    mediaType: typeof mediaType === 'string' ? mediaType : '',
    digest,
    size: size as number,
    annotations: textsOf(value['annotations']),
    platform: typeof os === 'string' && typeof architecture === 'string' ? `${os}/${architecture}` : undefined,
  };
}

function textsOf(value: unknown): Texts {
  if (!isRecord(value)) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
