// The demo on a cluster that is there already, as far as is quick: what it refuses, and that a demo which is cut off leaves nothing behind.
// demoContext.long.test.ts lets it run to its end.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { kubeconfigPath } from '../../deploy/local/cluster/index.ts';
import { request } from '../support/cluster.ts';
import { runDemo } from '../support/demo.ts';

const PATIENCE_MS = 120_000;

const folder = mkdtempSync(join(tmpdir(), 'plimsoll-demo-test-'));

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function statusOf(path: string): Promise<number> {
  return (await request('GET', path)).status;
}

test(
  'all rights that are lacking are named before anything is made',
  async () => {
    const kubeconfig = join(folder, 'nobody.kubeconfig');
    // Somebody else than the administrator, by impersonation.
    const text = readFileSync(kubeconfigPath(), 'utf8');
    const mine = text.replace('user: {', 'user: {as: nobody, ');
    expect(mine).not.toBe(text);
    writeFileSync(kubeconfig, mine);
    const { code, output } = await runDemo(['--context', 'plimsoll', '--kubeconfig', kubeconfig, '--once']);
    expect(output).toMatch(
      /You lack rights that the demo needs: create, get, delete namespaces; .*create pods\/exec in plimsoll-demo.*get clusterroles/,
    );
    expect(code).toBe(1);
    expect(await statusOf('/api/v1/namespaces/plimsoll-demo')).toBe(404);
  },
  PATIENCE_MS,
);

test(
  'Ctrl-C in the middle of it leaves nothing behind, and what was there stays',
  async () => {
    const { code, output } = await runDemo(
      ['--context', 'plimsoll', '--kubeconfig', kubeconfigPath(), '--traffic', 'replicaShare'],
      /digits-v1 created/,
    );
    expect(output).toMatch(/nothing else: Plimsoll is installed/);
    expect(output).toMatch(/nothing of the demo is left in the cluster/);
    expect(code).toBe(130);
    expect(await statusOf('/api/v1/namespaces/plimsoll-demo')).toBe(404);
    expect(await statusOf('/apis/apps/v1/namespaces/plimsoll-system/deployments/plimsoll')).toBe(200);
    expect(await statusOf('/apis/apiextensions.k8s.io/v1/customresourcedefinitions/modelversions.plimsoll.dev')).toBe(200);
  },
  PATIENCE_MS,
);
