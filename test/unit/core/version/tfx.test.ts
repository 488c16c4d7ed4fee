import { describe, expect, test } from '@jest/globals';

import { checkBlessed, isVersion, pushOf, versionsIn } from '../../../../src/core/version/tfx.ts';

describe('versions of TFX', () => {
  test('are numbers of 64 bits, in the order of numbers', () => {
    const names = ['9/', '10/', '1764240000/', '9223372036854775807/', '9223372036854775806/', '007/', '0/'];
    expect(versionsIn(names)).toEqual(['9223372036854775807', '9223372036854775806', '1764240000', '10', '9', '007', '0']);
  });

  test('are always in the same order, also where two names are the same number', () => {
    expect(versionsIn(['07/', '7/', '007/'])).toEqual(versionsIn(['7/', '007/', '07/']));
  });

  test.each(['', '-1', '+1', '1.0', '1e3', '0x10', ' 1', '1 ', '9223372036854775808', '10000000000000000000', '٣', 'a'])(
    'are none like %j',
    (name) => {
      expect(isVersion(name)).toBe(false);
      expect(versionsIn([`${name}/`, '5'])).toEqual([]);
    },
  );
});

describe('the push of a version', () => {
  const push = (base: string, ...destinations: readonly string[]) =>
    pushOf(
      destinations.map((destination, id) => ({ id, destination })),
      base,
      '17',
      'DB',
    );

  test.each<[string, readonly string[], number | undefined]>([
    ['fraud', ['/serving/fraud/17'], 0],
    ['out/fraud', ['/mnt/fraud/17'], 0],
    ['', ['/serving/fraud/17/'], 0],
    ['fraud', ['/a/churn/17', '/b/fraud/17'], 1],
    ['fraud', ['s3://bucket/fraud/17', '/b/churn/17'], 0],
    ['fraud', ['/a/fraud/18', ''], undefined],
    ['fraud', [], undefined],
    ['fraud', ['/a/fraud/17', '/a/fraud/17'], 0],
  ])('under %j among %j is number %j', (base, destinations, id) => {
    expect(push(base, ...destinations)).toEqual({ ok: true, value: id === undefined ? undefined : { id, destination: destinations[id] } });
  });

  test('is not guessed', () => {
    expect(push('', '/a/17', '/b/17')).toMatchObject({ ok: false, failure: { reason: 'SourceRefused' } });
  });
});

describe('a model', () => {
  const verdict = (by: 'Evaluator' | 'InfraValidator', isBlessed: boolean | undefined) => ({ by, isBlessed, where: 'X' });

  test.each<[readonly ReturnType<typeof verdict>[], boolean]>([
    [[verdict('Evaluator', true)], true],
    [[verdict('Evaluator', true), verdict('InfraValidator', true)], true],
    [[], false],
    [[verdict('InfraValidator', true)], false],
    [[verdict('Evaluator', undefined)], false],
    [[verdict('Evaluator', true), verdict('Evaluator', undefined)], false],
    [[verdict('Evaluator', true), verdict('Evaluator', false)], false],
    [[verdict('Evaluator', true), verdict('InfraValidator', false)], false],
    [[verdict('Evaluator', true), verdict('InfraValidator', undefined)], false],
  ])('of which %j is said is blessed: %j', (verdicts, isBlessed) => {
    expect(checkBlessed(verdicts, 'M').ok).toBe(isBlessed);
  });
});
