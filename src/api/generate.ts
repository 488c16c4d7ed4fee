// Writes the TypeScript types and the reference pages from crds/. `--check` writes nothing and fails if a file differs.
// The types must not be written by hand: then they would agree with the schema only until the first hurried change.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { compile } from 'json-schema-to-typescript';
import { writeReference } from './reference.ts';
import type { Crd, Schema } from './schema.ts';
import { readCrds } from './schema.ts';

const TYPES = 'src/api/generated';
const REFERENCE = 'docs/reference';

/** Names for types that have more than one place, or whose place would give a worse name. */
const NAMES: Readonly<Record<string, string>> = {
  ModelDeploymentStatusStable: 'ModelDeploymentSide',
  ModelDeploymentStatusCandidate: 'ModelDeploymentSide',
  ModelDeploymentStatusPrevious: 'ModelDeploymentSide',
  ModelReleaseFrom: 'ModelReleaseEnd',
  ModelReleaseTo: 'ModelReleaseEnd',
};

/** JSON Schema as json-schema-to-typescript takes it, as far as it is used here; `tsType` is a type as it is to be written. */
type TypeSchema = {
  type?: 'object';
  tsType?: string;
  description?: string;
  additionalProperties?: false;
  required?: string[];
  properties?: Record<string, TypeSchema>;
  definitions?: Record<string, TypeSchema>;
};

/** Every generated file by its path from the root, as it should be. */
async function generate(root: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const crd of readCrds(root)) {
    const name = crd.kind.toLowerCase();
    files.set(`${TYPES}/${name}.ts`, await writeTypes(crd));
    files.set(`${REFERENCE}/${name}.md`, writeReference(crd));
  }
  return files;
}

async function writeTypes(crd: Crd): Promise<string> {
  const definitions: Record<string, TypeSchema> = {};
  const { spec, status } = crd.schema.properties ?? {};
  if (spec === undefined) throw new Error(`${crd.file} must have a spec.`);
  const body = objectType(crd.kind, { ...crd.schema, properties: { spec, ...(status && { status }) } }, definitions);
  const head = {
    apiVersion: { tsType: `'plimsoll.dev/${crd.version}'` },
    kind: { tsType: `'${crd.kind}'` },
    metadata: { tsType: 'ObjectMeta' },
  };
  const root = { ...body, properties: { ...head, ...body.properties }, required: ['apiVersion', 'kind', 'metadata', 'spec'] };
  const text = await compile({ ...root, definitions }, crd.kind, {
    bannerComment: `// generated from ${crd.file}, do not edit\n\nimport type { ${hasConditions(crd) ? 'Condition, ' : ''}ObjectMeta } from '../meta.ts';\n`,
    unreachableDefinitions: true,
    style: { singleQuote: true, printWidth: 140, trailingComma: 'all', bracketSpacing: true },
  });
  const lines = text.split('\n').filter((line) => !/^ \* (This interface was referenced by|via the `definition)/.test(line));
  return tidy(lines.join('\n'));
}

function hasConditions(crd: Crd): boolean {
  return crd.schema.properties?.['status']?.properties?.['conditions'] !== undefined;
}

/** Closes the comments that lost their notice, spaces the interfaces, shortens one-line comments and makes every field readonly. */
function tidy(text: string): string {
  return text
    .replaceAll('\n *\n */', '\n */')
    .replaceAll('/**\n */\n', '')
    .replace(/^( *)\/\*\*\n *\* (.*)\n *\*\/$/gm, '$1/** $2 */')
    .replace(/^}\n(?=\S)/gm, '}\n\n')
    .replace(/^ {2}(\w+\??: )/gm, '  readonly $1');
}

function objectType(path: string, schema: Schema, definitions: Record<string, TypeSchema>): TypeSchema {
  const properties = Object.entries(schema.properties ?? {}).map(([name, property]): [string, TypeSchema] => {
    const below = name === 'spec' || path.endsWith('Spec') ? path.replace(/Spec$/, '') : path;
    const tsType = typeOf(`${below}${capital(name)}`, name, property, definitions);
    return [name, { tsType, ...(property.description === undefined ? {} : { description: property.description }) }];
  });
  return {
    type: 'object',
    additionalProperties: false,
    required: [...(schema.required ?? []), ...requiredByRule(schema)],
    properties: Object.fromEntries(properties),
    ...(schema.description === undefined ? {} : { description: schema.description }),
  };
}

/** Fields that a rule `has(self.x)` asks for: the only member of a union so far. Once it has two, the compiler shows who relied on one. */
function requiredByRule(schema: Schema): readonly string[] {
  return (schema['x-kubernetes-validations'] ?? []).flatMap(({ rule }) => /^has\(self\.(\w+)\)$/.exec(rule)?.slice(1) ?? []);
}

/** A schema as a TypeScript type; an object with fields becomes a definition of its own, named by its place. */
function typeOf(path: string, name: string, schema: Schema, definitions: Record<string, TypeSchema>): string {
  switch (schema.type) {
    case 'object':
      return mapOrObject(path, schema, definitions);
    case 'array':
      if (name === 'conditions') return 'readonly Condition[]';
      if (schema.items === undefined) throw new Error(`${path} is a list without items.`);
      return `readonly ${typeOf(singular(path), '', schema.items, definitions)}[]`;
    case 'string':
      return schema.enum === undefined ? 'string' : schema.enum.map((value) => `'${value}'`).join(' | ');
    case 'integer':
      return 'number';
    case 'boolean':
      return 'boolean';
  }
}

function mapOrObject(path: string, schema: Schema, definitions: Record<string, TypeSchema>): string {
  if (schema.additionalProperties !== undefined)
    return `Readonly<Record<string, ${typeOf(path, '', schema.additionalProperties, definitions)}>>`;
  if (schema.properties === undefined) return 'Readonly<Record<string, unknown>>';
  const name = NAMES[path] ?? path;
  definitions[name] ??= objectType(path, schema, definitions);
  return name;
}

function singular(path: string): string {
  return path.endsWith('s') ? path.slice(0, -1) : `${path}Entry`;
}

function capital(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}

/** Paths whose content on disk is not what it should be, files that should not be there included. */
function differences(root: string, files: ReadonlyMap<string, string>): readonly string[] {
  const changed = [...files].filter(([path, text]) => !existsSync(join(root, path)) || readFileSync(join(root, path), 'utf8') !== text);
  return [...changed.map(([path]) => path), ...strays(root, files)];
}

function strays(root: string, files: ReadonlyMap<string, string>): readonly string[] {
  const found = [TYPES, REFERENCE].flatMap((folder) =>
    existsSync(join(root, folder)) ? readdirSync(join(root, folder)).map((name) => `${folder}/${name}`) : [],
  );
  return found.filter((path) => !files.has(path));
}

async function main(root: string, check: boolean): Promise<number> {
  const files = await generate(root);
  if (check) {
    const wrong = differences(root, files);
    for (const path of wrong) process.stderr.write(`${path} is not what crds/ says; run \`npm run generate\`.\n`);
    return wrong.length === 0 ? 0 : 1;
  }
  for (const path of strays(root, files)) rmSync(join(root, path));
  for (const [path, text] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return 0;
}

process.exitCode = await main(resolve(import.meta.dirname, '../..'), process.argv.includes('--check'));
