import { describe, expect, test } from '@jest/globals';
import type { ModelVersion } from '../../../../src/api/generated/modelversion.ts';
import { RESOURCE } from '../../../../src/api/resources.ts';
import type { StoredObject } from '../../../support/apiStore.ts';
import type { ImageContents } from '../../../support/world/images.ts';
import { NAME, NAMESPACE, versionObject } from '../../../support/world/objects.ts';
import { createWorld, type World } from '../../../support/world.ts';
import { ended, servingWorld } from './scenario.ts';

type Dependencies = NonNullable<NonNullable<ModelVersion['status']>['metadata']>['dependencies'];
type Mode = ModelVersion['spec']['dependencies'];

const IMAGE = 'mlserver:1.7.1';
const NEEDS: Dependencies = {
  python: '3.11.7',
  packages: [
    { name: 'scikit-learn', specifier: '==1.7.2', from: 'requirements.txt' },
    { name: 'numpy', specifier: '>=2', from: 'conda.yaml' },
    { name: 'pywin32', marker: 'sys_platform == "win32"', from: 'requirements.txt' },
  ],
};
const FITTING: ImageContents = { python: '3.11.9', packages: { 'scikit-learn': '1.7.2', numpy: '2.3.1' } };
const DIFFERENT: ImageContents = { python: '3.11.9', packages: { 'scikit-learn': '1.8.0', numpy: '2.3.1' } };

/** A version in the world that needs packages, or says nothing of any. */
function addVersion(world: World, name: string, mode?: Mode, dependencies: Dependencies | null = NEEDS): void {
  const { spec, status, ...version } = versionObject(name);
  const metadata = dependencies === null ? {} : { metadata: { dependencies } };
  world.api.put({
    ...version,
    spec: { ...spec, ...(mode === undefined ? {} : { dependencies: mode }) },
    status: { ...status, ...metadata },
  });
}

function setMode(world: World, name: string, mode: Mode): void {
  const version = world.api.get<ModelVersion>(RESOURCE.modelVersion, NAMESPACE, `${NAME}-${name}`)!;
  world.api.put({ ...version, spec: { ...version.spec, dependencies: mode } });
}

/** Version 1 serves in an image with these contents, and version 2 is asked for. */
async function asking(contents: ImageContents, mode?: Mode, dependencies: Dependencies | null = NEEDS): Promise<World> {
  const world = await servingWorld();
  world.images.contents.set(IMAGE, contents);
  addVersion(world, '2', mode, dependencies);
  world.edit({ version: '2' });
  return world;
}

function messageOf(world: World): string | undefined {
  return world.deployment.status?.conditions?.find(({ type }) => type === 'DependenciesMatch')?.message;
}

function jobs(world: World): readonly StoredObject[] {
  return world.api.view(RESOURCE.job);
}

describe('packages that are as the version needs them', () => {
  test('are told of, and the release goes on meanwhile', async () => {
    const world = await asking(FITTING);
    expect((await ended(world)).status).toMatchObject({ outcome: 'Promoted' });
    expect([world.condition('DependenciesMatch'), world.condition('Ready')]).toEqual(['True/Match', 'True/Serving']);
    expect(messageOf(world)).toBe('3 of what version 2 needs are in image mlserver:1.7.1 as asked for');
    expect(world.deployment.status?.inspected).toMatchObject({ image: IMAGE, machine: 'x86_64', ...(FITTING as object) });
    world.assertSound();
  });

  test('are asked for once, also for another version that names the same ones', async () => {
    const world = await asking(DIFFERENT);
    await ended(world);
    expect(world.condition('DependenciesMatch')).toBe('False/DependencyMismatch');
    addVersion(world, '3', 'Warn', {
      packages: NEEDS.packages!.map((item) => ({ ...item, ...(item.name === 'numpy' ? {} : { specifier: '==1.8.0' }) })),
    });
    world.edit({ version: '3' });
    await ended(world);
    expect([world.condition('DependenciesMatch'), jobs(world).length]).toEqual(['True/Match', 1]);
    world.assertSound();
  });

  test('are asked for anew in another image, in a strict version before its release begins', async () => {
    const world = await asking(FITTING, 'Strict');
    await world.run(1000);
    expect([world.condition('Ready'), world.releases.length]).toEqual(['False/InspectingImage', 1]);
    expect((await ended(world)).status).toMatchObject({ outcome: 'Promoted' });
    world.edit({ runtime: { preset: 'mlserver', template: { spec: { containers: [{ name: 'model', image: 'mlserver:2' }] } } } });
    await world.run(60_000);
    expect([world.condition('Ready'), world.condition('DependenciesMatch')]).toEqual([
      'False/DependencyMissing',
      'False/DependencyMissing',
    ]);
    expect(messageOf(world)).toMatch(
      /^image mlserver:2 is not .* lacks scikit-learn==1\.7\.2 \(requirements\.txt\), numpy>=2 \(conda\.yaml\);/,
    );
    world.assertSound();
  });
});

