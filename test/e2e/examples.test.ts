// What the quick start applies: taken by a real API server as it is, and really served once image, gateway and address are the test's own.

import { readdirSync, readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { load } from 'js-yaml';
import { PORTS } from '../../deploy/local/cluster/index.ts';
import type { ModelDeployment } from '../../src/api/generated/modeldeployment.ts';
import type { JsonObject } from '../../src/core/resources/overlay.ts';
import { renderTemplate } from '../../src/core/resources/template.ts';
import { kubectl } from '../support/cluster.ts';
import { Scenario } from '../support/scenario.ts';

const folder = resolve(import.meta.dirname, '../../deploy/examples');
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
const MODEL_URL = 'https://models.example.com/iris/1.0.0/model.joblib';

let scenario: Scenario;

beforeAll(async () => {
  scenario = await Scenario.open('examples');
});
afterAll(async () => {
  await scenario.close();
});

const read = (file: string): string => readFileSync(join(folder, file), 'utf8');

/** `text` with each key replaced by its value. Throws when one is not there: the test would apply something else than it believes. */
function replaceAll(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((changed, [from, to]) => {
    if (!changed.includes(from)) throw new Error(`The example holds no ${from} any more: bring this test up to date.`);
    return changed.replaceAll(from, to);
  }, text);
}

interface Reply {
  readonly status: number;
  readonly revision: string | undefined;
  readonly body: string;
}

/** One inference through the gateway, as a caller outside the cluster sends it. */
async function infer(host: string, body: string): Promise<Reply> {
  return await new Promise((answered, failed) => {
    const path = '/v2/models/iris/infer';
    const call = httpRequest(
      { host: '127.0.0.1', port: PORTS.gateway, path, method: 'POST', headers: { host, 'content-type': 'application/json' } },
      (response) => {
        const revision = response.headers['plimsoll-revision'];
        text(response).then((said) => answered({ status: response.statusCode ?? 0, revision: String(revision), body: said }), failed);
      },
    );
    call.on('error', failed);
    call.end(body);
  });
}

describe('every file', () => {
  test.each(files)('%s is taken by the API server, with no field that it does not know', async (file) => {
    const said = await kubectl(['-n', scenario.namespace, 'apply', '--dry-run=server', '--validate=strict', '-f', join(folder, file)]);
    expect(said).toMatch(/^\S+ created \(server dry run\)\n$/);
  });
});

describe('a server of its own', () => {
  test.each(files.filter((file) => file.startsWith('custom-')))(
    '%s renders to pods that the API server takes, in a namespace of Pod Security restricted',
    async (file) => {
      const { metadata, spec } = load(read(file)) as ModelDeployment;
      const rendering = renderTemplate(
        {
          model: spec.model,
          version: spec.version,
          digest: `sha256:${'0'.repeat(64)}`,
          format: { name: 'any' },
          source: { http: { url: MODEL_URL } },
          ...spec.runtime,
          template: spec.runtime.template as JsonObject,
          drain: spec.traffic.drain ?? '30s',
        },
        'plimsoll:1',
        'IfNotPresent',
      );
      if (!rendering.ok) throw new Error(rendering.message);
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { ...(rendering.template['metadata'] as object), name: metadata.name },
        spec: rendering.template['spec'],
      };
      const said = await kubectl(['-n', scenario.namespace, 'apply', '--dry-run=server', '--validate=strict', '-f', '-'], {
        input: JSON.stringify(pod),
      });
      expect(said).toBe(`pod/${metadata.name} created (server dry run)\n`);
    },
  );
});

describe('the overlay', () => {
  test('is taken by the API server', async () => {
    const said = await kubectl([
      'apply',
      '--server-side',
      '--force-conflicts',
      '--dry-run=server',
      '--validate=strict',
      '-k',
      join(folder, 'overlay'),
    ]);
    expect(said).toContain('deployment.apps/plimsoll serverside-applied (server dry run)');
  });

  test('gives the operator and the pods that it makes the same image, and leaves every other setting its own value', async () => {
    const rendered = await kubectl(['kustomize', join(folder, 'overlay')]);
    const deployment = rendered
      .split('\n---\n')
      .map((part) => load(part) as DeploymentObject)
      .find(({ kind }) => kind === 'Deployment');
    const container = deployment?.spec.template.spec.containers[0];
    const environment = Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value]));
    expect(container?.image).toBe('registry.example.com/plimsoll:0.1.0');
    expect(environment).toMatchObject({
      PLIMSOLL_IMAGE: 'registry.example.com/plimsoll:0.1.0',
      PLIMSOLL_IMAGE_PULL_POLICY: 'IfNotPresent',
      PLIMSOLL_PROMETHEUS_URL: 'http://prometheus.monitoring:9090',
      PLIMSOLL_SETTLE: '20s',
    });
  });
});

interface DeploymentObject {
  readonly kind: string;
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly Container[] } } };
}

interface Container {
  readonly image: string;
  readonly env: readonly { readonly name: string; readonly value?: string }[];
}

describe('the quick start', () => {
  test('serves through the gateway within a minute', async () => {
    const path = '/iris/1.0.0/model.joblib';
    scenario.files.put(path, Buffer.from(JSON.stringify({ features: 4 })));
    const version = replaceAll(read('modelversion.yaml'), { [MODEL_URL]: scenario.files.url(path) });
    const deployment = replaceAll(read('modeldeployment.yaml'), {
      'image: registry.example.com/mlserver:1.7.1': 'image: images.local/modelserver:1\n            imagePullPolicy: Never',
      'requests: {cpu: 250m, memory: 512Mi}': 'requests: {cpu: 10m, memory: 16Mi}',
      '{name: public, namespace: gateways}': '{name: eg, namespace: default}',
      'iris.example.com': scenario.host,
      'drain: 30s': 'drain: 2s',
    });
    const inNamespace = ['-n', scenario.namespace];
    for (const input of [version, read('probe-requests.yaml'), deployment]) await kubectl([...inNamespace, 'apply', '-f', '-'], { input });
    await kubectl([...inNamespace, 'wait', '--for=condition=Ready', 'mdep/iris', '--timeout=60s']).catch(async (error: unknown) => {
      throw new Error(await scenario.describe(), { cause: error });
    });
    const { data } = load(read('probe-requests.yaml')) as { readonly data: Readonly<Record<string, string>> };
    const reply = await infer(scenario.host, data['setosa.json'] ?? '');
    const revision = await kubectl([...inNamespace, 'get', 'mdep', 'iris', '-o', 'jsonpath={.status.stable.revision}']);
    expect(reply).toEqual({ status: 200, revision, body: expect.stringContaining('"outputs"') as unknown });
  }, 120_000);
});
