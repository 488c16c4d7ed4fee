// Source oci: an artifact or image in an OCI registry. A tag is resolved once, to the digest of a manifest; that manifest names every blob
// by its digest, and each is held against it while it comes.

import { createHash } from 'node:crypto';

import { finalFailure, passingFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import {
  chooseManifest,
  MANIFEST_TYPES,
  MOST_MANIFEST_BYTES,
  parseReference,
  planLayers,
  readManifest,
  registryAddress,
} from '../core/version/oci.ts';
import type { Descriptor, Index, Manifest, OciReference } from '../core/version/oci.ts';
import { hasTellingConfig, ociMetadata, referencedModelKit } from '../core/version/ociMetadata.ts';
import type { Metadata } from '../core/version/metadata.ts';
import { dockerCredentials, type RegistryCredentials } from '../core/version/registryAuth.ts';
import { quote } from '../core/version/text.ts';
import { readAccess, type Access } from './access.ts';
import { checkedBody, type Check } from './body.ts';
import { bodyOf } from './download.ts';
import { errorOf } from './error.ts';
import { booleanOf, optionalTextOf, textOf, type Fields, type Place } from './fields.ts';
import { repositoryAt, type Repository } from './registry.ts';
import { readBytes } from './request.ts';
import type { Body, Part, Pinned, Source, SourceContext } from './source.ts';

const FIELD = 'spec.source.oci.reference';

/** A source that pulls from a registry. */
export function ociSource(member: Fields, { accessDir, pins }: Place): Source {
  const text = textOf(member, 'reference', 'source.oci.reference');
  const folder = (optionalTextOf(member, 'path', 'source.oci.path') ?? '').replace(/^(\.?\/+)+|\/+$/g, '');
  const plainHttp = booleanOf(member, 'plainHTTP', 'source.oci.plainHTTP');
  return {
    resolve: async (context) => {
      const reference = parseReference(text);
      if (!reference.ok) return reference;
      const access = await readAccess(accessDir, ['dockerConfig', 'authorization', 'tls']);
      if (!access.ok) return access;
      const credentials = credentialsOf(access.value, reference.value);
      if (!credentials.ok) return credentials;
      const { url, repository } = registryAddress(reference.value, plainHttp);
      const from = repositoryAt(
        { url, repository, name: text, field: FIELD, credentials: credentials.value, tls: access.value.tls },
        context,
      );
      const { tag, digest } = reference.value;
      const manifest = await manifestOf(from, pins?.['digest'] ?? digest ?? tag ?? '', text);
      if (!manifest.ok) return manifest;
      const name = `${reference.value.registry}/${reference.value.repository}@${manifest.value.digest}`;
      return pinned(manifest.value, name, folder, pins !== undefined, from, context);
    },
  };
}

function credentialsOf({ basic, authorization, dockerConfig }: Access, reference: OciReference): Outcome<RegistryCredentials | undefined> {
  if (basic !== undefined) return success({ kind: 'basic', ...basic });
  if (authorization !== undefined) return success({ kind: 'token', token: authorization.replace(/^Bearer /, '') });
  return dockerConfig === undefined ? success(undefined) : dockerCredentials(dockerConfig, reference.registry, reference.repository);
}

interface Found {
  readonly manifest: Manifest;
  readonly digest: string;
}

/** The manifest that a tag or digest leads to, by way of an index if there is one. */
async function manifestOf(from: Repository, reference: string, name: string): Promise<Outcome<Found>> {
  const first = await documentAt(from, reference, name);
  if (!first.ok) return first;
  const { document, digest } = first.value;
  if (document.kind === 'manifest') return success({ manifest: document, digest });
  const chosen = chooseManifest(document, name);
  if (!chosen.ok) return chosen;
  const second = await documentAt(from, chosen.value.digest, name);
  if (!second.ok) return second;
  if (second.value.document.kind === 'manifest') return success({ manifest: second.value.document, digest: second.value.digest });
  return finalFailure('SourceRefused', `${name} is an index that leads to another index. Name a manifest by its digest in ${FIELD}.`);
}

/** A manifest or index with the digest of its bytes, which is the one that was asked for, if one was. */
async function documentAt(
  from: Repository,
  reference: string,
  name: string,
): Promise<Outcome<{ readonly document: Manifest | Index; readonly digest: string }>> {
  const answer = await from.get(`manifests/${reference}`, MANIFEST_TYPES.join(', '));
  if (!answer.ok) return answer;
  const { call, response } = answer.value;
  const { 'content-type': contentType, 'docker-content-digest': announced } = response.headers;
  const bytes = await readBytes(call.url, response, MOST_MANIFEST_BYTES);
  if (!bytes.ok) return bytes;
  const digest = digestOf(bytes.value);
  const expected = reference.startsWith('sha256:')
    ? reference
    : typeof announced === 'string' && announced.startsWith('sha256:')
      ? announced
      : digest;
  if (digest !== expected) return otherBytes(`the manifest of ${name}`, expected, digest);
  const document = readManifest(bytes.value.toString('utf8'), contentType, name);
  return document.ok ? success({ document: document.value, digest }) : document;
}

/** What the manifest says is to be had. `isKnown` says that what it tells beside that has been told before. */
async function pinned(
  { manifest, digest }: Found,
  name: string,
  folder: string,
  isKnown: boolean,
  from: Repository,
  context: SourceContext,
): Promise<Outcome<Pinned>> {
  if (manifest.layers.length > context.limits.files) {
    return finalFailure('TooLarge', `${name} has more than ${context.limits.files} layers. If it is meant, raise limits.files.`);
  }
  const plans = planLayers(manifest, folder, name);
  if (!plans.ok) return plans;
  const told = isKnown ? success({}) : await metadataOf(manifest, name, from);
  if (!told.ok) return told;
  const blobs = new Map<Part, Descriptor>(plans.value.map(({ part, blob }) => [part, blob]));
  return success({
    uri: `oci://${name}${folder === '' ? '' : `#${folder}`}`,
    pins: { digest },
    metadata: told.value,
    list: () => Promise.resolve(success([...blobs.keys()])),
    open: (part) => openBlob(blobs.get(part), name, from, context),
  });
}

async function metadataOf(manifest: Manifest, name: string, from: Repository): Promise<Outcome<Metadata>> {
  if (!hasTellingConfig(manifest)) return success(ociMetadata(manifest, undefined));
  const { digest } = manifest.config;
  const answer = await from.get(`blobs/${digest}`, '*/*');
  if (!answer.ok) return answer;
  const bytes = await readBytes(answer.value.call.url, answer.value.response, MOST_MANIFEST_BYTES);
  if (!bytes.ok) return bytes;
  if (digestOf(bytes.value) !== digest) return otherBytes(`the config of ${name}`, digest, digestOf(bytes.value));
  const config = parse(bytes.value.toString('utf8'));
  const parent = referencedModelKit(manifest, config);
  if (parent === undefined) return success(ociMetadata(manifest, config));
  return finalFailure(
    'SourceRefused',
    `${name} is a ModelKit that takes its model from ${quote(parent)}. Name that one in ${FIELD}, or pack the model into this one.`,
  );
}

/** A blob's bytes; fails at their end when they are not those that the manifest names. */
async function openBlob(blob: Descriptor | undefined, name: string, from: Repository, context: SourceContext): Promise<Outcome<Body>> {
  if (blob === undefined) throw new Error('the part is not one of this manifest');
  const { digest, size } = blob;
  const answer = await from.get(`blobs/${digest}`, '*/*');
  if (!answer.ok) return answer;
  const body = bodyOf(answer.value.call, answer.value.response, context);
  const what = `layer ${digest} of ${name}`;
  if (body.length !== undefined && body.length !== size) {
    body.stream.destroy();
    return otherSize(what, size, String(body.length));
  }
  return success(checkedBody(body, size, blobCheck(what, digest, size)));
}

function blobCheck(what: string, digest: string, size: number): Check {
  const hash = createHash('sha256');
  let received = 0;
  return {
    update: (chunk) => {
      received += chunk.length;
      hash.update(chunk);
      if (received > size) throw errorOf(otherSize(what, size, `more than ${size}`));
    },
    end: () => {
      const came = `sha256:${hash.digest('hex')}`;
      if (received < size) throw errorOf(passingFailure('Truncated', `The registry sent ${received} of ${size} bytes of ${what}.`));
      if (came !== digest) throw errorOf(otherBytes(what, digest, came));
    },
  };
}

function otherBytes(what: string, expected: string, came: string): ReturnType<typeof finalFailure> {
  return finalFailure(
    'DigestMismatch',
    `The registry sent other bytes than were asked for as ${what}: expected ${expected}, got ${came}. Nothing of them is served.`,
  );
}

function otherSize(what: string, expected: number, came: string): ReturnType<typeof finalFailure> {
  return finalFailure(
    'DigestMismatch',
    `The registry has ${came} bytes for ${what}, which has ${expected} by its manifest. Nothing of them is served.`,
  );
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
