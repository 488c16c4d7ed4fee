import { describe, expect, test } from '@jest/globals';
import type { ModelDeployment } from '../../../../src/api/generated/modeldeployment.ts';
import type { ModelRelease } from '../../../../src/api/generated/modelrelease.ts';
import type { ModelVersion } from '../../../../src/api/generated/modelversion.ts';
import { notServing, staleKeys, tagPrefix, tagsOf, type Server } from '../../../../src/core/version/tags.ts';
import { deploymentObject, digestOf, versionObject } from '../../../support/world/objects.ts';

const PREFIX = 'plimsoll.dev';

type Status = NonNullable<ModelDeployment['status']>;

/** The ModelVersion of a version of the model; `remade` times it was made anew with other bytes. */
function version(name: string, remade = 0): ModelVersion {
  return versionObject(name, 'Ready', remade);
}

function side(name: string): NonNullable<Status['stable']> {
  return { version: name, digest: digestOf(name), revision: `rev-${name}`, slot: 'a' };
}

function server(status: Status | undefined, release?: ModelRelease, name = 'fraud'): Server {
  const { status: _, ...rest } = deploymentObject({ version: '1' });
  return { deployment: { ...rest, metadata: { ...rest.metadata, name }, ...(status && { status }) }, release };
}

/** A release of version 2 with this status. */
function release(status: ModelRelease['status']): ModelRelease {
  const to = { version: '2', digest: digestOf('2'), revision: 'rev-2' };
  return { metadata: { name: 'fraud-r2' }, spec: { deployment: 'fraud', number: 2, to }, status } as unknown as ModelRelease;
}

const ended = (outcome: string, reason: string): ModelRelease => release({ outcome, reason, finishedAt: '2026-11-24T10:00:00Z' });
const [one, two] = [side('1'), side('2')];

describe('what a ModelDeployment does with version 1 and version 2:', () => {
  test.each([
    ['nothing yet', server(undefined), undefined, undefined],
    ['one serves', server({ stable: one }), 'Serving 100%', undefined],
    ['a release is being prepared', server({ stable: one, candidate: two, weight: 0 }), 'Serving 100%', 'Candidate 0%'],
    ['a release is at a step', server({ stable: one, candidate: two, weight: 25 }), 'Serving 75%', 'Candidate 25%'],
    ['the first release of all', server({ candidate: two, weight: 100 }), undefined, 'Candidate 100%'],
    ['new pods of the same version', server({ stable: one, candidate: one, weight: 25 }), 'Serving 100%', undefined],
    ['the one before is kept', server({ stable: two, previous: one }), 'Previous 0%', 'Serving 100%'],
    ['it is promoted', server({ stable: two }, ended('Promoted', 'Promoted')), undefined, 'Serving 100%'],
    ['rolled back', server({ stable: one }, ended('RolledBack', 'ErrorRateWorse')), 'Serving 100%', ['RolledBack 0%', ': ErrorRateWorse']],
    ['a first one that failed', server({}, ended('Failed', 'ProbeFailed')), undefined, ['Failed 0%', ': ProbeFailed']],
    ['taken off by a person', server({ stable: one }, ended('Aborted', 'Aborted')), 'Serving 100%', 'Aborted 0%'],
    ['passed over', server({ stable: one }, ended('Superseded', 'Superseded')), 'Serving 100%', undefined],
    ['set back', server({ stable: one }, ended('Reverted', 'Reverted')), 'Serving 100%', undefined],
    ['under way, and not told by the status', server({ stable: one }, release({ phase: 'Preparing' })), 'Serving 100%', undefined],
  ] as const)('%s', (_, of, first, second) => {
    const said = (name: string, phrase: string | readonly [string, string] | undefined) => {
      if (phrase === undefined) return {};
      const [before, after] = typeof phrase === 'string' ? [phrase, ''] : phrase;
      return { 'plimsoll.dev/risk/fraud': `${before} (fraud-${name})${after}` };
    };
    expect(tagsOf(version('1'), [of], PREFIX)).toEqual(said('1', first));
    expect(tagsOf(version('2'), [of], PREFIX)).toEqual(said('2', second));
  });

  test('other bytes of the same name are another version', () => {
    expect(tagsOf(version('1', 1), [server({ stable: one })], PREFIX)).toEqual({});
  });

  test('one that is being deleted does nothing', () => {
    const { deployment } = server({ stable: one });
    const metadata = { ...deployment.metadata, deletionTimestamp: '2026-11-24T10:00:00Z' };
    expect(tagsOf(version('1'), [{ deployment: { ...deployment, metadata }, release: undefined }], PREFIX)).toEqual({});
  });

  test('each has a tag of its own, and no more than status has room for', () => {
    const names = Array.from({ length: 70 }, (_, i) => `d${String(i).padStart(2, '0')}`);
    const servers = names.toReversed().map((name) => server({ stable: one }, undefined, name));
    expect(Object.keys(tagsOf(version('1'), servers, 'eu'))).toEqual(names.slice(0, 64).map((name) => `eu/risk/${name}`));
  });
});

describe('among the tags of a registered version', () => {
  const prefix = tagPrefix(PREFIX, 'risk');
  const stale = (found: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>> = {}) =>
    staleKeys(found, wanted, prefix, 'fraud-1.4.0');

  const own = ['Serving 100%', 'Candidate 5%'].map((phrase) => `${phrase} (fraud-1.4.0)`);
  test.each([...own, notServing('fraud-1.4.0'), 'RolledBack 0% (fraud-1.4.0): ErrorRateWorse'])(
    '%s is its own, and goes when it is no longer so',
    (value) => {
      expect(stale({ 'plimsoll.dev/risk/fraud': value })).toEqual(['plimsoll.dev/risk/fraud']);
      expect(stale({ 'plimsoll.dev/risk/fraud': value }, { 'plimsoll.dev/risk/fraud': 'Serving 5% (fraud-1.4.0)' })).toEqual([]);
    },
  );

  test.each([
    ['of another ModelVersion', 'plimsoll.dev/risk/fraud', 'Serving 100% (fraud-1.4.1)'],
    ['whose name begins as this one', 'plimsoll.dev/risk/fraud', 'Serving 100% (fraud-1.4.0-rc1)'],
    ['of another namespace', 'plimsoll.dev/risk2/fraud', 'Serving 100% (fraud-1.4.0)'],
    ['of another cluster', 'eu.plimsoll.dev/risk/fraud', 'Serving 100% (fraud-1.4.0)'],
    ['of a cluster that is called as this namespace', 'plimsoll.dev/risk/a/b', 'Serving 100% (fraud-1.4.0)'],
    ['of a person', 'plimsoll.dev/risk/fraud', 'fraud-1.4.0 serves here'],
    ['of a person who goes on', 'plimsoll.dev/risk/fraud', 'Serving 100% (fraud-1.4.0): ask ada first'],
    ['with two lines', 'plimsoll.dev/risk/fraud', 'Serving 100% (fraud-1.4.0)\n'],
    ['of the team', 'team', 'risk'],
  ])('one %s stays', (_, key, value) => {
    expect(stale({ [key]: value })).toEqual([]);
  });

  test('what tagsOf writes is known again', () => {
    const servers = [server({ stable: one }), server({ stable: two, previous: one }, undefined, 'other')];
    const tags = tagsOf(version('1'), servers, PREFIX);
    expect(Object.keys(tags)).toHaveLength(2);
    expect(staleKeys(tags, {}, tagPrefix(PREFIX, 'risk'), 'fraud-1')).toEqual(Object.keys(tags));
  });
});
