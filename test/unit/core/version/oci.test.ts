import { describe, expect, test } from '@jest/globals';

import { chooseManifest, parseReference, planLayers, readManifest, registryAddress } from '../../../../src/core/version/oci.ts';
import type { Descriptor, Manifest } from '../../../../src/core/version/oci.ts';

const HEX = 'a'.repeat(64);
const DIGEST = `sha256:${HEX}`;

describe('a reference', () => {
  test.each([
    ['registry.example.com/fraud:1.4.0', 'registry.example.com', 'fraud', '1.4.0', undefined],
    ['localhost/fraud:v1', 'localhost', 'fraud', 'v1', undefined],
    ['localhost:5000/risk/fraud-model__x/a.b:1_0-x', 'localhost:5000', 'risk/fraud-model__x/a.b', '1_0-x', undefined],
    [`[::1]:5000/fraud@${DIGEST}`, '[::1]:5000', 'fraud', undefined, DIGEST],
    [`registry:5000/fraud:1@${DIGEST}`, 'registry:5000', 'fraud', '1', DIGEST],
  ])('%s is read', (text, registry, repository, tag, digest) => {
    expect(parseReference(text)).toEqual({ ok: true, value: { registry, repository, tag, digest } });
  });

  test.each([
    ['fraud:1.4.0', 'must begin with the name of a registry'],
    ['risk/fraud:1.4.0', 'must begin with the name of a registry'],
    ['https://registry.example.com/fraud:1', 'must begin with the name of a registry'],
    ['user:secret@registry.example.com/fraud:1', 'must begin with the name of a registry'],
    ['registry.example.com/fraud', 'must end in a tag'],
    ['registry.example.com/:1', 'names no repository'],
    ['registry.example.com/Fraud:1', 'names no repository'],
    ['registry.example.com/../fraud:1', 'names no repository'],
    ['registry.example.com/a//b:1', 'names no repository'],
    ['registry.example.com/fraud:', 'has a tag that no registry can hold'],
    ['registry.example.com/fraud:a/b', 'has a tag that no registry can hold'],
    [`registry.example.com/fraud:${'x'.repeat(129)}`, 'has a tag that no registry can hold'],
    ['registry.example.com/fraud@sha256:abc', 'has a digest that is not sha256'],
    [`registry.example.com/fraud@sha512:${HEX}${HEX}`, 'has a digest that is not sha256'],
    [`registry.example.com/${'a'.repeat(600)}:1`, 'is longer than 512 characters'],
    [`registry.example.com/${'a-'.repeat(200)}:1`, 'names no repository'],
  ])('%s is refused', (text, problem) => {
    const read = parseReference(text);
    expect(read).toMatchObject({ ok: false, failure: { reason: 'InvalidSource', message: expect.stringContaining(problem) as unknown } });
  });

  test('to Docker Hub is asked where it answers', () => {
    const address = (text: string) => {
      const reference = parseReference(text);
      if (!reference.ok) throw new Error(reference.failure.message);
      const { url, repository } = registryAddress(reference.value, false);
      return `${url.href}${repository}`;
    };
    expect(address('docker.io/fraud:1')).toBe('https://registry-1.docker.io/library/fraud');
    expect(address('docker.io/risk/fraud:1')).toBe('https://registry-1.docker.io/risk/fraud');
    expect(address('[::1]:5000/fraud:1')).toBe('https://[::1]:5000/fraud');
  });
});

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const blob = (more: object = {}) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: DIGEST, size: 7, ...more });

describe('a manifest', () => {
  const read = (document: unknown, contentType?: string) => readManifest(JSON.stringify(document), contentType, 'REF');

  test('may leave its media type to the header', () => {
    const document = { schemaVersion: 2, config: blob(), layers: [blob()] };
    expect(read(document, `${MANIFEST}; charset=utf-8`)).toMatchObject({ ok: true, value: { kind: 'manifest' } });
    expect(read(document)).toMatchObject({ ok: false });
  });

  test.each([
    [{ schemaVersion: 2, mediaType: MANIFEST, layers: [blob()] }, 'has no usable config'],
    [{ schemaVersion: 2, mediaType: MANIFEST, config: blob(), layers: [blob(), blob({ digest: 'sha256:x' })] }, 'in layer 2'],
    [{ schemaVersion: 2, mediaType: MANIFEST, config: blob(), layers: [blob({ size: -1 })] }, 'in layer 1'],
    [{ schemaVersion: 2, mediaType: MANIFEST, config: blob(), layers: [blob({ size: 1e300 })] }, 'in layer 1'],
    [{ schemaVersion: 2, mediaType: MANIFEST, config: blob(), layers: [null] }, 'in layer 1'],
    [{ schemaVersion: 2, mediaType: MANIFEST, manifests: [] }, 'but holds the other'],
    [{ schemaVersion: 2, mediaType: 'application/json', config: blob(), layers: [] }, "'application/json'"],
    [[], 'is no manifest'],
    ['x', 'is no manifest'],
  ])('%j is refused', (document, problem) => {
    expect(read(document)).toMatchObject({ ok: false, failure: { message: expect.stringContaining(problem) as unknown } });
  });
});

