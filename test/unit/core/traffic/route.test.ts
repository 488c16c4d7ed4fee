import { describe, expect, test } from '@jest/globals';
import type { KubeObject, RouteDecision } from '../../../../src/core/observed.ts';
import type { Owner } from '../../../../src/core/resources/children.ts';
import { decodeDecision, encodeDecision, outranks } from '../../../../src/core/traffic/decision.ts';
import { frameHash, httpRoute, readRoute, type HttpRouteObject } from '../../../../src/core/traffic/route.ts';
import { deploymentObject, SPEC } from '../../../support/world/objects.ts';

const OWNER: Owner = { kind: 'ModelDeployment', name: 'fraud', namespace: 'risk', uid: 'u-1' };
const SLOTS = { a: { revision: 'aaaaaaaaaa', weight: 75 }, b: { revision: 'bbbbbbbbbb', weight: 25 } };
const DECISION: RouteDecision = {
  release: 7,
  decision: 'Shift',
  detail: '1',
  message: 'step 2: 25 % to version 1.4.0',
  atMs: Date.UTC(2026, 0, 1),
};

function build(slots = SLOTS): KubeObject {
  return httpRoute(OWNER, deploymentObject(), slots, DECISION, { uid: 'u-2', resourceVersion: '42' });
}

function observed(change: object = {}): HttpRouteObject {
  const { metadata, spec } = build();
  return { metadata: { ...metadata, generation: 3 }, spec, ...change } as unknown as HttpRouteObject;
}

function parent(change: Readonly<Record<string, string>> = {}, observedGeneration = 3): object {
  const condition = (type: string): object => ({
    type,
    status: change[type] ?? 'True',
    reason: change[`${type}Reason`] ?? type,
    message: 'so it says',
    observedGeneration,
  });
  return { parentRef: { name: 'public' }, conditions: [condition('Accepted'), condition('ResolvedRefs')] };
}

describe('a route', () => {
  test('holds both slots, in their order, each with the filter that gives it counters of its own', () => {
    const spec = build()['spec'] as { readonly rules: readonly { readonly backendRefs: readonly unknown[] }[] };
    expect(spec.rules).toHaveLength(1);
    expect(spec.rules[0]?.backendRefs).toEqual([
      {
        name: 'fraud-aaaaaaaaaa',
        port: 80,
        weight: 75,
        filters: [
          { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'plimsoll-revision', value: 'aaaaaaaaaa' }] } },
        ],
      },
      {
        name: 'fraud-bbbbbbbbbb',
        port: 80,
        weight: 25,
        filters: [
          { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'plimsoll-revision', value: 'bbbbbbbbbb' }] } },
        ],
      },
    ]);
  });

  test('is locked to the state that was observed', () => {
    expect(build().metadata).toMatchObject({ uid: 'u-2', resourceVersion: '42' });
    expect(httpRoute(OWNER, deploymentObject(), SLOTS, DECISION, undefined).metadata).not.toHaveProperty('resourceVersion');
  });

  test('is read back as it was written', () => {
    expect(readRoute(observed())).toMatchObject({
      slots: SLOTS,
      decision: DECISION,
      frame: frameHash(deploymentObject()),
      identity: { uid: 'u-2', resourceVersion: '42' },
    });
  });

  test('gives a slot without a share 1 of 10,000 requests, since Envoy Gateway forgets a backend of weight 0 too early', () => {
    const idle = { a: { revision: 'bbbbbbbbbb', weight: 0 }, b: { revision: 'bbbbbbbbbb', weight: 100 } };
    const { metadata, spec } = build(idle);
    expect(spec).toMatchObject({
      rules: [
        {
          backendRefs: [
            { name: 'fraud-bbbbbbbbbb', weight: 1 },
            { name: 'fraud-bbbbbbbbbb', weight: 9999 },
          ],
        },
      ],
    });
    expect(readRoute({ metadata, spec } as unknown as HttpRouteObject)?.slots).toEqual(idle);
  });

  test.each<[weights: readonly number[], percent: readonly number[]]>([
    [
      [0, 100],
      [0, 100],
    ],
    [
      [1, 3],
      [25, 75],
    ],
    [
      [0, 0],
      [0, 0],
    ],
  ])('of weights %j means %j per cent', ([a, b], percent) => {
    const spec = {
      rules: [
        {
          backendRefs: [
            { name: 'fraud-aaaaaaaaaa', weight: a },
            { name: 'fraud-bbbbbbbbbb', weight: b },
          ],
        },
      ],
    };
    const slots = readRoute(observed({ spec }))?.slots;
    expect([slots?.a.weight, slots?.b.weight]).toEqual(percent);
  });

  test.each<[string, object]>([
    ['one backend', { spec: { rules: [{ backendRefs: [{ name: 'fraud-aaaaaaaaaa', weight: 1 }] }] } }],
    ['no rules', { spec: {} }],
    ['another owner', { metadata: { name: 'fraud', labels: {} } }],
  ])('with %s is not ours to read', (_, change) => {
    expect(readRoute(observed(change))).toBeUndefined();
  });

  test('keeps its frame hash while slots change, and changes it with hostnames, parents and timeouts', () => {
    const gateway = SPEC.traffic.gateway!;
    const hash = (change: object): string => frameHash(deploymentObject({ traffic: { gateway: { ...gateway, ...change } } }));
    expect(
      new Set([
        hash({}),
        hash({ hostnames: ['x.example.com'] }),
        hash({ timeouts: { request: '5s' } }),
        hash({ parentRefs: [{ name: 'other' }] }),
      ]).size,
    ).toBe(4);
  });
});

