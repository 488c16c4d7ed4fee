// CustomResourceDefinitions as they are in crds/, as far as the generator and the tests look at them.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';

/** A CEL rule of a schema. One of message and messageExpression is there. */
export type Rule = {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
};

/** A structural schema: the subset of OpenAPI v3 that the API server accepts, as far as our CRDs use it. */
export type Schema = {
  readonly type: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly 'x-kubernetes-validations'?: readonly Rule[];
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
};

export type Crd = {
  /** Path from the root of the repository, such as crds/plimsoll.dev_modelversions.yaml. */
  readonly file: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortName: string;
  readonly version: string;
  readonly schema: Schema;
};

type CrdFile = {
  readonly kind: string;
  readonly spec: {
    readonly names: { readonly kind: string; readonly plural: string; readonly shortNames: readonly string[] };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
};

/** Reads every CRD in `crds/` below `root`, by file name. Throws if a file is not a CRD with exactly one version and a short name. */
export function readCrds(root: string): readonly Crd[] {
  const names = readdirSync(join(root, 'crds')).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml');
  return names.sort().map((name) => readCrd(root, join('crds', name)));
}

function readCrd(root: string, file: string): Crd {
  const { kind, spec } = load(readFileSync(join(root, file), 'utf8')) as CrdFile;
  const [version, ...others] = kind === 'CustomResourceDefinition' ? spec.versions : [];
  const [shortName] = kind === 'CustomResourceDefinition' ? spec.names.shortNames : [];
  if (version === undefined || shortName === undefined || others.length > 0) {
    throw new Error(`${file} must be a CustomResourceDefinition with one version and a short name.`);
  }
  return {
    file,
    kind: spec.names.kind,
    plural: spec.names.plural,
    shortName,
    version: version.name,
    schema: version.schema.openAPIV3Schema,
  };
}

/** A field with its path, such as spec.rollout.steps[].weight. `required` as its parent says; items and map values are not fields. */
export type Field = {
  readonly path: string;
  readonly schema: Schema;
  readonly required: boolean;
};

/** All fields below a schema in the order of the file, parents first; items of lists are followed, `metadata` is not. */
export function fieldsOf(schema: Schema, prefix = ''): readonly Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]): readonly Field[] => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const field = { path, schema: property, required: schema.required?.includes(name) ?? false };
    if (prefix === '' && name === 'metadata') return [field];
    const below = property.items === undefined ? fieldsOf(property, path) : fieldsOf(property.items, `${path}[]`);
    return [field, ...below];
  });
}

/** A description in its parts: what the field does, its default and an example, which are the last sentences of the text. */
export type Description = {
  readonly text: string;
  readonly default?: string;
  readonly example?: string;
};

/** Splits `Text. Default: x. Example: y.`; a part that is not there is absent. */
export function describe(description: string): Description {
  const [beforeExample, example] = cut(description, 'Example: ');
  const [text, fallback] = cut(beforeExample, 'Default: ');
  return { text, ...(fallback === undefined ? {} : { default: fallback }), ...(example === undefined ? {} : { example }) };
}

function cut(text: string, mark: string): readonly [string, string | undefined] {
  const at = text.lastIndexOf(mark);
  if (at < 0) return [text.trim(), undefined];
  return [
    text.slice(0, at).trim(),
    text
      .slice(at + mark.length)
      .trim()
      .replace(/\.$/, ''),
  ];
}
