// What an artifact in an OCI registry tells about the model beside its bytes: annotations of the manifest, and the config of a ModelPack,
// of a ModelKit (a Kitfile as JSON), or of an image.

import type { Dataset, Metadata } from './metadata.ts';
import { isDataset, type Manifest, type Texts } from './oci.ts';

/** Configs that are read. An artifact without one has an empty one, of some other media type. */
const CONFIG =
  /^application\/vnd\.(?:(?:cncf|cnai)\.model\.config|kitops\.modelkit\.config|oci\.image\.config|docker\.container\.image)\.v1\+json$/;

/** Whether the config of an artifact tells anything. */
export function hasTellingConfig({ config }: Manifest): boolean {
  return CONFIG.test(config.mediaType) && config.size > 2;
}

/** `config` is the parsed config, undefined for an artifact that has none that tells anything. */
export function ociMetadata(manifest: Manifest, config: unknown): Metadata {
  const fields = fieldsOf(config);
  const labels = textsOf(fieldsOf(fields['config'])['Labels']);
  const told = /kitops/.test(manifest.config.mediaType)
    ? ofModelKit(fields)
    : /\.model\./.test(manifest.config.mediaType)
      ? ofModelPack(fields)
      : {};
  const general = ofAnnotations({ ...labels, ...manifest.annotations });
  const layers = manifest.layers.filter(isDataset).map(({ digest, annotations }, i) => ({
    name: annotations['org.cncf.model.filepath'] ?? `dataset-${i + 1}`,
    digest,
  }));
  const named = new Set(told.data?.flatMap(({ digest }) => digest ?? []));
  const data = [...(told.data ?? []), ...layers.filter(({ digest }) => !named.has(digest))];
  const tags = { ...general.tags, ...told.tags };
  return {
    ...told,
    code: { ...general.code, ...told.code },
    ...(data.length > 0 ? { data } : {}),
    ...(Object.keys(tags).length > 0 ? { tags } : {}),
  };
}

/** The reference by which a ModelKit takes its model from another one; undefined for one that brings its own. */
export function referencedModelKit(manifest: Manifest, config: unknown): string | undefined {
  if (!/kitops/.test(manifest.config.mediaType) || manifest.layers.some(({ mediaType }) => /\.modelkit\.model\./.test(mediaType)))
    return undefined;
  const { path } = fieldsOf(fieldsOf(config)['model']);
  return typeof path === 'string' && path !== '' ? path : undefined;
}

const OCI = 'org.opencontainers.image.';

function ofAnnotations(annotations: Texts): Metadata {
  const [repository, commit] = [annotations[`${OCI}source`], annotations[`${OCI}revision`]];
  const tags = Object.entries(annotations).flatMap(([key, value]) => {
    const name = key.startsWith(OCI) ? key.slice(OCI.length) : key;
    return ['source', 'revision'].includes(name) ? [] : [[name, value]];
  });
  return { code: { ...(repository && { repository }), ...(commit && { commit }) }, tags: Object.fromEntries(tags) as Texts };
}

function ofModelPack(config: Fields): Metadata {
  const { sourceURL, revision, datasetsURL, ...about } = fieldsOf(config['descriptor']);
  const data = (Array.isArray(datasetsURL) ? datasetsURL : []).filter(isText).map((uri): Dataset => ({ name: uri, uri }));
  return {
    code: { ...(isText(sourceURL) && { repository: sourceURL }), ...(isText(revision) && { commit: revision }) },
    data,
    tags: { ...textsOf(about), ...textsOf(config['config']) },
  };
}

function ofModelKit(config: Fields): Metadata {
  const model = fieldsOf(config['model']);
  const data = (Array.isArray(config['datasets']) ? config['datasets'] : []).map(fieldsOf).flatMap(({ name, path, digest }): Dataset[] => {
    const known = [name, path].find(isText);
    return known === undefined ? [] : [{ name: known, ...(isText(digest) && { digest }) }];
  });
  const parameters = textsOf(model['parameters']);
  const { framework, format, version, license } = textsOf(model);
  const about = { framework, format, license, modelVersion: version };
  return {
    data,
    ...(Object.keys(parameters).length > 0 ? { training: { parameters } } : {}),
    tags: { ...textsOf(config['package']), ...textsOf(about) },
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** What in an object is a text or a number, as text; lists of texts in one line. */
function textsOf(value: unknown): Texts {
  return Object.fromEntries(
    Object.entries(fieldsOf(value)).flatMap(([name, item]) => {
      if (typeof item === 'number' || typeof item === 'boolean') return [[name, String(item)]];
      if (Array.isArray(item) && item.length > 0 && item.every(isText)) return [[name, item.join(', ')]];
      return isText(item) ? [[name, item]] : [];
    }),
  );
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}
