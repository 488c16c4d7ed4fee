// A rule of a real Prometheus that fires during a release rolls it back; alerts that are none of its business do nothing.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { PORTS, reloadPrometheus, rulesFolder } from '../../deploy/local/cluster/index.ts';
import type { Load } from '../../deploy/local/load/generator.ts';
import { QUICK_ROLLOUT, Scenario } from '../support/scenario.ts';

let scene: Scenario;
let load: Load;
const files = new Set<string>();

/** A rule whose alert is active from now on, with these labels. Each has a file of its own: changing one leaves the others' state alone. */
async function fire(alert: string, labels: Readonly<Record<string, string>>): Promise<void> {
  const path = join(rulesFolder(), `${scene.namespace}-${alert}.yml`);
  files.add(path);
  await writeFile(
    path,
    JSON.stringify({ groups: [{ name: `${scene.namespace}-${alert}`, interval: '1s', rules: [{ alert, expr: 'vector(1)', labels }] }] }),
  );
  await reloadPrometheus();
  await scene.until(
    `alert ${alert} fires`,
    async () => {
      const query = `ALERTS{alertname="${alert}",alertstate="firing"}`;
      const response = await fetch(`http://127.0.0.1:${PORTS.prometheus}/api/v1/query?query=${encodeURIComponent(query)}`);
      const { data } = (await response.json()) as {
        readonly data: { readonly result: readonly { readonly metric: Readonly<Record<string, string>> }[] };
      };
      return data.result.some(({ metric }) => Object.entries(labels).every(([name, value]) => metric[name] === value)) ? true : undefined;
    },
    30_000,
  );
}

async function holdingAt(number: number, weight: number): Promise<void> {
  await scene.until(
    `release ${number} holds at ${weight} %`,
    async () => {
      const release = (await scene.releases()).find(({ spec }) => spec.number === number);
      return release?.status?.phase === 'Holding' && release.status.windows?.at(-1)?.weight === weight ? true : undefined;
    },
    60_000,
  );
}

beforeAll(async () => {
  scene = await Scenario.open('alerts');
  await Promise.all(['1', '2', '3'].map((version) => scene.version(version)));
  await scene.deploy('1', {
    rollout: { ...QUICK_ROLLOUT, steps: [{ weight: 25, hold: '15s' }] },
    triggers: { alerts: { matchLabels: { severity: 'page', team: 'risk' } } },
  });
  await scene.ready(90_000);
  load = scene.load(20);
}, 120_000);

afterAll(async () => {
  await Promise.all([...files].map((path) => rm(path, { force: true })));
  await reloadPrometheus();
  await scene.close();
}, 60_000);

test('an alert from before the release, one of another namespace and one with other labels do nothing', async () => {
  await fire('BeforeTheRelease', { namespace: scene.namespace, severity: 'page', team: 'risk' });
  await scene.release('2');
  await holdingAt(2, 25);
  await fire('AnotherNamespace', { namespace: `${scene.namespace}-not`, severity: 'page', team: 'risk' });
  await fire('OtherLabels', { namespace: scene.namespace, severity: 'ticket', team: 'risk' });
  await fire('FewerLabels', { namespace: scene.namespace, severity: 'page' });
  // They fire for at least two looks of the operator before the release may end.
  const { status } = await scene.finished(2, 120_000);
  expect(status).toMatchObject({ outcome: 'Promoted' });
}, 180_000);

test('an alert with the wanted labels that begins during the release takes the candidate off, on evidence', async () => {
  await scene.ready();
  await scene.release('3');
  await holdingAt(3, 25);
  await fire('ModelDrifts', { namespace: scene.namespace, severity: 'page', team: 'risk', extra: 'does not matter' });
  const firedAt = Date.now();
  const release = await scene.finished(3, 60_000);
  expect(release.status).toMatchObject({ outcome: 'RolledBack', class: 'Evidence', reason: 'AlertFiring' });
  expect(release.status?.message).toMatch(/alert ModelDrifts fires, active since version 3 was released/);
  const { revisions } = await load.stop();
  // The operator looks every 5 s, and a second more.
  expect(revisions[release.spec.to.revision]?.lastSentAt).toBeLessThan(firedAt + 7000);
}, 120_000);