describe('packages that are not as the version needs them', () => {
  test('are a warning, told once, with what is there, what is wanted, and a way out', async () => {
    const world = await asking(DIFFERENT);
    expect((await ended(world)).status).toMatchObject({ outcome: 'Promoted' });
    expect([world.condition('DependenciesMatch'), world.condition('Ready')]).toEqual(['False/DependencyMismatch', 'True/Serving']);
    expect(messageOf(world)).toBe(
      'image mlserver:1.7.1 is not what version 2 needs: it has scikit-learn 1.8.0 where requirements.txt wants ==1.7.2; ' +
        'name an image that fits in spec.runtime.template, or make a version for this one',
    );
    expect(world.events.filter(({ reason }) => reason === 'DependencyMismatch').map(({ type }) => type)).toEqual(['Warning']);
    world.assertSound();
  });

  test('keep a strict version from being released, and stable does not notice', async () => {
    const world = await asking(DIFFERENT, 'Strict');
    await world.run(120_000);
    const [ready, accepted, available] = ['Ready', 'Accepted', 'Available'].map((type) => world.condition(type));
    expect([ready, accepted, available]).toEqual(['False/DependencyMismatch', 'False/DependencyMismatch', 'True/Serving']);
    expect(messageOf(world)).toMatch(/ModelVersion fraud-2 is Strict \(Warn lets it serve all the same\)$/);
    expect([world.deployment.status?.phase, world.releases.length, world.weight('1')]).toEqual(['Refused', 1, 100]);
    expect(world.events.filter(({ reason }) => reason === 'DependencyMismatch')).toHaveLength(1);
    setMode(world, '2', 'Warn');
    expect((await ended(world)).status).toMatchObject({ outcome: 'Promoted' });
    world.assertSound();
  });

  test('take nothing from a version that serves, however strict it becomes', async () => {
    const world = await asking(DIFFERENT);
    await ended(world);
    setMode(world, '2', 'Strict');
    await world.run(60_000);
    expect([world.condition('Ready'), world.condition('DependenciesMatch')]).toEqual(['True/Serving', 'False/DependencyMismatch']);
    world.assertSound();
  });

  test('are of no interest where they are ignored, or where nothing says what is needed', async () => {
    for (const [mode, dependencies] of [
      ['Ignore', NEEDS],
      [undefined, null],
    ] as const) {
      const world = await asking(DIFFERENT, mode, dependencies);
      await ended(world);
      expect([world.condition('DependenciesMatch'), world.deployment.status?.inspected, jobs(world)]).toEqual([undefined, undefined, []]);
    }
  });

  test('are a Python of another minor version, too', async () => {
    const world = await asking({ python: '3.12.1', packages: { 'scikit-learn': '1.7.2', numpy: '2.3.1' } });
    await ended(world);
    expect(messageOf(world)).toMatch(/it has Python 3\.12\.1 where the model wants 3\.11\.7;/);
  });
});

