import { describe, expect, test } from '@jest/globals';

import { choose, registryOf, type RegistryTag, type Wanted } from '../../../../src/core/version/gto.ts';

const [A, B, C] = ['a', 'b', 'c'].map((letter) => letter.repeat(40)) as [string, string, string];

/** One second after the other. */
function tags(...list: readonly (readonly [name: string, commit: string, at?: number])[]): readonly RegistryTag[] {
  return list.map(([name, commit, at], index) => ({ name, commit, taggedAt: at ?? index }));
}

function chosen(list: readonly RegistryTag[], name: string, wanted: Wanted): string {
  const found = choose(registryOf(list), name, wanted);
  if (!found.ok) return `${found.failure.reason}: ${found.failure.message}`;
  return `${found.value.version ?? 'none'} ${found.value.commit.slice(0, 1)}`;
}

const STAGED = tags(['fraud@v1.0.0', A], ['fraud@v1.0.1', B], ['fraud#prod#1', A], ['fraud#prod#2', B]);

describe('what is in a stage', () => {
  test('is the newest assignment', () => {
    expect(chosen(STAGED, 'fraud', { stage: 'prod' })).toBe('v1.0.1 b');
  });

  test('is the one before, when that was taken out, and after that nothing', () => {
    const fallen = [...STAGED, ...tags(['fraud#prod!#3', B, 10])];
    expect(chosen(fallen, 'fraud', { stage: 'prod' })).toBe('v1.0.0 a');
    expect(chosen([...fallen, ...tags(['fraud#prod!#4', A, 11])], 'fraud', { stage: 'prod' })).toBe(
      "NotFound: No version of 'fraud' is in stage 'prod'.",
    );
  });

  test('is the one before, when its version was deregistered', () => {
    expect(chosen([...STAGED, ...tags(['fraud@v1.0.1!', B, 10])], 'fraud', { stage: 'prod' })).toBe('v1.0.0 a');
  });

  test('goes by the time of the tag, not by its number', () => {
    const late = tags(['fraud@v1.0.0', A], ['fraud@v1.0.1', B], ['fraud#prod#2', A, 30], ['fraud#prod#1', B, 20]);
    expect(chosen(late, 'fraud', { stage: 'prod' })).toBe('v1.0.0 a');
  });

  test('may be a commit that is no version', () => {
    expect(chosen(tags(['fraud#prod#1', C]), 'fraud', { stage: 'prod' })).toBe('none c');
    expect(chosen(tags(['fraud#prod#1', C], ['fraud@v2.0.0', C]), 'fraud', { stage: 'prod' })).toBe('v2.0.0 c');
  });
});

describe('a version', () => {
  const versions = tags(['m/eu=fraud@v1.9.0', A], ['m/eu=fraud@v1.10.0', B], ['m/eu=fraud@v2.0.0-rc.1#7', C], ['m/eu=fraud@v1.9.0!', A, 9]);

  test('is found at its commit, in a folder too', () => {
    expect(chosen(versions, 'm/eu:fraud', { version: 'v1.10.0' })).toBe('v1.10.0 b');
  });

  test('is the latest by semver, not by time', () => {
    expect(chosen(versions, 'm/eu:fraud', { version: 'latest' })).toBe('v2.0.0-rc.1 c');
    expect(chosen([...versions, ...tags(['m/eu=fraud@v1.11.0', A, 20])], 'm/eu:fraud', { version: 'latest' })).toBe('v2.0.0-rc.1 c');
    expect(chosen([...versions, ...tags(['m/eu=fraud@v2.0.0', A, 20])], 'm/eu:fraud', { version: 'latest' })).toBe('v2.0.0 a');
  });

  test('that was deregistered, or never was, is told', () => {
    expect(chosen(versions, 'm/eu:fraud', { version: 'v1.9.0' })).toBe(
      "NotFound: Version v1.9.0 of 'm/eu:fraud' was deregistered. Give path and revision to have it all the same.",
    );
    expect(chosen(versions, 'm/eu:fraud', { version: 'v3.0.0' })).toBe(
      "NotFound: 'm/eu:fraud' has no version 'v3.0.0'; it has 'v1.10.0', 'v2.0.0-rc.1'.",
    );
    expect(chosen(versions, 'fraud', { version: 'v1.10.0' })).toBe(
      "NotFound: The tags of the repository speak of no artifact 'fraud'; they know 'm/eu:fraud'.",
    );
    expect(chosen(tags(['fraud#prod', A]), 'fraud', { version: 'latest' })).toBe("NotFound: No version of 'fraud' is registered.");
  });

  test('at two commits is refused', () => {
    expect(chosen(tags(['fraud@v1.0.0', A], ['fraud@v1.0.0#2', B]), 'fraud', { version: 'v1.0.0' })).toContain(
      "SourceRefused: The tags name two commits as version v1.0.0 of 'fraud'.",
    );
  });
});

describe('a registry', () => {
  test('that has two versions at a commit and a stage on it is refused, as GTO does', () => {
    const two = tags(['fraud@v1.0.0', A], ['fraud@v1.0.1', A]);
    expect(chosen(two, 'fraud', { version: 'v1.0.0' })).toBe('v1.0.0 a');
    const staged = [...two, ...tags(['fraud#prod', A, 5])];
    expect(chosen(staged, 'fraud', { version: 'v1.0.0' })).toContain('SourceRefused: The tags name two versions');
  });

  test('forgets an artifact that was deprecated until something is done with it', () => {
    const gone = [...STAGED, ...tags(['fraud@deprecated#3', B, 10])];
    expect(chosen(gone, 'fraud', { stage: 'prod' })).toContain("NotFound: The artifact 'fraud' is deprecated.");
    expect(chosen([...gone, ...tags(['fraud#staging#4', A, 11])], 'fraud', { stage: 'prod' })).toBe('v1.0.1 b');
  });

  test('holds nothing but what GTO writes', () => {
    const versions = ['v1.0.0', 'fraud@1.0.0', 'fraud@v1', 'fraud@v01.0.0', '-fraud@v1.0.0', 'fraud-@v1.0.0', 'a=b=c@v1.0.0'];
    const others = [...versions, 'fraud', 'fraud#prod#', 'fraud#prod#x', 'fraud#pr od', 'fraud@created', `${'a'.repeat(600)}@v1.0.0`];
    expect([...registryOf(tags(...others.map((name) => [name, A] as const))).keys()]).toEqual([]);
  });
});
