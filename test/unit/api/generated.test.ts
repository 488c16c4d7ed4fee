import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { load } from 'js-yaml';
import type { Field, Schema } from '../../../src/api/schema.ts';
import { describe as split, fieldsOf, readCrds } from '../../../src/api/schema.ts';

const root = resolve(import.meta.dirname, '../../..');
const crds = readCrds(root);
const cases = crds.map((crd) => [crd.kind, crd] as const);

/** Fields whose description need not show an example: there is no other way to write them, or their members show it. */
function isPlain({ schema }: Field): boolean {
  const isObject = schema.type === 'object' && schema.properties !== undefined;
  const isListOfObjects = schema.type === 'array' && schema.items?.type === 'object';
  return isObject || isListOfObjects || schema.type === 'boolean' || schema.enum !== undefined;
}

function ownFields(schema: Schema): readonly Field[] {
  return fieldsOf(schema).filter(({ path }) => path.startsWith('spec') || path.startsWith('status'));
}

/** Every schema that a value can have: fields, list items and map values. */
function valuesOf(schema: Schema): readonly (readonly [string, Schema])[] {
  return ownFields(schema).flatMap(({ path, schema: field }) => {
    const items = field.items === undefined ? [] : [[`${path}[]`, field.items] as const];
    const values = field.additionalProperties === undefined ? [] : [[`${path}{}`, field.additionalProperties] as const];
    return [[path, field] as const, ...items, ...values];
  });
}

describe('generated files', () => {
  let copy = '';
  const check = () => spawnSync(process.execPath, [join(copy, 'src/api/generate.ts'), '--check'], { encoding: 'utf8' });

  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'plimsoll-generate-'));
    for (const folder of ['crds', 'src/api', 'docs/reference']) cpSync(join(root, folder), join(copy, folder), { recursive: true });
    cpSync(join(root, 'package.json'), join(copy, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  });
  afterAll(() => rmSync(copy, { recursive: true }));

  test('are what the CRDs say', () => {
    const { status, stderr } = check();
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test('are refused by name when one differs and when one has no CRD', () => {
    const types = join(copy, 'src/api/generated/modelversion.ts');
    const right = readFileSync(types, 'utf8');
    writeFileSync(types, right.replace('readonly model: string', 'readonly model: number'));
    writeFileSync(join(copy, 'docs/reference/modelpolicy.md'), 'stray');
    const { status, stderr } = check();
    writeFileSync(types, right);
    rmSync(join(copy, 'docs/reference/modelpolicy.md'));
    expect(status).toBe(1);
    expect(stderr.trim().split('\n')).toEqual([
      'src/api/generated/modelversion.ts is not what crds/ says; run `npm run generate`.',
      'docs/reference/modelpolicy.md is not what crds/ says; run `npm run generate`.',
    ]);
  });
});

describe.each(cases)('the CRD of %s', (_, crd) => {
  const fields = ownFields(crd.schema);

  test('describes every field', () => {
    expect(fields.filter(({ schema }) => split(schema.description ?? '').text === '').map(({ path }) => path)).toEqual([]);
  });

  test('shows an example of every field that has more than one way to be written', () => {
    const bare = fields.filter((field) => !isPlain(field) && split(field.schema.description ?? '').example === undefined);
    expect(bare.map(({ path }) => path)).toEqual([]);
  });

  test('says for every optional value in spec what holds without it', () => {
    const open = fields.filter((field) => field.path.startsWith('spec.') && !field.required && field.schema.properties === undefined);
    const silent = open.filter(({ schema }) => crd.kind !== 'ModelRelease' && schema.items?.type !== 'object');
    expect(silent.filter(({ schema }) => split(schema.description ?? '').default === undefined).map(({ path }) => path)).toEqual([]);
  });

  test('describes a schema default as it is', () => {
    const defaults = fields.filter(({ schema }) => schema.default !== undefined);
    for (const { schema } of defaults) expect(load(split(schema.description ?? '').default ?? '')).toEqual(schema.default);
    expect(defaults.map(({ path }) => path)).toEqual(crd.kind === 'ModelDeployment' ? ['spec.replicas'] : []);
  });

  test('bounds every string, list and map', () => {
    const unbounded = valuesOf(crd.schema).filter(([, schema]) => !isBounded(schema));
    expect(unbounded.map(([path]) => path)).toEqual([]);
  });

  test('says how every list is merged', () => {
    const lists = valuesOf(crd.schema).filter(([, schema]) => schema.type === 'array');
    expect(lists.filter(([, schema]) => schema['x-kubernetes-list-type'] === undefined).map(([path]) => path)).toEqual([]);
  });

  test('has no number that is not an integer, since 0.50 and 0.5 would differ for ever under a tool that compares', () => {
    expect(valuesOf(crd.schema).filter(([, schema]) => !['object', 'array', 'string', 'integer', 'boolean'].includes(schema.type))).toEqual(
      [],
    );
  });

  test('has the conditions that the hand-written type says', () => {
    const conditions = fields.find(({ path }) => path === 'status.conditions')?.schema.items;
    // A ModelRelease is a record: it has an outcome and no conditions. A CheckSet has no status at all.
    if (conditions === undefined && ['ModelRelease', 'CheckSet'].includes(crd.kind)) return;
    expect(Object.keys(conditions?.properties ?? {})).toEqual([
      'type',
      'status',
      'observedGeneration',
      'lastTransitionTime',
      'reason',
      'message',
    ]);
    expect(conditions?.required).toEqual(['type', 'status', 'lastTransitionTime', 'reason', 'message']);
  });
});

test('a check is the same in a CheckSet and in a ModelDeployment, and its name as unique', () => {
  const [inSet, inDeployment] = (['CheckSet', 'ModelDeployment'] as const).map((kind) => {
    const { schema } = crds.find((crd) => crd.kind === kind)!;
    const place = kind === 'CheckSet' ? 'spec.checks' : 'spec.analysis.checks';
    return fieldsOf(schema).find(({ path }) => path === place)!.schema;
  });
  const shared = ({ items, maxItems, 'x-kubernetes-validations': rules, 'x-kubernetes-list-type': merged }: Schema) => ({ items, maxItems, rules, merged });
  expect(shared(inSet!)).toEqual(shared(inDeployment!));
});

function isBounded(schema: Schema): boolean {
  switch (schema.type) {
    case 'string':
      return schema.maxLength !== undefined || schema.enum !== undefined || schema.format === 'date-time';
    case 'array':
      return schema.maxItems !== undefined;
    case 'object':
      return (
        schema.properties !== undefined || schema.maxProperties !== undefined || schema['x-kubernetes-preserve-unknown-fields'] === true
      );
    case 'integer':
    case 'boolean':
      return true;
  }
}

describe('a description', () => {
  test('is split into what the field does, its default and an example', () => {
    expect(split('At least 0.5 s. Default: 1.5 s, as ever. Example: 2.5 s.')).toEqual({
      text: 'At least 0.5 s.',
      default: '1.5 s, as ever',
      example: '2.5 s',
    });
  });

  test('may have neither', () => {
    expect(split('At least 0.5 s.')).toEqual({ text: 'At least 0.5 s.' });
  });
});
