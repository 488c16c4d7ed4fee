import { describe, expect, test } from '@jest/globals';
import { readSettings, type OperatorSettings } from '../../../src/operator/settings.ts';

const NEEDED = { PLIMSOLL_IMAGE: 'plimsoll:1' };

function settings(more: Readonly<Record<string, string>>): OperatorSettings {
  const parsed = readSettings({ ...NEEDED, ...more }, '1');
  if (!parsed.ok) throw new Error(parsed.problems.join('; '));
  return parsed.settings;
}

describe('where the numbers come from', () => {
  test('nothing has to be set: there may be no Prometheus', () => {
    expect(settings({})).toMatchObject({ prometheusUrl: undefined, gatewayMetricsUrl: undefined, envoyNamespace: 'envoy-gateway-system' });
    expect(settings({ PLIMSOLL_PROMETHEUS_URL: '', PLIMSOLL_GATEWAY_METRICS_URL: '' })).toMatchObject({ prometheusUrl: undefined, gatewayMetricsUrl: undefined });
  });

  test('addresses are taken as they are', () => {
    const set = settings({ PLIMSOLL_PROMETHEUS_URL: 'https://m/prometheus', PLIMSOLL_GATEWAY_METRICS_URL: 'http://e.g:19001/stats/prometheus', PLIMSOLL_ENVOY_NAMESPACE: 'eg' });
    expect(set).toMatchObject({ prometheusUrl: 'https://m/prometheus', gatewayMetricsUrl: 'http://e.g:19001/stats/prometheus', envoyNamespace: 'eg' });
  });

  test('what is no address is told, all at once', () => {
    const parsed = readSettings({ ...NEEDED, PLIMSOLL_PROMETHEUS_URL: 'prometheus:9090', PLIMSOLL_GATEWAY_METRICS_URL: 'https://e.g/' }, '1');
    expect(parsed).toEqual({
      ok: false,
      problems: [
        'PLIMSOLL_PROMETHEUS_URL is "prometheus:9090"; write an address such as http://prometheus.monitoring:9090',
        'PLIMSOLL_GATEWAY_METRICS_URL is "https://e.g/"; write an address such as http://envoy-metrics.gateways:19001/stats/prometheus',
      ],
    });
  });
});
