import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { renderTemplate, templateValues } from '../../../deploy/local/cluster/configuration.ts';
import { durationMs } from '../../../deploy/local/cluster/prometheus.ts';
import {
  checkStateFolder,
  defaultRouteInterface,
  GATEWAY_PORTS,
  HERE,
  PORTS,
  settingsFrom,
} from '../../../deploy/local/cluster/settings.ts';

const settings = { state: '/var/lib/cluster', cache: '/var/cache/plimsoll', lock: '/run/lock/x.json', nodeAddress: '192.0.2.7' };

describe('templates of the local cluster', () => {
  test('every placeholder is replaced, wherever it stands', () => {
    expect(renderTemplate('a: @STATE@/x\nb: "@STATE@:@P_DNS@"', { STATE: '/s', P_DNS: '53' })).toBe('a: /s/x\nb: "/s:53"');
  });

  test('a placeholder without a value is an error that names it', () => {
    expect(() => renderTemplate('x: @NO_SUCH@', { STATE: '/s' })).toThrow('@NO_SUCH@');
  });

  test('an address with an at sign is no placeholder', () => {
    expect(renderTemplate('someone@example.com', {})).toBe('someone@example.com');
  });

  test.each(readdirSync(join(HERE, 'conf')))('%s renders without a placeholder left', (name) => {
    const rendered = renderTemplate(readFileSync(join(HERE, 'conf', name), 'utf8'), templateValues(settings, '1s'));
    expect(rendered).not.toMatch(/@[A-Z_]+@/);
  });

  test('the scrape interval goes to the metrics of Envoy and of the pods, and to the evaluation of rules', () => {
    const rendered = renderTemplate(readFileSync(join(HERE, 'conf/prometheus.yml'), 'utf8'), templateValues(settings, '7s'));
    expect(rendered).toMatch(/- job_name: envoy\n {2}scrape_interval: 7s\n/);
    expect(rendered).toMatch(/- job_name: pods[^\n]*\n {2}scrape_interval: 7s\n/);
    expect(rendered).toContain('evaluation_interval: 7s');
  });
});

describe('settings of the local cluster', () => {
  test('no two processes share a port', () => {
    const ports = [...Object.values(PORTS), ...Object.values(GATEWAY_PORTS)];
    expect(new Set(ports).size).toBe(ports.length);
  });

  test('the environment names the state folder, the cache and the node address', () => {
    const env = { PLIMSOLL_CLUSTER_DIR: '/srv/c', XDG_CACHE_HOME: '/srv/cache', PLIMSOLL_NODE_ADDRESS: '192.0.2.9' };
    expect(settingsFrom(env)).toEqual({
      state: '/srv/c',
      cache: '/srv/cache/plimsoll',
      lock: '/run/lock/plimsoll-cluster.json',
      nodeAddress: '192.0.2.9',
    });
  });

  test('without PLIMSOLL_CLUSTER_DIR the state is under XDG_STATE_HOME', () => {
    expect(settingsFrom({ XDG_STATE_HOME: '/srv/state' }).state).toBe('/srv/state/plimsoll/cluster');
  });

  test.each(['/srv/with space', '/srv/quote"', '/srv/$HOME'])(
    'a state folder that cannot stand in configuration files is refused: %s',
    (folder) => {
      expect(() => checkStateFolder(folder)).toThrow('PLIMSOLL_CLUSTER_DIR');
    },
  );

  test('a state folder that would make socket names too long is refused with the lengths', () => {
    expect(() => checkStateFolder(`/${'x'.repeat(63)}`)).not.toThrow();
    expect(() => checkStateFolder(`/${'x'.repeat(64)}`)).toThrow('has 65 characters');
  });

  test('the interface of the default route is the one whose destination is zero', () => {
    const routes = 'Iface\tDestination\tGateway\ndocker0\t000011AC\t00000000\neth0\t00000000\t010200C0\n';
    expect(defaultRouteInterface(routes)).toBe('eth0');
    expect(defaultRouteInterface('Iface\tDestination\tGateway\n')).toBeUndefined();
  });
});

describe('durations of Prometheus', () => {
  test.each([
    ['1s', 1000],
    ['500ms', 500],
    ['1m', 60_000],
    ['1m30s', 90_000],
  ])('%s', (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });

  test.each(['', '5', 's', '1 s', '1s!', '-1s'])('%j is none', (text) => {
    expect(durationMs(text)).toBeNaN();
  });
});
