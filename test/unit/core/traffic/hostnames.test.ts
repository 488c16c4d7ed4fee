import { describe, expect, test } from '@jest/globals';
import { findRival, hostKeys, type Holder, type Wish } from '../../../../src/core/traffic/hostnames.ts';

type Gateway = Holder['gateway'];

const PUBLIC: Gateway = { parentRefs: [{ name: 'public', namespace: 'gateways' }], hostnames: ['fraud.example.com'] };

function holder(change: Partial<Holder> = {}): Holder {
  return { namespace: 'risk', name: 'other', createdAt: '2026-11-24T10:00:00Z', gateway: PUBLIC, ...change };
}

/** Whose host name it is that this deployment wants. */
function rivalOf(gateway: Gateway, others: readonly Holder[], more: Partial<Wish> = {}): string | undefined {
  const rival = findRival({ namespace: 'risk', name: 'fraud', gateway, held: undefined, ...more }, others);
  return rival && `${rival.hostname ?? 'any'} at ${rival.gateway} of ${rival.holder.namespace}/${rival.holder.name}`;
}

describe('a host name that another route has', () => {
  test.each<[title: string, gateway: Gateway, rival: string | undefined]>([
    ['at the same Gateway is taken', PUBLIC, 'fraud.example.com at gateways/public of risk/other'],
    [
      'among others is taken',
      { ...PUBLIC, hostnames: ['a.example.com', 'fraud.example.com'] },
      'fraud.example.com at gateways/public of risk/other',
    ],
    ['at another Gateway is free', { ...PUBLIC, parentRefs: [{ name: 'public' }] }, undefined],
    ['is not every host name', { parentRefs: PUBLIC.parentRefs }, undefined],
    ['is not a wider one: the gateway prefers the narrower', { ...PUBLIC, hostnames: ['*.example.com'] }, undefined],
    ['is not another one', { ...PUBLIC, hostnames: ['b.example.com'] }, undefined],
    [
      'at one of two Gateways is taken',
      { ...PUBLIC, parentRefs: [{ name: 'private' }, { name: 'public', namespace: 'gateways', port: 443 }] },
      'fraud.example.com at gateways/public of risk/other',
    ],
  ])('%s', (_, gateway, rival) => {
    expect(rivalOf(gateway, [holder()])).toBe(rival);
  });

  test('at another listener is free, and taken when one of both is at every listener', () => {
    const at = (sectionName: string): Gateway => ({ ...PUBLIC, parentRefs: [{ name: 'public', namespace: 'gateways', sectionName }] });
    expect(rivalOf(at('http'), [holder({ gateway: at('https') })])).toBeUndefined();
    expect(rivalOf(at('http'), [holder({ gateway: at('http') })])).toBeDefined();
    expect(rivalOf(at('http'), [holder()])).toBeDefined();
  });

  test('may be every host name of a Gateway', () => {
    const all: Gateway = { parentRefs: [{ name: 'public' }] };
    expect(rivalOf(all, [holder({ gateway: all })])).toBe('any at risk/public of risk/other');
  });

  test("is no rival's when it is this deployment's own route", () => {
    expect(rivalOf(PUBLIC, [holder({ name: 'fraud' })])).toBeUndefined();
    expect(rivalOf(PUBLIC, [holder({ name: 'fraud', namespace: 'elsewhere' })])).toBeDefined();
  });

  test('stays with the older route when two have it, by name when they are of the same second', () => {
    const own = (createdAt: string): Partial<Wish> => ({ held: holder({ name: 'fraud', createdAt }) });
    expect(rivalOf(PUBLIC, [holder()], own('2026-11-24T09:59:59Z'))).toBeUndefined();
    expect(rivalOf(PUBLIC, [holder()], own('2026-11-24T10:00:01Z'))).toBeDefined();
    expect(rivalOf(PUBLIC, [holder()], own('2026-11-24T10:00:00Z'))).toBeUndefined();
    expect(rivalOf(PUBLIC, [holder({ name: 'earlier' })], own('2026-11-24T10:00:00Z'))).toBeDefined();
  });

  test('is not given to an older route that wants it now', () => {
    const held = holder({ name: 'fraud', createdAt: '2020-01-01T00:00:00Z', gateway: { ...PUBLIC, hostnames: ['b.example.com'] } });
    expect(rivalOf(PUBLIC, [holder()], { held })).toBeDefined();
  });

  test('is found by a key that both have', () => {
    expect(hostKeys('risk', { parentRefs: [{ name: 'a' }, { name: 'b', namespace: 'x' }], hostnames: ['h', 'i'] })).toEqual([
      'risk/a h',
      'risk/a i',
      'x/b h',
      'x/b i',
    ]);
    expect(hostKeys('risk', { parentRefs: [{ name: 'a' }] })).toEqual(['risk/a ']);
  });
});
