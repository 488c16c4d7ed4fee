// The CRDs on a real API server: every bound and every rule, each with an object that it takes and one that it refuses.

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { load, loadAll } from 'js-yaml';
import type { Field, Schema } from '../../../src/api/schema.ts';
import { describe as split, fieldsOf, readCrds } from '../../../src/api/schema.ts';
import type { Answer } from '../../support/apiAccess.ts';
import type { Body, Plural } from '../../support/crdObjects.ts';
import { fullObject, fullObjectFor, valueAt, withValue } from '../../support/crdObjects.ts';
import { BROKEN, CHANGES, TAKEN } from '../../support/crdCases.ts';
import type { PrivateApiServer } from '../../support/privateApiServer.ts';
import { startPrivateApiServer } from '../../support/privateApiServer.ts';

const root = resolve(import.meta.dirname, '../../..');
const crds = readCrds(root);
const kinds = crds.map((crd) => [crd.plural as Plural, crd] as const);
let server: PrivateApiServer;
/** Where objects are made and deleted again. */
let namespace = '';
/** Where one full object of each kind stays, for changes of its status. */
let kept = '';

const collection = (plural: Plural, where = namespace) => `/apis/plimsoll.dev/v1alpha1/namespaces/${where}/${plural}`;

/** Creates without keeping it, refusing unknown fields, as kubectl does unless told otherwise. */
async function tryCreate(plural: Plural, object: object): Promise<Answer> {
  return await server.request('POST', `${collection(plural)}?dryRun=All&fieldValidation=Strict`, { body: object });
}

/** Writes the value into the full object, without keeping it: into a new one, or for status, which a create drops, into the kept one. */
async function tryValue(plural: Plural, place: string, value: unknown): Promise<Answer> {
  const object = withValue(fullObjectFor(plural, place), place, value);
  if (!place.startsWith('status')) return await tryCreate(plural, object);
  const path = `${collection(plural, kept)}/${object.metadata.name}/status?dryRun=All&fieldValidation=Strict`;
  return await server.request('PUT', path, { body: { ...object, metadata: await keptMetadata(plural, object.metadata.name) } });
}

async function keptMetadata(plural: Plural, name: string): Promise<unknown> {
  return (await server.request('GET', `${collection(plural, kept)}/${name}`)).body['metadata'];
}

async function create(plural: Plural, object: Body): Promise<Body> {
  const { status, message, body } = await server.request('POST', `${collection(plural)}?fieldValidation=Strict`, { body: object });
  expect([status, message]).toEqual([201, '']);
  return body as unknown as Body;
}

/** Replaces spec, or status through its subresource. */
async function replace(plural: Plural, object: Body, subresource = ''): Promise<Answer> {
  return await server.request('PUT', `${collection(plural)}/${object.metadata.name}${subresource}?fieldValidation=Strict`, {
    body: object,
  });
}

async function remove(plural: Plural, object: Body): Promise<void> {
  await server.request('DELETE', `${collection(plural)}/${object.metadata.name}`);
}

