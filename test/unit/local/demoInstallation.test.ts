// What the demo installs into a cluster that is there already, and what it takes away again.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { load, loadAll } from 'js-yaml';
import { cleanUp } from '../../../deploy/local/demo/context/cleanup.ts';
import {
  describeClusterWide,
  judgeInstallation,
  prepareInstallation,
  type Deployment,
} from '../../../deploy/local/demo/context/installation.ts';
import { isOwn, labelled, nameOf } from '../../../deploy/local/demo/context/objects.ts';
import { modelsManifest, usersManifest } from '../../../deploy/local/demo/context/pods.ts';
import type { KubeObject } from '../../../src/api/resources.ts';

const BASE = join(import.meta.dirname, '../../../deploy/base');

/** As kustomize would give them, without the help of kubectl. */
function read(folder: string): readonly KubeObject[] {
  const { resources } = load(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as { readonly resources: readonly string[] };
  return resources.flatMap((name) =>
    name.endsWith('.yaml') ? (loadAll(readFileSync(join(folder, name), 'utf8')) as KubeObject[]) : read(join(folder, name)),
  );
}

const base = read(BASE);
const operator = base.find(({ kind }) => kind === 'Deployment')! as Deployment;
const running = (image: string): KubeObject =>
  prepareInstallation([operator], { reference: image, pullPolicy: 'Always' }, { url: 'http://p.m:9090', intervalSeconds: 1 })[0]!;
const foreign = (image: string): KubeObject => ({ ...running(image), metadata: operator.metadata });

describe('an installation', () => {
  test('is made where nothing of it is there', () => {
    expect(judgeInstallation(base, [], [], '0.1.0')).toEqual({ kind: 'absent' });
  });

  test('of the same version is used as it is, in whichever namespace', () => {
    expect(judgeInstallation(base, base, [foreign('registry:5000/plimsoll:0.1.0@sha256:abc')], '0.1.0')).toEqual({
      kind: 'existing',
      operator: { image: { reference: 'registry:5000/plimsoll:0.1.0@sha256:abc', pullPolicy: 'Always' }, prometheusUrl: 'http://p.m:9090' },
    });
  });

  test.each([
    ['of another version', base, [foreign('r/plimsoll:0.2.0')], 'Plimsoll 0.2.0 is installed'],
    ['of an unknown version', base, [foreign('registry:5000/plimsoll@sha256:abc')], 'Plimsoll of an unknown version is installed'],
    ['without its operator', base.slice(0, 2), [], 'parts of Plimsoll are there without its operator'],
    ['without its CRDs', [operator], [foreign('r/plimsoll:0.1.0')], 'an operator is there, but not CustomResourceDefinition'],
    ['of another demo', base.slice(0, 1).map(labelled), [], 'repeat the command with --clean'],
  ])('%s is refused', (_, found, operators, message) => {
    expect(judgeInstallation(base, found, operators, '0.1.0')).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining(message) as unknown,
    });
  });

  test('bears the label on every object, and runs its image with the Prometheus that was found', () => {
    const objects = prepareInstallation(
      base,
      { reference: 'i/p:1', pullPolicy: 'Never' },
      { url: 'http://p.m:9090', intervalSeconds: 14.5 },
    );
    expect(objects.map(nameOf)).toEqual(base.map(nameOf));
    expect(objects.filter((object) => !isOwn(object))).toEqual([]);
    const container = (objects.find(({ kind }) => kind === 'Deployment') as Deployment).spec.template.spec.containers[0];
    expect(container).toMatchObject({ image: 'i/p:1', imagePullPolicy: 'Never' });
    expect(Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value]))).toMatchObject({
      PLIMSOLL_IMAGE: 'i/p:1',
      PLIMSOLL_IMAGE_PULL_POLICY: 'Never',
      PLIMSOLL_PROMETHEUS_URL: 'http://p.m:9090',
      PLIMSOLL_SETTLE: '20s',
      PLIMSOLL_LOG_LEVEL: 'info',
    });
  });

  test('says what of it is outside of namespaces', () => {
    expect(describeClusterWide(base)).toMatch(/4 CustomResourceDefinitions.*4 ClusterRoles, 1? ?ClusterRoleBinding/);
    expect(describeClusterWide(base)).toMatch(/ValidatingAdmissionPolicies/);
    expect(describeClusterWide(base)).not.toMatch(/Namespace|Deployment/);
  });
});

