// What the API server asks of our own kinds before it stores one: the schemas of crds/, and the rules that compare an object with the one
// before it. Only as much of OpenAPI as the crds use; CEL rules are tested on a real API server, those that bind the operator are repeated here.
import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { Refusal, type StoredObject } from '../apiStore.ts';

interface Schema {
  readonly type?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
}

interface Crd {
  readonly spec: { readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[] };
}

const schemas = new Map(
  ['modelversions', 'modeldeployments', 'modelreleases', 'checksets'].map((plural) => {
    const text = readFileSync(new URL(`../../../crds/plimsoll.dev_${plural}.yaml`, import.meta.url), 'utf8');
    return [plural, (load(text) as Crd).spec.versions[0]!.schema.openAPIV3Schema] as const;
  }),
);

/** Throws the refusal that the API server would answer with. */
export function admit(plural: string, before: StoredObject | undefined, after: StoredObject): void {
  const schema = schemas.get(plural);
  if (!schema) return;
  const problems = [...violations(schema, after, ''), ...transitions(plural, before, after)];
  if (problems.length > 0) throw new Refusal(422, 'Invalid', `${plural} "${after.metadata.name}" is invalid: ${problems.join('; ')}`);
}

function violations(schema: Schema, value: unknown, path: string): string[] {
  if (schema.enum && !schema.enum.includes(value)) return [`${path} must be one of ${schema.enum.join(', ')}`];
  switch (schema.type) {
    case 'string':
      return typeof value === 'string' ? text(schema, value, path) : [`${path} must be a string, not ${JSON.stringify(value)}`];
    case 'integer':
      return Number.isInteger(value) ? range(schema, value as number, path) : [`${path} must be an integer, not ${JSON.stringify(value)}`];
    case 'array':
      return Array.isArray(value) ? list(schema, value, path) : [`${path} must be a list`];
    case 'object':
      return typeof value === 'object' && value !== null
        ? members(schema, value as Record<string, unknown>, path)
        : [`${path} must be an object`];
    default:
      return [];
  }
}

function text({ pattern, minLength = 0, maxLength = Infinity }: Schema, value: string, path: string): string[] {
  if (value.length < minLength || value.length > maxLength) return [`${path} has ${value.length} characters`];
  return pattern !== undefined && !new RegExp(pattern).test(value) ? [`${path} ${JSON.stringify(value)} does not match ${pattern}`] : [];
}

function range({ minimum = -Infinity, maximum = Infinity }: Schema, value: number, path: string): string[] {
  return value < minimum || value > maximum ? [`${path} ${value} is out of range`] : [];
}

function list({ items, minItems = 0, maxItems = Infinity }: Schema, value: readonly unknown[], path: string): string[] {
  if (value.length < minItems || value.length > maxItems) return [`${path} has ${value.length} items`];
  return items ? value.flatMap((item, index) => violations(items, item, `${path}[${index}]`)) : [];
}

function members(schema: Schema, value: Record<string, unknown>, path: string): string[] {
  if (path === '.metadata' || schema['x-kubernetes-preserve-unknown-fields'] === true) return [];
  const { properties = {}, additionalProperties, required = [], maxProperties = Infinity } = schema;
  const missing = required.filter((name) => value[name] === undefined).map((name) => `${path}.${name} is required`);
  const found = Object.entries(value).flatMap(([name, member]) => {
    const known = properties[name] ?? additionalProperties;
    if (member === undefined) return [];
    return known ? violations(known, member, `${path}.${name}`) : [`${path}.${name} is not declared in the schema`];
  });
  return [...missing, ...found, ...(Object.keys(value).length > maxProperties ? [`${path} has too many members`] : [])];
}

const RANK: Readonly<Record<string, number>> = { Shift: 0, Promote: 1, RollBack: 2 };

function transitions(plural: string, before: StoredObject | undefined, after: StoredObject): string[] {
  if (plural === 'modelversions') {
    const digest = at(before, 'status', 'resolved', 'digest');
    return digest !== undefined && at(after, 'status', 'resolved', 'digest') !== digest ? ['status.resolved.digest is written once'] : [];
  }
  if (plural !== 'modelreleases') return [];
  const problems: string[] = [];
  const { deployment, number } = after['spec'] as { deployment: string; number: number };
  if (after.metadata.name !== `${deployment}-r${number}`) problems.push('metadata.name must be spec.deployment, then -r, then spec.number');
  if (!before) return problems;
  if (JSON.stringify(before['spec']) !== JSON.stringify(after['spec'])) problems.push('spec never changes');
  const finished = at(before, 'status', 'finishedAt') !== undefined;
  if (finished && JSON.stringify(before['status']) !== JSON.stringify(after['status'])) problems.push('a finished release never changes');
  const [was, is] = [at(before, 'status', 'decision'), at(after, 'status', 'decision')];
  if (typeof was === 'string' && (typeof is !== 'string' || RANK[is]! < RANK[was]!)) problems.push('a decision cannot be taken back');
  return problems;
}

function at(object: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], object);
}
