// What kustomize makes of the installation: the policies know the operator's account wherever it is installed, and the base keeps to what
// Kubernetes 1.30 has.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadAll } from 'js-yaml';
import { ensureKube } from '../../../deploy/local/cluster/build.ts';
import { settingsFrom } from '../../../deploy/local/cluster/settings.ts';
import type { RunKubectl } from '../../support/apiAccess.ts';
import { kubectlProgram } from '../../support/apiAccess.ts';

type Rule = { readonly apiGroups: readonly string[]; readonly resources: readonly string[]; readonly verbs: readonly string[] };
type Rendered = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: { readonly variables?: readonly { readonly name: string; readonly expression: string }[] };
  readonly rules?: readonly Rule[];
  readonly subjects?: readonly { readonly namespace: string; readonly name: string }[];
};

const deploy = resolve(import.meta.dirname, '../../../deploy');
const folder = mkdtempSync(join(tmpdir(), 'plimsoll-overlay-'));
let kubectl: RunKubectl;

beforeAll(async () => {
  kubectl = kubectlProgram([await ensureKube(settingsFrom(process.env), () => undefined), 'kubectl']);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function render(path: string): Promise<readonly Rendered[]> {
  return loadAll(await kubectl(['kustomize', path])) as Rendered[];
}

const named = (objects: readonly Rendered[], kind: string, name: string): Rendered | undefined =>
  objects.find((object) => object.kind === kind && object.metadata.name === name);

const operatorIn = (objects: readonly Rendered[]): string | undefined =>
  named(objects, 'ValidatingAdmissionPolicy', 'plimsoll-release-author')?.spec?.variables?.find(({ name }) => name === 'operator')
    ?.expression;

/** The example, as somebody changes it who uses another namespace. */
async function overlayIn(namespace: string, alsoUncomment: boolean): Promise<readonly Rendered[]> {
  const place = join(folder, namespace);
  mkdirSync(place);
  const example = readFileSync(join(deploy, 'examples/overlay/kustomization.yaml'), 'utf8').replaceAll(
    '../../',
    `${relative(place, deploy)}/`,
  );
  const text = alsoUncomment ? example.replaceAll(/^# (components:|  - )/gm, '$1') : example;
  writeFileSync(join(place, 'kustomization.yaml'), `namespace: ${namespace}\n${text}`);
  return await render(place);
}

describe('the account of the operator in the policy', () => {
  test('is that of the base', async () => {
    expect(operatorIn(await render(join(deploy, 'base')))).toBe("'system:serviceaccount:plimsoll-system:plimsoll'");
  });

  test('is that of the example', async () => {
    expect(operatorIn(await render(join(deploy, 'examples/overlay')))).toBe("'system:serviceaccount:plimsoll-system:plimsoll'");
  });

  test('follows the namespace of an overlay, as do the bindings of its rights', async () => {
    const objects = await overlayIn('ml-platform', false);
    expect(operatorIn(objects)).toBe("'system:serviceaccount:ml-platform:plimsoll'");
    for (const [kind, name] of [
      ['ClusterRoleBinding', 'plimsoll'],
      ['RoleBinding', 'plimsoll-lease'],
    ] as const)
      expect(named(objects, kind, name)?.subjects).toEqual([{ kind: 'ServiceAccount', name: 'plimsoll', namespace: 'ml-platform' }]);
    expect(named(objects, 'Deployment', 'plimsoll')?.metadata.namespace).toBe('ml-platform');
  });
});

describe('MutatingAdmissionPolicy, which Kubernetes has from 1.36 on', () => {
  const isMutating = ({ kind }: Rendered): boolean => kind.startsWith('MutatingAdmissionPolicy');

  test('is in a component of its own and not in the base', async () => {
    expect((await render(join(deploy, 'base'))).filter(isMutating)).toEqual([]);
    expect((await render(join(deploy, 'local'))).filter(isMutating)).toHaveLength(2);
  });

  test('comes into the example by uncommenting it', async () => {
    expect((await overlayIn('with-component', true)).filter(isMutating)).toHaveLength(2);
  });
});

describe('the roles', () => {
  let roles: readonly Rendered[] = [];
  beforeAll(async () => {
    roles = (await render(join(deploy, 'base'))).filter(({ kind }) => /Role$/.test(kind));
  });

  test('name no wildcard and no Secret', () => {
    expect(roles.map(({ metadata }) => metadata.name).sort()).toEqual([
      'plimsoll',
      'plimsoll-edit',
      'plimsoll-lease',
      'plimsoll-release-manager',
      'plimsoll-view',
    ]);
    const words = roles.flatMap(({ rules = [] }) =>
      rules.flatMap(({ apiGroups, resources, verbs }) => [...apiGroups, ...resources, ...verbs]),
    );
    expect(words.filter((word) => /[*]|secret|impersonate|escalate|bind/.test(word))).toEqual([]);
  });

  test('for people give no write but that of versions, deployments, check sets and control; only the right to view comes by itself', () => {
    const written = roles
      .filter(({ metadata }) => metadata.name.startsWith('plimsoll-') && metadata.name !== 'plimsoll-lease')
      .map(({ metadata, rules = [] }) => [
        metadata.name,
        rules.filter(({ verbs }) => verbs.some((verb) => !['get', 'list', 'watch'].includes(verb))).flatMap(({ resources }) => resources),
      ]);
    expect(Object.fromEntries(written)).toEqual({
      'plimsoll-view': [],
      'plimsoll-edit': ['modelversions', 'modeldeployments', 'checksets'],
      'plimsoll-release-manager': ['modelreleases'],
    });
    const aggregated = roles.filter(({ metadata }) => Object.keys(metadata.labels ?? {}).some((label) => label.includes('aggregate-to')));
    expect(aggregated.map(({ metadata }) => [metadata.name, metadata.labels])).toEqual([
      ['plimsoll-view', { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' }],
    ]);
  });
});
