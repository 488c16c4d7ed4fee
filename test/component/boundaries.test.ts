import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const root = resolve(import.meta.dirname, '../..');

/** A small tree in which every line of every file but the first ones breaks a rule of .dependency-cruiser.mjs. */
const FILES: Readonly<Record<string, string>> = {
  'src/api/names.ts': 'export const name = 1;',
  'src/core/digest.ts': `import { createHash } from 'node:crypto';\nexport const digest = createHash;`,
  'src/core/sum.ts': `import { name } from '../api/names.ts';\nexport const sum = name;`,
  'src/main.ts': `import { sum } from './core/sum.ts';\nimport winston from 'winston';\nexport const main = [sum, winston];`,
  'test/helper.ts': `import fc from 'fast-check';\nexport const helper = fc;`,

  'src/api/bad.ts': `import type { Sum } from '../core/types.ts';\nexport type Bad = Sum;`,
  'src/core/types.ts': `import type { Watch } from '../controller/bad.ts';\nexport type Sum = Watch | 1;`,
  'src/core/file.ts': `import { readFileSync } from 'node:fs';\nexport const read = readFileSync;`,
  'src/core/package.ts': `import winston from 'winston';\nexport const log = winston;`,
  'src/core/a.ts': `import type { B } from './b.ts';\nexport interface A { b: B }`,
  'src/core/b.ts': `import type { A } from './a.ts';\nexport interface B { a: A }`,
  'src/controller/bad.ts': `import { sum } from '../core/sum.ts';\nexport type Watch = typeof sum;`,
  'src/telemetry/bad.ts': `import { sum } from '../core/sum.ts';\nexport const seen = sum;`,
  'src/apply/wires.ts': `import { main } from '../main.ts';\nexport const wires = main;`,
  'src/cli/run.ts': `import { sum } from '../core/sum.ts';\nexport const run = sum;`,
  'src/apply/commands.ts': `import { run } from '../cli/run.ts';\nexport const commands = run;`,
  'src/apply/tests.ts': `import { helper } from '../../test/helper.ts';\nexport const tests = helper;`,
  'src/apply/development.ts': `import fc from 'fast-check';\nexport const development = fc;`,
  'src/apply/undeclared.ts': `import { LEVEL } from 'triple-beam';\nexport const undeclared = LEVEL;`,
  'src/apply/nowhere.ts': `import { nowhere } from './missing.ts';\nexport { nowhere };`,
};

const EXPECTED = [
  ['api-stands-alone', 'src/api/bad.ts'],
  ['controller-knows-no-model', 'src/controller/bad.ts'],
  ['core-does-no-io', 'src/core/file.ts'],
  ['core-does-no-io', 'src/core/package.ts'],
  ['core-is-pure', 'src/core/types.ts'],
  ['no-circles', 'src/core/a.ts'],
  ['no-dead-ends', 'src/apply/nowhere.ts'],
  ['no-development-packages', 'src/apply/development.ts'],
  ['only-declared-packages', 'src/apply/undeclared.ts'],
  ['only-main-starts-commands', 'src/apply/commands.ts'],
  ['only-main-wires', 'src/apply/wires.ts'],
  ['product-knows-no-tests', 'src/apply/tests.ts'],
  ['telemetry-knows-no-model', 'src/telemetry/bad.ts'],
];

interface Violation {
  readonly from: string;
  readonly rule: { readonly name: string };
}

describe('the import boundaries', () => {
  let folder = '';

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'plimsoll-boundaries-'));
    for (const [file, text] of Object.entries(FILES)) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), `${text}\n`);
    }
    for (const name of ['node_modules', 'package.json', 'tsconfig.json']) symlinkSync(join(root, name), join(folder, name));
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test('refuse every forbidden import and circle of a bad tree, type imports too, and nothing else', async () => {
    const violations = await cruise(folder);
    expect(violations.map(({ rule, from }) => [rule.name, from]).toSorted()).toEqual(EXPECTED);
  });
});

async function cruise(folder: string): Promise<readonly Violation[]> {
  const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
  const config = join(root, '.dependency-cruiser.mjs');
  const output = await new Promise<string>((resolveOutput, reject) => {
    const options = { cwd: folder, maxBuffer: 1e8 };
    execFile(process.execPath, [cruiser, '--config', config, '-T', 'json', 'src', 'test'], options, (error, stdout, stderr) => {
      if (stdout === '') reject(new Error(`dependency-cruiser wrote nothing: ${stderr}`, { cause: error }));
      else resolveOutput(stdout);
    });
  });
  return (JSON.parse(output) as { readonly summary: { readonly violations: readonly Violation[] } }).summary.violations;
}
