import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { coverOf, type EntryKind } from '../../../../src/core/version/layers.ts';

interface Entry {
  readonly name: string;
  readonly kind: EntryKind;
}

/** The files that are seen, by reading from the uppermost layer down; a problem instead of a path where there is one. */
function seen(layersUp: readonly (readonly Entry[])[], root = ''): Readonly<Record<string, number>> {
  const cover = coverOf();
  const found: Record<string, number> = {};
  for (const [down, entries] of layersUp.toReversed().entries()) {
    const layer = cover.layer(root);
    for (const { name, kind } of entries) {
      const entry = layer.see(name, kind);
      if (entry !== undefined) found['path' in entry ? entry.path : entry.problem] = layersUp.length - 1 - down;
    }
    layer.keep();
  }
  return found;
}

const file = (name: string): Entry => ({ name, kind: 'file' });

/** The same from the lowest layer up, as a container runtime does it: with files that are overwritten and removed. */
function applied(layersUp: readonly (readonly Entry[])[]): Readonly<Record<string, number>> {
  const files = new Map<string, number>();
  const removeBelow = (path: string): void => {
    for (const name of [...files.keys()]) if (name.startsWith(`${path}/`)) files.delete(name);
  };
  for (const [number, entries] of layersUp.entries()) {
    for (const { name } of entries) {
      const [parent, base] = [name.slice(0, Math.max(name.lastIndexOf('/'), 0)), name.slice(name.lastIndexOf('/') + 1)];
      if (base === '.wh..wh..opq') {
        if (parent === '') files.clear();
        else removeBelow(parent);
      } else if (base.startsWith('.wh.')) {
        const removed = parent === '' ? base.slice(4) : `${parent}/${base.slice(4)}`;
        files.delete(removed);
        removeBelow(removed);
      }
    }
    for (const { name, kind } of entries) {
      if (name.slice(name.lastIndexOf('/') + 1).startsWith('.wh.')) continue;
      const parents = name.split('/').map((_, i, segments) => segments.slice(0, i).join('/'));
      for (const parent of parents) files.delete(parent);
      if (kind === 'folder') files.delete(name);
      else {
        removeBelow(name);
        files.set(name, number);
      }
    }
  }
  return Object.fromEntries(files);
}

describe('layers on top of each other', () => {
  test('are what a runtime makes of them, for any layers of plain names', () => {
    const segment = fc.constantFrom('a', 'b', '.wh.a', '.wh.b', '.wh..wh..opq');
    const path = fc
      .tuple(fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }), segment)
      .map(([parents, last]) => [...parents, last].join('/'));
    const kind = fc.constantFrom<EntryKind>('file', 'folder');
    // What contradicts itself within one layer is refused elsewhere: a path that is there twice, or a file and a folder at once.
    const layer = fc.uniqueArray(fc.record({ name: path, kind }), { maxLength: 5, selector: ({ name }) => name }).filter((entries) => {
      const files = entries.filter((entry) => entry.kind === 'file' || entry.name.includes('.wh.'));
      return !files.some(({ name }) => entries.some((other) => other.name.startsWith(`${name}/`)));
    });
    fc.assert(
      fc.property(fc.array(layer, { maxLength: 4 }), (layers) => {
        expect(seen(layers)).toEqual(applied(layers));
      }),
      { numRuns: 2000 },
    );
  });

  test('hide nothing in themselves', () => {
    expect(seen([[file('a/.wh.b'), file('a/b'), file('a/.wh..wh..opq'), file('a/c')]])).toEqual({ 'a/b': 0, 'a/c': 0 });
  });

  test('hide nothing by an attempt that failed', () => {
    const cover = coverOf();
    expect(cover.layer('').see('a', 'file')).toEqual({ path: 'a' });
    expect(cover.layer('').see('a', 'file')).toEqual({ path: 'a' });
  });

  test('are the folder that is the version, as if it were the root', () => {
    const layers = [
      [file('models/a'), file('models/b'), file('a'), file('model/x'), file('modelsx')],
      [file('./models/.wh.a'), file('/models/c')],
    ];
    expect(seen(layers, 'models')).toEqual({ b: 0, c: 1 });
    expect(seen([[file('opt/models/a')], [file('.wh.opt')]], 'opt/models')).toEqual({});
    expect(seen([[file('opt/models/a')], [file('opt/.wh..wh..opq'), file('opt/models/b')]], 'opt/models')).toEqual({ b: 1 });
    expect(seen([[file('opt/models/a')], [{ name: 'opt', kind: 'other' }]], 'opt/models')).toEqual({});
  });

  test('show a link where it is seen, and hide what is below it', () => {
    expect(seen([[file('a/x')], [{ name: 'a', kind: 'other' }]])).toEqual({ a: 1 });
    expect(seen([[{ name: 'a', kind: 'other' }], [file('a/x')]])).toEqual({ 'a/x': 1 });
  });

  test.each([
    ['../a', "leads out of the model by '..'"],
    ['a/../../b', "leads out of the model by '..'"],
    ['models/a\nb', 'holds a control character or another that does not print'],
    ['models/.wh.', 'removes a file without a name'],
    [`models/${'x'.repeat(3000)}`, 'is longer than 1024 bytes'],
  ])('refuse the name %.20s', (name, problem) => {
    expect(coverOf().layer('models').see(name, 'file')).toEqual({ problem });
  });

  test('take odd names outside of the folder as nothing', () => {
    expect(coverOf().layer('models').see('etc/a\\x2db', 'file')).toBeUndefined();
  });
});
