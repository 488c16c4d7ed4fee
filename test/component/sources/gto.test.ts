import { mkdtemp, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { run } from '../../../deploy/local/images/command.ts';
import { registryOf, type RegistryTag } from '../../../src/core/version/gto.ts';
import { parseResolveOptions } from '../../../src/sources/options.ts';
import { runResolve } from '../../../src/sources/resolve.ts';
import { removeTree } from '../../../src/sources/tree.ts';
import { dvcVenv, serveFolder, SUPPORT } from '../../support/dvc.ts';
import { sha256, workplace, type TestServer } from './fixtures.ts';
import { serveGit } from './git/repositories.ts';

jest.setTimeout(60_000);

const SEED = 1;
const BY_CHANCE = 50;
/** With those that histories.py makes first. */
const ALL = BY_CHANCE + 18;

/** Names of the files that dvc.yaml gives to the artifacts; the others have none. */
const MODELS: Readonly<Record<string, string>> = { fraud: 'model.bin', 'models/eu:fraud': 'fraud.pkl' };

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

/** Something that the registry leads to, and to what by GTO's word: a version, or a commit that is none. */
interface Pointer {
  readonly artifact: string;
  readonly pointer: { readonly stage: string } | { readonly version: 'latest' };
  readonly leadsTo: string;
}

/** One pointer of each history, a stage if there is one; another kind of stage each time. */
function pointerOf(show: Shown, number: number): Pointer | undefined {
  const models = Object.entries(show).filter(([artifact]) => artifact in MODELS);
  const stages = models.flatMap(([artifact, { stage }]) => {
    return Object.entries(stage).flatMap(([name, leadsTo]) => (leadsTo === null ? [] : [{ artifact, pointer: { stage: name }, leadsTo }]));
  });
  const latest = models.flatMap(([artifact, { version }]) => {
    return version === null ? [] : [{ artifact, pointer: { version: 'latest' as const }, leadsTo: version }];
  });
  const all = stages.length > 0 ? stages : latest;
  return all[number % all.length];
}

describe('registries that GTO itself has made', () => {
  let venv: string;
  let folder: string;
  let git: TestServer;
  let store: TestServer;
  /** What `dvc get` brings of a commit, as sha256 by the name of the artifact. */
  let got: Readonly<Record<string, Readonly<Record<string, string>>>>;
  let histories: readonly History[];

  beforeAll(async () => {
    venv = await dvcVenv();
    folder = await mkdtemp(join(tmpdir(), 'plimsoll-gto-'));
    await mkdir(join(folder, 'store'));
    [git, store] = await Promise.all([serveGit(folder), serveFolder(join(folder, 'store'))]);
    const made = await run(join(venv, 'bin/python'), [join(SUPPORT, 'histories.py'), folder, store.url, String(SEED), String(BY_CHANCE)]);
    const [models = '', ...lines] = made.trim().split('\n');
    got = JSON.parse(models) as typeof got;
    histories = lines.map((line) => JSON.parse(line) as History);
  }, 600_000);

  afterAll(async () => {
    await Promise.all([git.close(), store.close()]);
    await removeTree(folder);
  });

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

  test('lead to the bytes that dvc get brings', async () => {
    let led = 0;
    for (const [number, { repository, tags, show }] of histories.entries()) {
      const found = pointerOf(show ?? {}, number);
      if (found === undefined) continue;
      const { artifact, pointer, leadsTo } = found;
      const tag = `${artifact.replace(':', '=')}@${leadsTo}`;
      const registered = tags.filter(({ name }) => name === tag || name.startsWith(`${tag}#`)).map(({ commit }) => commit);
      const place = await workplace();
      const dvc = { repository: `${git.url}/${repository.slice(folder.length + 1)}/.git`, artifact, ...pointer };
      await runResolve(parseResolveOptions(JSON.stringify({ source: { dvc } })), place.io);
      const left = await place.termination();
      await place.remove();
      if (!left.ok || left.value.kind !== 'resolved') throw new Error(JSON.stringify(left));
      const { pins: { commit = '' } = {}, digest } = left.value.resolved;
      expect(/^[0-9a-f]{40}$/.test(leadsTo) ? [leadsTo] : registered).toContain(commit);
      const bytes = got[commit]?.[artifact] ?? '';
      expect(digest).toBe(`sha256:${sha256(`${bytes}  ${MODELS[artifact] ?? ''}\n`)}`);
      led += 1;
    }
    expect(led).toBeGreaterThanOrEqual(50);
  }, 300_000);

  test('are shown by the command as by what they were compared with', async () => {
    const { repository, show } = histories.find((one) => Object.keys(one.show ?? {}).length > 1)!;
    expect(JSON.parse(await run(join(venv, 'bin/gto'), ['show', '--json', '--repo', repository]))).toEqual(show);
  });
});
