// The pages for people: their links lead somewhere, and settings and commands are those that there are.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readSettings } from '../../../src/operator/settings.ts';

const root = resolve(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const pages = ['README.md', 'CHANGELOG.md', ...globSync('docs/**/*.md', { cwd: root })].sort();

/** The part after `#` as GitHub makes it of a heading. */
function anchorsOf(page: string): readonly string[] {
  const headings = [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => text);
  return headings.map((text) =>
    text
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

function isBroken(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : join(dirname(page), path);
  if (!existsSync(join(root, target))) return true;
  return anchor !== undefined && !anchorsOf(target).includes(anchor);
}

describe.each(pages)('%s', (page) => {
  test('has no link that leads nowhere', () => {
    const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link).filter((link) => !/^https?:/.test(link));
    expect(links.filter((link) => isBroken(page, link))).toEqual([]);
  });

  test('names no file of the repository that is not there', () => {
    const named = [...read(page).matchAll(/`((?:src|test|deploy|crds|docs)\/[\w./*-]*)`/g)].map(([, path = '']) => path);
    expect(named.filter((path) => globSync(path, { cwd: root }).length === 0)).toEqual([]);
  });
});

describe('README.md', () => {
  const page = read('README.md');

  test('tells every setting of the operator with its default', () => {
    const code = read('src/operator/settings.ts');
    const known = [...code.matchAll(/PLIMSOLL_[A-Z_]+/g)].map(([name]) => name);
    const told = new Map(
      [...page.matchAll(/^\| `(PLIMSOLL_[A-Z_]+)` \| (\S+) \|/gm)].map(([, name = '', value = '']) => [name, value.replaceAll('`', '')]),
    );
    expect([...told.keys()].sort()).toEqual([...new Set(known)].sort());
    const required = Object.fromEntries([...told].filter(([, value]) => value === 'none').map(([name]) => [name, 'http://given']));
    const defaults = [...told].filter(([, value]) => value !== 'none' && value !== 'unset');
    const withDefaults = readSettings({ ...required, ...Object.fromEntries(defaults) }, '1');
    expect(withDefaults).toEqual(readSettings(required, '1'));
    expect(withDefaults.ok).toBe(true);
    expect(readSettings({}, '1')).toMatchObject({
      ok: false,
      problems: Object.keys(required).map((name) => expect.stringContaining(name) as unknown),
    });
  });

  test('tells only commands that there are', () => {
    const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Readonly<Record<string, string>> };
    const told = [...page.matchAll(/npm (?:run )?([a-z0-9:]+)/g)].map(([, name = '']) => name);
    expect(told.filter((name) => scripts[name] === undefined)).toEqual([]);
    expect(told).toEqual(expect.arrayContaining(['demo', 'test', 'cluster', 'test:unit']));
  });
});
