// The checks that docs/checks.md shows are checks that the schema has and the operator reads.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { load } from 'js-yaml';
import { readCrds, type Schema } from '../../../src/api/schema.ts';
import type { CheckSpec } from '../../../src/core/release/checks/kind.ts';
import { readCheck, settingsOf } from '../../../src/core/release/checks/kinds.ts';

const root = resolve(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/checks.md'), 'utf8');
const shown = [...page.matchAll(/```yaml\n(.*?)```/gs)].flatMap(([, text]) => load(text ?? '') as CheckSpec[]);

function schemaOf(...path: string[]): Schema | undefined {
  const crd = readCrds(root).find(({ kind }) => kind === 'ModelDeployment');
  return path.reduce<Schema | undefined>((schema, name) => (name === '[]' ? schema?.items : schema?.properties?.[name]), crd?.schema);
}
const CHECK = schemaOf('spec', 'analysis', 'checks', '[]');

describe('docs/checks.md', () => {
  test('shows every kind of check', () => {
    const kinds = Object.keys(CHECK?.properties ?? {}).filter((name) => name !== 'name' && name !== 'optional');
    expect(kinds.filter((kind) => !shown.some((check) => kind in check))).toEqual([]);
  });

  test.each(shown.map((check) => [check.name, check] as const))('%s has fields of the schema only, and is read', (_, check) => {
    const unknown = Object.entries(check).flatMap(([kind, value]) => {
      if (!(kind in (CHECK?.properties ?? {}))) return [kind];
      const { properties } = CHECK?.properties?.[kind] ?? {};
      return properties === undefined ? [] : Object.keys(value as object).filter((field) => !(field in properties));
    });
    expect(unknown).toEqual([]);
    const { type, settings } = settingsOf(check);
    expect(readCheck({ name: check.name, isOptional: false }, type, settings).reason).toMatch(/^[A-Z]/);
  });
});
