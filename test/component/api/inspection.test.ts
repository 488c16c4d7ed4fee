// The Job that asks an image what it has, on a real API server: its schema, and Pod Security `restricted` for the pod that it makes.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ModelVersion } from '../../../src/api/generated/modelversion.ts';
import { inspectionOf, inspectJob } from '../../../src/core/resources/inspection.ts';
import { startPrivateApiServer, type PrivateApiServer } from '../../support/privateApiServer.ts';
import { deploymentObject, versionObject } from '../../support/world/objects.ts';

let server: PrivateApiServer;
let namespace = '';

beforeAll(async () => {
  server = await startPrivateApiServer();
  namespace = await server.createNamespace('inspection');
  const body = { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } } };
  const path = `/api/v1/namespaces/${namespace}`;
  expect(await server.request('PATCH', path, { body, contentType: 'application/merge-patch+json' })).toMatchObject({ status: 200 });
  // No controller is there to make it.
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  expect(await server.request('POST', `${path}/serviceaccounts`, { body: account })).toMatchObject({ status: 201 });
}, 240_000);

afterAll(async () => {
  await server.stop();
});

test('the API server takes it, and its pod where Pod Security is restricted', async () => {
  const version = versionObject('1');
  const dependencies = { packages: [{ name: 'numpy', specifier: '==2', from: 'requirements.txt' }] };
  const asking: ModelVersion = { ...version, status: { ...version.status, metadata: { dependencies } } };
  const inspection = inspectionOf(deploymentObject(), asking);
  if (!inspection) throw new Error('there is nothing to ask');
  const owner = { kind: 'ModelDeployment', name: 'fraud', namespace, uid: '1b4e28ba-2fa1-11d2-883f-0016d3cca427' } as const;
  const job = inspectJob(owner, inspection, 1);
  const jobs = `/apis/batch/v1/namespaces/${namespace}/jobs?dryRun=All&fieldValidation=Strict`;
  const { status, message, body } = await server.request('POST', jobs, { body: job });
  expect([status, message]).toEqual([201, '']);
  const { template } = body['spec'] as { readonly template: { readonly spec: object } };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'asks', namespace }, spec: template.spec };
  const made = await server.request('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All&fieldValidation=Strict`, { body: pod });
  expect([made.status, made.message]).toEqual([201, '']);
}, 60_000);