describe('an image that does not say what it has', () => {
  test.each([
    ['NoPython', /its program python3 cannot be started, as in an image without Python$/],
    ['OldPython', /its python3 ended with exit code 1; it has to be Python 3\.8 or later$/],
    ['Nonsense', /what its python3 answered cannot be read$/],
  ] as const)('%s is no failure, and is not asked again', async (contents, message) => {
    const world = await asking(contents);
    expect((await ended(world)).status).toMatchObject({ outcome: 'Promoted' });
    expect([world.condition('DependenciesMatch'), jobs(world).length]).toEqual(['Unknown/DependenciesUnknown', 1]);
    expect(messageOf(world)).toMatch(message);
    world.assertSound();
  });

  test('is not good enough for a strict version', async () => {
    const world = await asking('NoPython', 'Strict');
    await world.run(60_000);
    expect([world.condition('Ready'), world.condition('Available')]).toEqual(['False/DependenciesUnknown', 'True/Serving']);
    expect(messageOf(world)).toMatch(/^image mlserver:1\.7\.1 cannot say what it has: .* is Strict/);
    expect(world.releases).toHaveLength(1);
  });

  test('is asked again when its pod was lost', async () => {
    const world = await asking('Drained', 'Strict');
    await world.run(10_000);
    expect([world.condition('Ready'), jobs(world).length]).toEqual(['False/InspectingImage', 1]);
    world.images.contents.set(IMAGE, FITTING);
    expect((await ended(world)).status).toMatchObject({ outcome: 'Promoted' });
    expect(jobs(world)).toHaveLength(2);
    world.assertSound();
  });

  test('is waited for while it cannot be pulled, and the reason is told', async () => {
    const world = await asking('CannotBePulled', 'Strict');
    await world.run(30_000);
    expect([world.condition('Ready'), world.condition('DependenciesMatch')]).toEqual(['False/InspectingImage', 'Unknown/InspectingImage']);
    expect(messageOf(world)).toBe(
      'a Job asks image mlserver:1.7.1 which packages it has, which waits: container inspect cannot start: Back-off pulling image',
    );
  });
});

describe('a strict version', () => {
  test('of which no file says what it needs is refused', async () => {
    const world = await asking(FITTING, 'Strict', null);
    await world.run(60_000);
    expect(world.condition('Ready')).toBe('False/DependenciesUnknown');
    expect(messageOf(world)).toMatch(/^no file of the version that could be read says what it needs; add requirements\.txt/);
  });

  test('of which not everything can be compared is refused, and one that is not strict is told of it', async () => {
    const incomplete = { ...NEEDS, omitted: 1, notCompared: ['an editable package (-e)'] };
    const world = await asking(FITTING, 'Strict', incomplete);
    await world.run(60_000);
    expect(world.condition('Ready')).toBe('False/DependenciesUnknown');
    setMode(world, '2', 'Warn');
    await ended(world);
    expect([world.condition('Ready'), world.condition('DependenciesMatch')]).toEqual(['True/Serving', 'True/Match']);
    expect(messageOf(world)).toMatch(/1 requirement is not compared: an editable package \(-e\)$/);
  });

  test('of which nothing can be compared is no match', async () => {
    const world = await asking(FITTING, 'Warn', { omitted: 1, notCompared: ['an editable package (-e)'] });
    await ended(world);
    expect([world.condition('Ready'), world.condition('DependenciesMatch')]).toEqual(['True/Serving', 'Unknown/DependenciesUnknown']);
    expect(messageOf(world)).toMatch(
      /^nothing that version 2 needs can be compared with image .*; 1 requirement is not compared: an editable package/,
    );
  });

  test('as the first one makes nothing before its image is known', async () => {
    const world = createWorld();
    world.images.contents.set(IMAGE, DIFFERENT);
    world.serve('1');
    addVersion(world, '1', 'Strict');
    await world.run(60_000);
    expect([world.condition('Ready'), world.condition('Available'), world.releases]).toEqual([
      'False/DependencyMismatch',
      'False/NoVersionYet',
      [],
    ]);
    expect(world.api.view(RESOURCE.deployment)).toEqual([]);
  });
});

describe('the Job that asks', () => {
  test('that the API server will not have holds up nothing', async () => {
    const world = await servingWorld();
    world.api.fault = (_, { kind }) => (kind === 'Job' ? 'Invalid' : undefined);
    addVersion(world, '2');
    world.edit({ version: '2' });
    expect((await ended(world)).status).toMatchObject({ outcome: 'Promoted' });
    expect([world.condition('Ready'), world.condition('DependenciesMatch')]).toEqual(['True/Serving', 'Unknown/InspectingImage']);
  });

  test('says why, where a strict version waits for it', async () => {
    const world = await servingWorld();
    world.api.fault = (_, { kind }) => (kind === 'Job' ? 'Invalid' : undefined);
    addVersion(world, '2', 'Strict');
    world.edit({ version: '2' });
    await world.run(30_000);
    expect([world.condition('Ready'), world.condition('Available'), world.releases.length]).toEqual(['False/Refused', 'True/Serving', 1]);
  });
});
