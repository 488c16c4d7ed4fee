import { expect, test } from '@jest/globals';

import { writeStatus } from '../../../../src/core/status/write.ts';

const object = { apiVersion: 'plimsoll.dev/v1alpha1', kind: 'ModelVersion', metadata: { name: 'fraud-1', namespace: 'risk', uid: 'u', resourceVersion: '7' } };

test('a status that is so already is not written', () => {
  expect(writeStatus({ ...object, status: { schema: 1, tags: { a: 'b' } } }, { schema: 1, tags: { a: 'b' } })).toEqual([]);
});

test('a map that has lost its last key is left out, and is then so already', () => {
  const wanted = { schema: 1, tags: {}, deep: [{ map: {}, list: [] }] };
  const status = { schema: 1, deep: [{ list: [] }] };
  const metadata = { name: 'fraud-1', namespace: 'risk', uid: 'u', resourceVersion: '7' };
  const { apiVersion, kind } = object;
  expect(writeStatus({ ...object, status: { schema: 1, tags: { a: 'b' }, deep: [] } }, wanted)).toEqual([
    { type: 'ApplyStatus', object: { apiVersion, kind, metadata, status } },
  ]);
  expect(writeStatus({ ...object, status }, wanted)).toEqual([]);
});
