// The reference pages, written from the CRDs.

import type { Crd, Field, Rule, Schema } from './schema.ts';
import { describe, fieldsOf } from './schema.ts';

/** The page of one kind in Markdown: a table of its fields and a table of the rules between them. */
export function writeReference(crd: Crd): string {
  const fields = fieldsOf(crd.schema).filter((field) => !['apiVersion', 'kind', 'metadata'].includes(field.path));
  return [
    `<!-- generated from ${crd.file}, do not edit -->`,
    `# ${crd.kind}`,
    '',
    escape(crd.schema.description ?? ''),
    '',
    `\`apiVersion: plimsoll.dev/${crd.version}\`, \`kind: ${crd.kind}\`.`,
    `\`kubectl get ${crd.shortName}\`, \`kubectl explain ${crd.shortName} --recursive\`.`,
    'A field that is not listed here does not exist: a request that holds it is refused.',
    '',
    ...section(
      'Spec',
      fields.filter((field) => isBelow(field, 'spec')),
    ),
    ...(crd.schema.properties?.['status']
      ? section(
          'Status',
          fields.filter((field) => isBelow(field, 'status')),
        )
      : []),
    ...ruleSection(crd),
  ].join('\n');
}

function isBelow(field: Field, top: string): boolean {
  return field.path === top || field.path.startsWith(`${top}.`);
}

function section(title: string, fields: readonly Field[]): readonly string[] {
  return [`## ${title}`, '', '| field | type | default | description |', '|---|---|---|---|', ...fields.map(row), ''];
}

function row({ path, schema, required }: Field): string {
  const { text, default: fallback, example } = describe(schema.description ?? '');
  const shown = example === undefined ? '' : ` Example: ${code(example)}`;
  return `| ${code(path)} | ${escape(typeOf(schema))} | ${required ? 'required' : escape(fallback ?? '')} | ${escape(text)}${shown} |`;
}

/** A type in words, with its bounds. */
function typeOf(schema: Schema): string {
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) return 'object, any fields';
  switch (schema.type) {
    case 'object':
      return schema.additionalProperties === undefined
        ? 'object'
        : `map of string to ${typeOf(schema.additionalProperties)}${range(schema.minProperties, schema.maxProperties, 'entries')}`;
    case 'array':
      return `list of ${schema.items === undefined ? 'any' : typeOf(schema.items)}${listRule(schema)}`;
    case 'string':
      return stringType(schema);
    case 'integer':
      return `integer${range(schema.minimum, schema.maximum, '')}`;
    case 'boolean':
      return 'boolean';
  }
}

function stringType(schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.join(' or ');
  if (schema.format === 'date-time') return 'time';
  if (schema.pattern?.includes('(h|m|s|ms)') === true) return 'duration';
  if (schema.pattern?.endsWith('%$') === true) return 'percentage';
  return `string${range(undefined, schema.maxLength, 'characters')}`;
}

function listRule(schema: Schema): string {
  const keys = schema['x-kubernetes-list-map-keys'];
  return range(schema.minItems, schema.maxItems, '') + (keys === undefined ? '' : `, one for each ${keys.join(', ')}`);
}

function range(from: number | undefined, to: number | undefined, unit: string): string {
  const what = unit === '' ? '' : ` ${unit}`;
  if (from !== undefined && to !== undefined) return `, ${from} to ${to}${what}`;
  if (from !== undefined) return `, at least ${from}${what}`;
  return to === undefined ? '' : `, at most ${to}${what}`;
}

function ruleSection(crd: Crd): readonly string[] {
  const rows = [{ path: '', schema: crd.schema }, ...fieldsOf(crd.schema)].flatMap(({ path, schema }) => rulesAt(path, schema));
  return ['## Rules', '', 'What the API server says when a rule is broken.', '', '| where | message |', '|---|---|', ...rows, ''];
}

function rulesAt(path: string, schema: Schema): readonly string[] {
  const own = (schema['x-kubernetes-validations'] ?? []).map((rule) => `| ${where(path)} | ${escape(messageOf(rule))} |`);
  const ofItems = schema.items === undefined ? [] : rulesAt(`${path}[]`, schema.items);
  return [...own, ...ofItems];
}

function where(path: string): string {
  return path === '' ? 'the object' : code(path);
}

/** The message; of a computed one, its literal parts with the fields in between. */
function messageOf(rule: Rule): string {
  if (rule.message !== undefined) return rule.message;
  const parts = (rule.messageExpression ?? '').split(' + ').map((part) => part.replace(/^'(.*)'$/s, '$1').replace(/^self\.(\S+)$/, '<$1>'));
  return parts.join('');
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}

/** Text inside a table cell; angle brackets outside code would be taken for HTML. */
function escape(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith('`') ? part : part.replaceAll('<', '&lt;').replaceAll('*', '\\*')))
    .join('')
    .replaceAll('|', '\\|');
}