const descriptor = (more: Partial<Descriptor> = {}): Descriptor => ({ ...blob(), annotations: {}, platform: undefined, ...more });

describe('an index', () => {
  const choose = (...platforms: readonly (string | undefined)[]) =>
    chooseManifest({ kind: 'index', manifests: platforms.map((platform, size) => descriptor({ platform, size })) }, 'REF');

  test('leads to the only manifest, or to that for linux/amd64; attestations do not count', () => {
    expect(choose('linux/arm64')).toMatchObject({ ok: true, value: { size: 0 } });
    expect(choose('linux/arm64', 'unknown/unknown')).toMatchObject({ ok: true, value: { size: 0 } });
    expect(choose('linux/arm64', 'linux/amd64', 'windows/amd64')).toMatchObject({ ok: true, value: { size: 1 } });
    expect(choose(undefined)).toMatchObject({ ok: true, value: { size: 0 } });
  });

  test.each([
    [[], 'it has none'],
    [[undefined, undefined], "2 for 'no platform', 'no platform'"],
    [['linux/amd64', 'linux/amd64'], "2 for 'linux/amd64', 'linux/amd64'"],
    [Array.from({ length: 20 }, () => 'linux/arm64'), 'and more'],
  ])('of %j leads to none', (platforms, said) => {
    expect(choose(...platforms)).toMatchObject({ ok: false, failure: { message: expect.stringContaining(said) as unknown } });
  });
});

describe('the layers of a manifest', () => {
  const manifest = (...layers: readonly Partial<Descriptor>[]): Manifest => ({
    kind: 'manifest',
    config: descriptor(),
    layers: layers.map((layer, size) => descriptor({ size, ...layer })),
    annotations: {},
  });
  const plan = (folder: string, ...layers: readonly Partial<Descriptor>[]) => {
    const planned = planLayers(manifest(...layers), folder, 'REF');
    return planned.ok ? planned.value.map(({ blob: { size }, part }) => [size, part]) : planned.failure.message;
  };
  const titled = (title: string, more: Partial<Descriptor> = {}) => ({ annotations: { 'org.opencontainers.image.title': title }, ...more });

  test('come from the uppermost down', () => {
    const gzip = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
    expect(plan('models', {}, { mediaType: gzip })).toEqual([
      [1, { kind: 'layer', encoding: 'tar.gz', folder: 'models' }],
      [0, { kind: 'layer', encoding: 'tar', folder: 'models' }],
    ]);
  });

  test('with a title are files, whatever their media type, unless oras says that they are packed', () => {
    expect(plan('', titled('a.bin'), titled('b/c.tar.gz'))).toEqual([
      [1, { kind: 'file', path: 'b/c.tar.gz' }],
      [0, { kind: 'file', path: 'a.bin' }],
    ]);
    const packed = { annotations: { 'org.opencontainers.image.title': 'a', 'io.deis.oras.content.unpack': 'true' } };
    expect(plan('', packed)).toEqual([[0, { kind: 'layer', encoding: 'tar', folder: '' }]]);
  });

  test('outside of the folder are left out', () => {
    expect(plan('a', titled('./a/x.bin'), titled('ab/x.bin'), titled('x.bin'))).toEqual([[0, { kind: 'file', path: 'x.bin' }]]);
  });

  test('of an archive of a foreign kind are refused', () => {
    expect(plan('', titled('a.rar'))).toContain("REF is one archive, 'a.rar', of a kind that is not unpacked");
    expect(plan('', titled('a.rar'), titled('b'))).toHaveLength(2);
  });

  test('that are training data are left out', () => {
    const types = ['application/vnd.cncf.model.dataset.v1.raw', 'application/vnd.kitops.modelkit.dataset.v1.tar+gzip'];
    expect(plan('', titled('a.bin'), ...types.map((mediaType) => ({ mediaType })))).toEqual([[0, { kind: 'file', path: 'a.bin' }]]);
  });
});