describe("the gateway's word", () => {
  test.each<[sentence: string, status: object | undefined, state: string]>([
    ['accepted and resolved at the newest generation', { parents: [parent()] }, 'Accepted'],
    ['nothing yet', undefined, 'Pending'],
    ['about an older generation', { parents: [parent({}, 2)] }, 'Pending'],
    [
      'without ResolvedRefs',
      { parents: [{ parentRef: { name: 'public' }, conditions: [{ type: 'Accepted', status: 'True', observedGeneration: 3 }] }] },
      'Pending',
    ],
    ['not accepted', { parents: [parent({ Accepted: 'False', AcceptedReason: 'NotAllowedByListeners' })] }, 'Refused'],
    ['a backend that is missing', { parents: [parent({ ResolvedRefs: 'False', ResolvedRefsReason: 'BackendNotFound' })] }, 'Refused'],
  ])('%s', (_, status, state) => {
    expect(readRoute(observed({ status }))?.acceptance.state).toBe(state);
  });

  test('counts only when every gateway has spoken', () => {
    const { spec } = build() as unknown as { readonly spec: object };
    const two = { ...spec, parentRefs: [{ name: 'public' }, { name: 'internal' }] };
    expect(readRoute(observed({ spec: two, status: { parents: [parent()] } }))?.acceptance).toMatchObject({
      state: 'Pending',
      message: expect.stringContaining('no gateway answers for internal'),
    });
  });

  test('about a listener that the route is not at any more counts for nothing', () => {
    const { spec } = build() as unknown as { readonly spec: object };
    const elsewhere = { ...parent({ Accepted: 'False' }, 2), parentRef: { name: 'public', sectionName: 'gone' } };
    expect(readRoute(observed({ status: { parents: [elsewhere, parent()] } }))?.acceptance.state).toBe('Accepted');
    expect(readRoute(observed({ status: { parents: [elsewhere] } }))?.acceptance.state).toBe('Pending');
    const here = { ...spec, parentRefs: [{ name: 'public', sectionName: 'gone' }] };
    const refused = { ...parent({ Accepted: 'False' }), parentRef: { name: 'public', sectionName: 'gone' } };
    expect(readRoute(observed({ spec: here, status: { parents: [parent({}, 2), refused] } }))?.acceptance.state).toBe('Refused');
  });

  test('is known by the namespace of the route where the parentRef names none', () => {
    const named = { ...parent(), parentRef: { name: 'public', namespace: observed({}).metadata.namespace } };
    expect(readRoute(observed({ status: { parents: [named] } }))?.acceptance.state).toBe('Accepted');
  });

  test('that refuses names the gateway and its reason', () => {
    const acceptance = readRoute(
      observed({ status: { parents: [parent({ Accepted: 'False', AcceptedReason: 'NoMatchingParent' })] } }),
    )?.acceptance;
    expect(acceptance).toEqual({ state: 'Refused', reason: 'NoMatchingParent', message: 'gateway public: NoMatchingParent: so it says' });
  });
});

describe('a decision', () => {
  test.each<RouteDecision>([
    DECISION,
    { ...DECISION, decision: 'Promote', detail: '3f9a1c07be' },
    { ...DECISION, decision: 'RollBack', detail: 'Evidence:ErrorRateWorse', message: 'odd / signs\nand lines' },
  ])('survives the annotations: $decision', (decision) => {
    expect(decodeDecision(encodeDecision(decision))).toEqual(decision);
  });

  test.each([undefined, '', 'r0/Shift/1', 'r7/Dance/1', '7/Shift/1', 'r7/Shift', 'r99999999999/Shift/1'])(
    'that says %s is none',
    (text) => {
      expect(decodeDecision(text === undefined ? undefined : { 'plimsoll.dev/decision': text })).toBeUndefined();
    },
  );

  test('without a time or a message still holds', () => {
    expect(decodeDecision({ 'plimsoll.dev/decision': 'r7/RollBack/Evidence:X' })).toEqual({
      release: 7,
      decision: 'RollBack',
      detail: 'Evidence:X',
      message: '',
      atMs: 0,
    });
  });

  test('to roll back outranks promotion, and promotion outranks a shift', () => {
    expect([
      outranks('RollBack', 'Promote'),
      outranks('Promote', 'Shift'),
      outranks('Shift', 'Shift'),
      outranks('Shift', 'RollBack'),
    ]).toEqual([true, true, false, false]);
  });
});
