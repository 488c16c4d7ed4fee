import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { run } from '../../../deploy/local/images/command.ts';
import { registryOf, type RegistryTag } from '../../../src/core/version/gto.ts';
import { pythonVenv } from '../../support/python.ts';

const SUPPORT = join(import.meta.dirname, '../../support/dvc');
const SEED = 1;
const BY_CHANCE = 50;
/** With those that histories.py makes first. */
const ALL = BY_CHANCE + 18;

/** What `gto show --json` prints: artifacts that are not deprecated. */
type Shown = Readonly<Record<string, { readonly version: string | null; readonly stage: Readonly<Record<string, string | null>> }>>;

interface History {
  readonly repository: string;
  readonly tags: readonly RegistryTag[];
  /** Null where GTO refuses to read what people have made. */
  readonly show: Shown | null;
}

/** What our reading comes to, in the form of GTO's; stages that nothing is in are left out. */
function read(tags: readonly RegistryTag[]): Shown {
  const active = [...registryOf(tags).values()].filter(({ isActive }) => isActive);
  return Object.fromEntries(
    active.map(({ name, latest, stages }) => {
      const stage = Object.fromEntries(Array.from(stages, ([one, { version, commit }]) => [one, version ?? commit]));
      return [name, { version: latest?.version ?? null, stage }];
    }),
  );
}

function withoutEmptyStages(shown: Shown): Shown {
  return Object.fromEntries(
    Object.entries(shown).map(([name, { version, stage }]) => {
      return [name, { version, stage: Object.fromEntries(Object.entries(stage).filter(([, one]) => one !== null)) }];
    }),
  );
}

describe('registries that GTO itself has made', () => {
  let venv = '';
  let folder = '';
  let histories: readonly History[] = [];

  beforeAll(async () => {
    venv = await pythonVenv('dvc', await readFile(join(SUPPORT, 'requirements.lock'), 'utf8'));
    folder = await mkdtemp(join(tmpdir(), 'plimsoll-gto-'));
    const made = await run(join(venv, 'bin/python'), [join(SUPPORT, 'histories.py'), folder, String(SEED), String(BY_CHANCE)]);
    histories = made.trim().split('\n').map((line) => JSON.parse(line) as History);
  }, 600_000);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('are of every kind', () => {
    const names = histories.flatMap(({ tags }) => tags.map(({ name }) => name));
    for (const kind of [/@v[^!]*$/, /@v.*!$/, /#[^@!]*$/, /#.*!/, /@deprecated/]) {
      expect(names.filter((name) => kind.test(name)).length).toBeGreaterThan(10);
    }
    const stages = histories.flatMap(({ show }) => Object.values(show ?? {}).flatMap(({ stage }) => Object.values(stage)));
    expect(stages.filter((one) => one?.startsWith('v')).length).toBeGreaterThan(50);
    expect(stages.some((one) => one !== null && /^[0-9a-f]{40}$/.test(one))).toBe(true);
    expect(histories).toHaveLength(ALL);
  });

  test.each(Array.from({ length: ALL }, (_, number) => number))('are read as GTO reads them: %i', (number) => {
    const { tags, show } = histories[number]!;
    if (show === null) expect([...registryOf(tags).values()].some(({ ambiguous }) => ambiguous !== undefined)).toBe(true);
    else expect(read(tags)).toEqual(withoutEmptyStages(show));
  });

  test('are shown by the command as by what they were compared with', async () => {
    const { repository, show } = histories.find((one) => Object.keys(one.show ?? {}).length > 1)!;
    expect(JSON.parse(await run(join(venv, 'bin/gto'), ['show', '--json', '--repo', repository]))).toEqual(show);
  }, 60_000);
});
