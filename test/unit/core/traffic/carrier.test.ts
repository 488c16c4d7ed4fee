import { describe, expect, test } from '@jest/globals';
import { LABEL } from '../../../../src/api/names.ts';
import type { RouteDecision, RouteState } from '../../../../src/core/observed.ts';
import {
  decodeCarried,
  encodeCarried,
  newestCarried,
  readShareService,
  shareService,
} from '../../../../src/core/traffic/carrier.ts';

const OWNER = { kind: 'ModelDeployment', name: 'fraud', namespace: 'risk', uid: 'u' } as const;
const A = 'aaaaaaaaaa';
const B = 'bbbbbbbbbb';
const DECISION: RouteDecision = { release: 7, decision: 'Shift', detail: '1', message: 'step 2: 25 %', atMs: Date.UTC(2026, 10, 24) };

function slots(a: string, weightA: number, b: string, weightB: number): RouteState['slots'] {
  return { a: { revision: a, weight: weightA }, b: { revision: b, weight: weightB } };
}

function service(shared: RouteState['slots']) {
  return shareService(OWNER, shared, DECISION, 8080, { uid: 'u1', resourceVersion: '5' });
}

/** The Service as the API server gives it, with another selector. */
function selecting(shared: RouteState['slots'], selector: Readonly<Record<string, string>>) {
  return readShareService({ metadata: service(shared).metadata, spec: { selector } });
}

describe('the Service in the place of a route', () => {
  test.each<[string, RouteState['slots'], object]>([
    ['stable alone', slots(A, 100, A, 0), { [LABEL.deployment]: 'fraud', [LABEL.revision]: A }],
    ['both, by every pod of the deployment', slots(A, 75, B, 25), { [LABEL.deployment]: 'fraud' }],
    ['the candidate alone', slots(B, 0, B, 100), { [LABEL.deployment]: 'fraud', [LABEL.revision]: B }],
  ])('selects %s', (_, shared, selector) => {
    expect(service(shared)['spec']).toMatchObject({ selector, ports: [{ port: 80, targetPort: 8080 }] });
  });

  test('says what a route would say, and is accepted by itself', () => {
    const written = service(slots(A, 75, B, 25));
    expect(readShareService(written as never)).toEqual({
      slots: slots(A, 75, B, 25),
      decision: DECISION,
      identity: { uid: 'u1', resourceVersion: '5' },
      frame: undefined,
      acceptance: { state: 'Accepted' },
    });
  });

  test('that selects something else than its annotations say is not ours to read', () => {
    expect(selecting(slots(A, 75, B, 25), { [LABEL.deployment]: 'fraud', [LABEL.revision]: A })).toBeUndefined();
    expect(selecting(slots(A, 100, A, 0), { [LABEL.deployment]: 'fraud' })).toBeUndefined();
    expect(selecting(slots(A, 100, A, 0), { [LABEL.deployment]: 'other', [LABEL.revision]: A })).toBeUndefined();
    expect(readShareService({ metadata: { name: 'fraud' }, spec: { selector: { [LABEL.deployment]: 'fraud' } } })).toBeUndefined();
  });
});

describe('annotations', () => {
  test('come back as they were written', () => {
    const carried = {
      slots: slots(A, 0, B, 100),
      decision: { ...DECISION, decision: 'RollBack' as const, detail: 'Evidence:ErrorRateWorse' },
    };
    expect(decodeCarried(encodeCarried(carried))).toEqual(carried);
  });

  test.each(['', 'a=x:1 b=y:2', `a=${A}:100`, `a=${A}:75 b=${B}:25 c=${A}:1`])('that say %j of the slots say nothing', (text) => {
    expect(
      decodeCarried({ ...encodeCarried({ slots: slots(A, 75, B, 25), decision: DECISION }), 'plimsoll.dev/slots': text }),
    ).toBeUndefined();
  });
});

test('of several Deployments the one with the newest decision is heard', () => {
  const carrying = (release: number, uid: string) => ({
    identity: { uid, resourceVersion: '1' },
    carried: { slots: slots(A, 100, A, 0), decision: { ...DECISION, release } },
  });
  const silent = { identity: { uid: 'silent', resourceVersion: '1' }, carried: undefined };
  expect(newestCarried([carrying(1, 'old'), silent, carrying(2, 'new')])).toMatchObject({
    identity: { uid: 'new' },
    decision: { release: 2 },
  });
  expect(newestCarried([silent])).toBeUndefined();
});
