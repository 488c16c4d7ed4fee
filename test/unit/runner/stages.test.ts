import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { jestArguments, stagesOf, type Command, type JestStage, type Stage, type StageOptions } from '../../runner/stages.ts';

let root = '';

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'plimsoll-stages-'));
  const unit = ['unit/a.test.ts', 'unit/deep/b.test.ts', 'unit/c.long.test.ts'];
  for (const file of [...unit, 'component/d.test.ts', 'e2e/e.test.ts', 'e2e/f.alone.test.ts', 'e2e/helper.ts']) {
    const path = join(root, 'test', file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
  }
});

afterAll(() => {
  rmSync(root, { recursive: true });
});

function stages(command: Command, options: Partial<StageOptions> = {}): readonly Stage[] {
  return stagesOf(command, { filters: [], keep: false, ...options }, root);
}

function names(command: Command, options: Partial<StageOptions> = {}): readonly string[] {
  return stages(command, options).map(({ name }) => name);
}

function files(command: Command, stage: string, options: Partial<StageOptions> = {}): readonly string[] {
  const found = stages(command, options).find(({ name }) => name === stage);
  return found?.kind === 'jest' ? found.files : [];
}

describe('npm test', () => {
  test('goes from the cheapest stage to the dearest', () => {
    expect(names('all')).toEqual([
      ...['types', 'lint', 'boundaries', 'generated', 'unit', 'tools', 'component'],
      ...['set-up', 'e2e', 'e2e alone', 'tear-down'],
    ]);
  });

  test('runs every test file once, except the long ones', () => {
    const ran = stages('all').flatMap((stage) => (stage.kind === 'jest' ? stage.files : []));
    expect(ran.toSorted()).toEqual([
      ...['test/component/d.test.ts', 'test/e2e/e.test.ts', 'test/e2e/f.alone.test.ts'],
      ...['test/unit/a.test.ts', 'test/unit/deep/b.test.ts'],
    ]);
  });
});

describe('the program of the real API server', () => {
  test('is built before the component tests, but never for unit tests', () => {
    expect(names('component')).toEqual(['tools', 'component']);
    expect(names('unit')).toEqual(['unit']);
  });

  test('is no condition for the other component tests', () => {
    expect(stages('component').map(({ needs }) => needs)).toEqual([undefined, undefined]);
  });
});

describe('end-to-end stages', () => {
  test('run four files at once, and those named alone one after the other', () => {
    const [, together, alone] = stages('e2e') as readonly JestStage[];
    expect(jestArguments(together!, 'r.json')).toContain('--maxWorkers=3');
    expect(jestArguments(alone!, 'r.json')).toContain('--runInBand');
  });

  test('need the set-up, and the tear-down undoes it', () => {
    expect(stages('e2e').map(({ needs, undoes }) => needs ?? undoes)).toEqual([undefined, 'set-up', 'set-up', 'set-up']);
    expect(stages('e2e').at(-1)).toMatchObject({ name: 'tear-down', undoes: 'set-up' });
  });

  test('can leave the cluster up', () => {
    expect(names('e2e', { keep: true })).toEqual(['set-up', 'e2e', 'e2e alone']);
  });

  test('start no cluster when the filter leaves nothing to run', () => {
    expect(names('e2e', { filters: ['nowhere'] })).toEqual([]);
    expect(names('e2e', { filters: ['f.alone'] })).toEqual(['set-up', 'e2e alone', 'tear-down']);
  });
});

test('long tests have a command of their own, without a cluster when none of them needs one', () => {
  expect(names('long')).toEqual(['long unit']);
  expect(files('long', 'long unit')).toEqual(['test/unit/c.long.test.ts']);
});

test('a filter takes the files whose path contains it', () => {
  expect(files('unit', 'unit', { filters: ['deep'] })).toEqual(['test/unit/deep/b.test.ts']);
});

test('one limit can replace the limits of all stages', () => {
  expect(stages('all', { limitMinutes: 3 }).map(({ limitMinutes }) => limitMinutes)).toEqual(Array(11).fill(3));
});