describe('the clean-up', () => {
  const LABEL = 'plimsoll.dev/demo=context';

  /** A kubectl whose `get` gives what stands under the words that its arguments begin with. */
  const cluster = (answers: Readonly<Record<string, readonly KubeObject[]>>) => {
    const deleted: string[] = [];
    const kubectl = async (args: readonly string[]): Promise<string> => {
      if (args[0] === 'delete')
        deleted.push(
          args
            .slice(1)
            .filter((arg) => !arg.startsWith('--'))
            .join(' '),
        );
      const key = Object.keys(answers).find((words) => args.join(' ').startsWith(`get ${words}`));
      return await Promise.resolve(args[0] === 'get' ? JSON.stringify({ items: key === undefined ? [] : answers[key] }) : '');
    };
    return { kubectl, deleted };
  };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'plimsoll-demo' } };
  const crds = base.filter(({ kind }) => kind === 'CustomResourceDefinition').map(labelled);
  const CRDS = 'customresourcedefinitions.apiextensions.k8s.io';

  test('knows every kind that is installed outside of namespaces, the demo namespace first and the CRDs last', async () => {
    const { kubectl, deleted } = cluster({ 'namespace plimsoll-demo': [labelled(namespace)], [CRDS]: crds });
    expect(await cleanUp(kubectl)).toEqual([]);
    expect(deleted[0]).toBe('namespace plimsoll-demo');
    expect(deleted.at(-1)).toBe(`${CRDS} -l ${LABEL}`);
    const kinds = new Set(
      base.filter(({ metadata }) => metadata.namespace === undefined).map(({ kind }) => kind.toLowerCase().replace(/y$/, 'ie')),
    );
    for (const kind of kinds) expect(deleted.some((words) => words.startsWith(`${kind}s`))).toBe(true);
  });

  test("deletes by the label only, and leaves a namespace of that name that is not the demo's", async () => {
    const { kubectl, deleted } = cluster({ 'namespace plimsoll-demo': [namespace] });
    expect(await cleanUp(kubectl)).toEqual([]);
    expect(deleted.filter((words) => !words.endsWith(`-l ${LABEL}`))).toEqual([]);
  });

  test('leaves an installation that somebody else uses by now', async () => {
    const used = { apiVersion: 'plimsoll.dev/v1alpha1', kind: 'ModelDeployment', metadata: { name: 'fraud', namespace: 'prod' } };
    const names = crds.map(({ metadata }) => metadata.name).join(',');
    const { kubectl, deleted } = cluster({ [CRDS]: crds, [names]: [used] });
    expect(await cleanUp(kubectl)).toEqual([expect.stringContaining('ModelDeployment fraud in prod')]);
    expect(deleted).toEqual([]);
  });

  test('says what is still there', async () => {
    const { kubectl } = cluster({ namespaces: [labelled(namespace)] });
    expect(await cleanUp(kubectl)).toEqual(['Namespace plimsoll-demo is still there']);
  });
});

test('the pods of the demo bring their programs with all that these import', () => {
  const image = { reference: 'i/p:1', pullPolicy: 'Never' };
  const options = { port: 80, host: 'h', model: 'digits', rate: 20 };
  for (const objects of [modelsManifest(image), usersManifest(image, options, [[1, 2]])]) {
    const { data } = objects[0] as { readonly data: Readonly<Record<string, string>> };
    const imported = Object.values(data).flatMap((text) => [...text.matchAll(/from '(\.[^']+)'/g)].map(([, path]) => path));
    expect(imported.filter((path) => data[path!.slice(2)] === undefined)).toEqual([]);
    expect(objects[1]).toMatchObject({
      spec: { automountServiceAccountToken: false, containers: [{ image: 'i/p:1', imagePullPolicy: 'Never' }] },
    });
  }
});