beforeAll(async () => {
  server = await startPrivateApiServer();
  for (const crd of crds) {
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${crd.plural}.plimsoll.dev?fieldManager=plimsoll-test`;
    const body = load(readFileSync(join(root, crd.file), 'utf8'));
    const { status, message } = await server.request('PATCH', path, { body, contentType: 'application/apply-patch+yaml' });
    expect([message, [200, 201].includes(status)]).toEqual(['', true]);
  }
  namespace = await server.createNamespace('crds');
  kept = await server.createNamespace('crds-kept');
  await awaitServed();
  for (const [plural] of kinds) await server.request('POST', collection(plural, kept), { body: fullObject(plural) });
}, 120_000);

afterAll(() => server.stop());

/** A changed schema is served a moment after it was accepted: waits until each kind takes its full object. */
async function awaitServed(): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (const [plural] of kinds) {
    let answer = await tryCreate(plural, fullObject(plural));
    while (answer.status !== 201 && performance.now() < deadline) {
      await new Promise((done) => setTimeout(done, 200));
      answer = await tryCreate(plural, fullObject(plural));
    }
    expect([plural, answer.message]).toEqual([plural, '']);
  }
}

/** Fields of spec and status with a path into the full object: the first item of a list that has the field. */
function placedFields(plural: Plural, schema: Schema): readonly (Field & { readonly place: string })[] {
  return fieldsOf(schema)
    .filter(({ path }) => /^(spec|status)\./.test(path))
    .map((field) => ({ ...field, place: placeOf(fullObjectFor(plural, field.path), field.path) }));
}

function placeOf(object: Body, path: string): string {
  for (let index = 0; index < 20; index += 1) {
    const place = path.replaceAll('[]', `[${index}]`);
    if (valueAt(object, place) !== undefined) return place;
  }
  throw new Error(`The full ${object.kind} of the tests lacks ${path}; add it in test/support/crdObjects.ts.`);
}

/** A value that breaks the schema by itself, with the words that the API server finds for it. */
function badValues(schema: Schema, value: unknown): readonly (readonly [unknown, RegExp])[] {
  const bad: (readonly [unknown, RegExp])[] = [[schema.type === 'string' ? 7 : 'seven', /must be of type|Invalid value|Unsupported value/]];
  if (schema.enum !== undefined) bad.push(['Nonsense', /Unsupported value: "Nonsense"/]);
  if (schema.maxLength !== undefined) bad.push(['a'.repeat(schema.maxLength + 1), /Too long/]);
  if (schema.minLength !== undefined) bad.push(['', /should be at least 1 chars long/]);
  if (schema.pattern !== undefined) bad.push(['!', /should match/]);
  if (schema.format === 'date-time') bad.push(['yesterday', /must be of type date-time/]);
  if (schema.minimum !== undefined) bad.push([schema.minimum - 1, /should be greater than or equal to/]);
  if (schema.maximum !== undefined) bad.push([schema.maximum + 1, /should be less than or equal to/]);
  if (schema.minItems !== undefined) bad.push([[], /should have at least 1 items/]);
  if (schema.maxItems !== undefined) bad.push([many(schema, (value as unknown[])[0]), /Too many/]);
  if (schema.minProperties !== undefined) bad.push([{}, /should have at least 1 properties/]);
  if (schema.maxProperties !== undefined)
    bad.push([Object.fromEntries(range(schema.maxProperties + 1).map((i) => [`k${i}`, '1'])), /Too many/]);
  return bad;
}

/** One item more than allowed, each with its own key. */
function many(schema: Schema, item: unknown): unknown[] {
  const [key] = schema['x-kubernetes-list-map-keys'] ?? [];
  return range((schema.maxItems ?? 0) + 1).map((i) => {
    if (typeof item === 'string') return `${item}${i}`;
    return key === undefined ? item : { ...(item as object), [key]: `x${i}` };
  });
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

describe.each(kinds)('%s', (plural, crd) => {
  const fields = placedFields(plural, crd.schema);

  test('takes and keeps an object with every field', async () => {
    const full = fullObject(plural);
    const created = await tryCreate(plural, full);
    expect([created.status, created.body['spec']]).toEqual([201, full.spec]);
    if (!full.status) return;
    const { status, body } = await tryValue(plural, 'status', full.status);
    expect([status, body['status']]).toEqual([200, full.status]);
  });

  test('takes the example in the description of each field', async () => {
    const wrong: string[] = [];
    for (const { place, schema } of fields) {
      const { example } = split(schema.description ?? '');
      if (example === undefined) continue;
      const { message } = await tryValue(plural, place, load(example));
      if (message !== '') wrong.push(`${place}: ${message}`);
    }
    expect(wrong).toEqual([]);
  }, 60_000);

  test('refuses a value beyond the bounds of each field, and names the field', async () => {
    const wrong: string[] = [];
    for (const { place, schema } of fields) {
      for (const [bad, words] of badValues(schema, valueAt(fullObjectFor(plural, place), place))) {
        const { status, message } = await tryValue(plural, place, bad);
        const name = place
          .split('.')
          .at(-1)!
          .replace(/\[\d\]$/, '');
        if (status !== 422 || !words.test(message) || !message.includes(name))
          wrong.push(`${place} = ${JSON.stringify(bad).slice(0, 60)}: ${status} ${message.slice(0, 300)}`);
      }
    }
    expect(wrong).toEqual([]);
  }, 240_000);

  test('refuses an object without a required field', async () => {
    const required = fields.filter((field) => field.required);
    const wrong: string[] = [];
    for (const { place } of required) {
      const { status, message } = await tryValue(plural, place, undefined);
      const name = place.split('.').at(-1)!;
      if (status !== 422 || !new RegExp(`${name}: Required value|${name}.*key is missing|${name}.*required`).test(message))
        wrong.push(`${place}: ${status} ${message}`);
    }
    expect(required.length).toBeGreaterThan(0);
    expect(wrong).toEqual([]);
  }, 60_000);

  test('refuses an unknown field at every level', async () => {
    const tops = Object.keys(crd.schema.properties ?? {}).filter((top) => ['spec', 'status'].includes(top));
    const levels = [...tops, ...fields.filter(({ schema }) => schema.properties !== undefined).map(({ place }) => place)];
    const items = fields.filter(({ schema }) => schema.items?.properties !== undefined).map(({ place }) => `${place}[0]`);
    for (const level of [...levels, ...items]) {
      const { status, message } = await tryValue(plural, `${level}.nonsense`, 1);
      expect([level, status, message]).toEqual([level, 400, expect.stringContaining(`unknown field "${level}.nonsense"`)]);
    }
  }, 60_000);

  test('serves a description of every field, which is what `kubectl explain` prints', async () => {
    const { body } = await server.request('GET', '/openapi/v3/apis/plimsoll.dev/v1alpha1');
    const schemas = (body['components'] as { schemas: Record<string, Schema> }).schemas;
    const served = Object.entries(schemas).find(([name]) => name.endsWith(`.${crd.kind}`))![1];
    const descriptions = fieldsOf(served)
      .filter(({ path }) => /^(spec|status)/.test(path))
      .map(({ path, schema }) => [path, schema.description]);
    const ours = fieldsOf(crd.schema)
      .filter(({ path }) => /^(spec|status)/.test(path))
      .map(({ path, schema }) => [path, schema.description]);
    expect(new Map(descriptions as [string, string][])).toEqual(new Map(ours as [string, string][]));
  });

  test('is explained by kubectl under its short name, down to the last field', async () => {
    const explained = await server.kubectl(['explain', crd.shortName, '--recursive']);
    const names = fields.map(({ path }) => path.split('.').at(-1)!.replace('[]', ''));
    expect(names.filter((name) => !explained.includes(`${name}\t`))).toEqual([]);
  }, 30_000);
});

describe('a rule', () => {
  test.each(BROKEN)('refuses $plural with $title', async ({ plural, change, message }) => {
    const answer = await tryCreate(plural, changed(fullObject(plural), change));
    expect([answer.status, answer.message]).toEqual([422, expect.stringContaining(message)]);
  });

  test.each(TAKEN)('takes $plural with $title', async ({ plural, change }) => {
    const answer = await tryCreate(plural, changed(fullObject(plural), change));
    expect([answer.status, answer.message]).toEqual([201, '']);
  });

  test.each(CHANGES)('$expectation $title of $plural', async ({ plural, before, after, message }) => {
    const created = await create(plural, changed(fullObject(plural), before));
    try {
      const start = { ...created, ...statusOf(changed(fullObject(plural), before)) };
      const first = await replace(plural, start, '/status');
      expect([first.status, first.message]).toEqual([200, '']);
      const object = changed(first.body as unknown as Body, after);
      const isStatus = Object.keys(after).some((path) => path.startsWith('status'));
      const answer = await replace(plural, object, isStatus ? '/status' : '');
      expect([answer.status, answer.message]).toEqual(message === undefined ? [200, ''] : [422, expect.stringContaining(message)]);
    } finally {
      await remove(plural, created);
    }
  });

  test('of the CRDs is not without a case here', () => {
    const cases = [...BROKEN, ...CHANGES].map(({ plural, message }) => [plural, message] as const);
    const untested = crds.flatMap(({ plural, schema }) => {
      const messages = allRules(schema).map(({ message, messageExpression }) => message ?? messageExpression!);
      return messages.filter(
        (text) => !cases.some(([kind, message]) => kind === plural && message !== undefined && isSaidBy(text, message)),
      );
    });
    expect(untested).toEqual([]);
  });

  test('about defaults is that replicas is filled in, and nothing else', async () => {
    const bare = {
      ...fullObject('modeldeployments'),
      spec: { model: 'fraud', version: '1', runtime: { preset: 'mlserver' }, traffic: { gateway: { parentRefs: [{ name: 'public' }] } } },
    };
    const { body } = await tryCreate('modeldeployments', bare);
    expect(body['spec']).toEqual({ ...bare.spec, replicas: 1 });
  });
});

describe('kubectl apply --server-side', () => {
  test('keeps an empty list of checks, which is not the default, when there were some before', async () => {
    const path = `${collection('modeldeployments')}/fraud?fieldManager=git&fieldValidation=Strict`;
    const apply = async (checks: readonly object[]): Promise<unknown> => {
      const body = changed(fullObject('modeldeployments'), { 'spec.analysis.checks': checks });
      const answer = await server.request('PATCH', path, { body, contentType: 'application/apply-patch+yaml' });
      expect(answer.message).toBe('');
      return valueAt(answer.body, 'spec.analysis.checks');
    };
    try {
      expect(await apply([{ name: 'errors', errorRate: {} }])).toHaveLength(1);
      expect(await apply([])).toEqual([]);
    } finally {
      await remove('modeldeployments', fullObject('modeldeployments'));
    }
  });

  test('takes a status from which a map has gone, and none whose map has become empty', async () => {
    const version = fullObject('modelversions');
    const { metadata } = await create('modelversions', version);
    const path = `${collection('modelversions')}/${metadata.name}/status?fieldManager=operator&force=true&fieldValidation=Strict`;
    const apply = async (tags?: object): Promise<Answer> => {
      const { apiVersion, kind } = version;
      const body = { apiVersion, kind, metadata: { name: metadata.name }, status: { schema: 1, ...(tags && { tags }) } };
      return server.request('PATCH', path, { body, contentType: 'application/apply-patch+yaml' });
    };
    try {
      expect((await apply({ a: 'b' })).body['status']).toEqual({ schema: 1, tags: { a: 'b' } });
      expect((await apply({})).message).toContain('status.tags: Invalid value: "null"');
      expect((await apply()).body['status']).toEqual({ schema: 1 });
    } finally {
      await remove('modelversions', version);
    }
  });
});

describe('kubectl get', () => {
  test('tells the story in one line for each object', async () => {
    const objects = kinds.map(([plural]) => [plural, fullObject(plural)] as const);
    for (const [plural, object] of objects) {
      const created = await create(plural, object);
      if (object.status) await replace(plural, { ...created, ...statusOf(object) }, '/status');
    }
    const output = await server.kubectl(['get', 'mver,mdep,mrel,cset', '-n', namespace]);
    for (const [plural, object] of objects) await remove(plural, object);
    const cells = output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.trim().split(/ {2,}/).slice(0, -1));
    expect(cells).toEqual([
      ['NAME', 'MODEL', 'VERSION', 'READY', 'REASON', 'DURABLE'],
      ['modelversion.plimsoll.dev/fraud-1.4.0', 'fraud', '1.4.0', 'True', 'Serving', 'False'],
      ['NAME', 'MODEL', 'STABLE', 'CANDIDATE', 'WEIGHT', 'PHASE', 'VERDICT'],
      ['modeldeployment.plimsoll.dev/fraud', 'fraud', '1.3.2', '1.3.2', '5', 'Holding', 'Pass'],
      ['NAME', 'DEPLOYMENT', 'FROM', 'TO', 'PHASE', 'OUTCOME', 'REASON'],
      ['modelrelease.plimsoll.dev/fraud-r7', 'fraud', '1.3.2', '1.3.2', 'Holding', 'RolledBack', 'ErrorRateWorse'],
      ['NAME'],
      ['checkset.plimsoll.dev/platform'],
    ]);
  }, 30_000);
});

describe('deploy/examples', () => {
  const files = readdirSync(join(root, 'deploy/examples')).filter((name) => name.endsWith('.yaml'));
  const ours = files.flatMap((file) =>
    (loadAll(readFileSync(join(root, 'deploy/examples', file), 'utf8')) as Body[])
      .filter(({ apiVersion }) => apiVersion.startsWith('plimsoll.dev/'))
      .map((object) => [file, object] as const),
  );

  test('has one of each kind that people write', () => {
    expect(new Set(ours.map(([, { kind }]) => kind))).toEqual(new Set(['ModelVersion', 'ModelDeployment', 'CheckSet']));
  });

  test.each(ours)('%s is taken', async (_, object) => {
    const { plural } = crds.find(({ kind }) => kind === object.kind)!;
    const { status, message } = await tryCreate(plural as Plural, object);
    expect([status, message]).toEqual([201, '']);
  });
});

function changed(object: Body, change: Readonly<Record<string, unknown>>): Body {
  return Object.entries(change).reduce((at, [path, value]) => withValue(at, path, value), object);
}

function statusOf(object: Body): Pick<Body, 'status'> {
  return object.status === undefined ? {} : { status: object.status };
}

function allRules(schema: Schema): readonly { message?: string; messageExpression?: string }[] {
  const below = [...Object.values(schema.properties ?? {}), ...(schema.items === undefined ? [] : [schema.items])];
  return [...(schema['x-kubernetes-validations'] ?? []), ...below.flatMap(allRules)];
}

/** Whether a rule's text is the message of a case; a computed one begins alike. */
function isSaidBy(text: string, message: string): boolean {
  return text === message || (text.startsWith("'metadata.name must be ") && message.startsWith('metadata.name must be '));
}
