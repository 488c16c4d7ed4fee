// What an earlier operator left goes on under this one: nothing is written at rest, and a release keeps the plan that it started with.
import { describe, expect, test } from '@jest/globals';
import type { ModelRelease } from '../../../../src/api/generated/modelrelease.ts';
import { targetRevision } from '../../../../src/core/resources/revision.ts';
import type { StoredObject } from '../../../support/apiStore.ts';
import { SETTINGS, type World } from '../../../support/world.ts';
import { ended, holdingAt, releasing } from './scenario.ts';

/** A record as it was written before plans said what capacity is and who counts. */
function earlier({ spec, ...release }: ModelRelease): StoredObject {
  const { capacity: _, evidence: __, ...plan } = spec.plan;
  return { ...release, spec: { ...spec, plan } };
}

function upgrade(world: World): void {
  for (const release of world.releases) world.api.put(earlier(release));
  world.restart();
}

describe('after an upgrade of the operator', () => {
  test('nothing is written for a deployment that is at rest', async () => {
    const world = await releasing();
    await ended(world);
    upgrade(world);
    const before = world.api.writes.length;
    await world.run(600_000);
    expect(world.api.writes.slice(before).map(({ verb, kind }) => `${verb} ${kind}`)).toEqual([]);
  });

  test('a release that is under way goes on by the gateway, with the capacity that it had', async () => {
    const world = await releasing();
    await holdingAt(world, 5);
    upgrade(world);
    const release = await ended(world);
    expect(release.status).toMatchObject({ outcome: 'Promoted' });
    expect(release.spec.plan.capacity).toBeUndefined();
    world.assertSound();
  });

  test('the revision of an unchanged spec is the one that it was', () => {
    const target = targetRevision(
      {
        model: 'fraud',
        version: '1',
        digest: `sha256:${'a'.repeat(64)}`,
        format: { name: 'sklearn' },
        source: { http: { url: 'https://models.example.com/fraud/1.tar.gz' } },
        preset: 'mlserver',
        template: { spec: { containers: [{ name: 'model', image: 'mlserver:1.7.1' }] } },
        drain: '30s',
      },
      [],
      SETTINGS,
    );
    expect(target.ok && [target.snapshot.revision, target.snapshot.inputs]).toEqual(['cdc2921045', '28b77e182edaaca3']);
  });
});
