// The demo on a cluster that is there already, to its end: without a gateway, with the operator that is installed.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { kubeconfigPath } from '../../deploy/local/cluster/index.ts';
import { request } from '../support/cluster.ts';
import { runDemo } from '../support/demo.ts';

const PATIENCE_MS = 900_000;

test(
  'a better version is promoted, a failing and a slow one are taken off, and nothing is left',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'plimsoll-demo-test-'));
    try {
      const report = join(folder, 'report.json');
      const where = ['--context', 'plimsoll', '--kubeconfig', kubeconfigPath(), '--traffic', 'replicaShare'];
      const { code, output } = await runDemo([...where, '--once', '--report', report]);
      process.stdout.write(output.slice(output.indexOf('What happened')));
      expect(JSON.parse(readFileSync(report, 'utf8'))).toMatchObject({
        context: 'plimsoll',
        traffic: 'replicaShare',
        evidence: true,
        failedOther: 0,
        problems: [],
      });
      expect(code).toBe(0);
      expect((await request('GET', '/api/v1/namespaces/plimsoll-demo')).status).toBe(404);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  PATIENCE_MS,
);
