// The client as it runs in a pod: with a service account's token and authority from files, against a real API server.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';

import { RESOURCE } from '../../../src/api/resources.ts';
import { inClusterConfig } from '../../../src/controller/inCluster.ts';
import { createKubeClient } from '../../../src/controller/kubeClient.ts';
import { realClock } from '../../support/clocks.ts';
import type { PrivateApiServer } from '../../support/privateApiServer.ts';
import { startPrivateApiServer } from '../../support/privateApiServer.ts';

let server: PrivateApiServer;
let folder = '';
let namespace = '';
let token = '';
let authority = '';

beforeAll(async () => {
  server = await startPrivateApiServer();
  folder = mkdtempSync(join(tmpdir(), 'plimsoll-account-'));
  namespace = await server.createNamespace('account');
  await server.kubectl(['-n', namespace, 'create', 'serviceaccount', 'worker']);
  await server.kubectl(['-n', namespace, 'create', 'role', 'worker', '--verb=list', '--resource=configmaps']);
  await server.kubectl(['-n', namespace, 'create', 'rolebinding', 'worker', '--role=worker', `--serviceaccount=${namespace}:worker`]);
  token = (await server.kubectl(['-n', namespace, 'create', 'token', 'worker'])).trim();
  authority = readFileSync(server.kubeConfig().getCurrentCluster()?.caFile ?? '', 'utf8');
}, 120_000);
beforeEach(() => account(token, authority));
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await server.stop();
});

function account(newToken: string, newAuthority: string): void {
  writeFileSync(join(folder, 'token'), `${newToken}\n`);
  writeFileSync(join(folder, 'ca.crt'), newAuthority);
}
const client = () => createKubeClient(inClusterConfig(`https://127.0.0.1:${server.port}`, folder), { clock: realClock });

test('a pod has the rights of its service account and no others', async () => {
  await expect(client().list(RESOURCE.configMap, { namespace })).resolves.toMatchObject({ items: expect.any(Array) as unknown });
  const refused = client().list(RESOURCE.service, { namespace });
  await expect(refused).rejects.toMatchObject({ kind: 'Forbidden' });
  await expect(refused).rejects.toThrow(`system:serviceaccount:${namespace}:worker`);
});

test('pitfall 22: a token that was rotated away is refused once, and the one that stands in the file by then is taken', async () => {
  const pod = client();
  account('an old one', authority);
  await expect(pod.list(RESOURCE.configMap, { namespace })).rejects.toMatchObject({ kind: 'Unauthorized' });
  account(token, authority);
  await expect(pod.list(RESOURCE.configMap, { namespace })).resolves.toBeDefined();
});

test('a server that the authority does not vouch for is not told the token; after a rotation of the authority it is', async () => {
  const pod = client();
  account(token, '');
  await expect(pod.list(RESOURCE.configMap, { namespace })).rejects.toMatchObject({ kind: 'Network' });
  account(token, authority);
  await expect(pod.list(RESOURCE.configMap, { namespace })).resolves.toBeDefined();
});
