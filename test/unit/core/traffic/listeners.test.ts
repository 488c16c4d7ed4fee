import { describe, expect, test } from '@jest/globals';
import { findListenerFault, type GatewayObject } from '../../../../src/core/traffic/listeners.ts';

type Listener = NonNullable<NonNullable<GatewayObject['spec']>['listeners']>[number];
type Wanted = Parameters<typeof findListenerFault>[1];

const OPEN = { namespaces: { from: 'All' } };
const HTTP: Listener = { name: 'http', port: 80, allowedRoutes: OPEN };
const HTTPS: Listener = { name: 'https', port: 443, hostname: '*.example.com', allowedRoutes: OPEN };

function fault(wanted: Partial<Wanted> & { parent?: Partial<Wanted['parentRefs'][number]> }, ...listeners: readonly Listener[]): string | undefined {
  const { parent, ...more } = wanted;
  const gateway = { metadata: { name: 'public', namespace: 'gateways' }, spec: { listeners } };
  return findListenerFault(gateway, { parentRefs: [{ name: 'public', namespace: 'gateways', ...parent }], ...more }, 'risk');
}

describe('a route is taken', () => {
  test.each<[title: string, wanted: Parameters<typeof fault>[0], listeners: readonly Listener[]]>([
    ['by any listener', {}, [HTTP]],
    ['by the listener of that name', { parent: { sectionName: 'https' } }, [HTTP, HTTPS]],
    ['by the listener of that port', { parent: { port: 443 } }, [HTTP, HTTPS]],
    ['where one of two listeners takes its host name', { hostnames: ['fraud.example.org'] }, [HTTPS, HTTP]],
    ['where one of two host names is taken', { hostnames: ['a.org', 'a.example.com'] }, [HTTPS]],
    ['by a wildcard of the listener', { hostnames: ['a.b.example.com'] }, [HTTPS]],
    ['by its own wildcard', { hostnames: ['*.example.com'] }, [{ ...HTTPS, hostname: 'fraud.example.com' }]],
    ['by the same wildcard', { hostnames: ['*.example.com'] }, [HTTPS]],
    ['where namespaces are chosen by their labels: the gateway knows which', {}, [{ ...HTTP, allowedRoutes: { namespaces: { from: 'Selector' } } }]],
    ['by another Gateway, of which this one says nothing', { parent: { name: 'private', sectionName: 'x' } }, [HTTP]],
  ])('%s', (_, wanted, listeners) => {
    expect(fault(wanted, ...listeners)).toBeUndefined();
  });

  test('in the own namespace of the Gateway', () => {
    const gateway = { metadata: { name: 'public', namespace: 'risk' }, spec: { listeners: [{ name: 'http', port: 80 }] } };
    expect(findListenerFault(gateway, { parentRefs: [{ name: 'public' }] }, 'risk')).toBeUndefined();
  });
});

describe('a route finds no listener', () => {
  const has = 'its listeners: http (port 80), https (port 443); name one of them in spec.traffic.gateway.parentRefs';
  test.each<[title: string, wanted: Parameters<typeof fault>[0], listeners: readonly Listener[], sentence: string]>([
    ['of a name', { parent: { sectionName: 'tls' } }, [HTTP, HTTPS], `Gateway gateways/public has no listener tls; ${has}`],
    ['of a port', { parent: { port: 8080 } }, [HTTP, HTTPS], `Gateway gateways/public has no listener with port 8080; ${has}`],
    [
      'of a name and a port',
      { parent: { sectionName: 'http', port: 443 } },
      [HTTP, HTTPS],
      `Gateway gateways/public has no listener http with port 443; ${has}`,
    ],
    [
      'for its namespace',
      {},
      [{ name: 'http', port: 80 }],
      'Gateway gateways/public takes routes of its own namespace only, not of risk (listener http); let them in with allowedRoutes.namespaces there, or name another Gateway in spec.traffic.gateway.parentRefs',
    ],
    [
      'for its host names',
      { hostnames: ['example.com', 'a.org'] },
      [HTTPS],
      'Gateway gateways/public has no listener for host name example.com, a.org, only for *.example.com; give one of these in spec.traffic.gateway.hostnames',
    ],
  ])('%s', (_, wanted, listeners, sentence) => {
    expect(fault(wanted, ...listeners)).toBe(sentence);
  });

  test('when it has none at all', () => {
    expect(fault({})).toBe(
      'Gateway gateways/public has no listener; its listeners: none; name one of them in spec.traffic.gateway.parentRefs',
    );
  });
});
