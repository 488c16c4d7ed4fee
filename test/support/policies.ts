// The admission policies on a private API server, as an installation brings them, and people with some rights each.

import { setTimeout as sleep } from 'node:timers/promises';
import { join, resolve } from 'node:path';
import type { Answer } from './apiAccess.ts';
import type { Body, Plural } from './crdObjects.ts';
import { fullObject } from './crdObjects.ts';
import type { PrivateApiServer } from './privateApiServer.ts';
import { startPrivateApiServer } from './privateApiServer.ts';

export const OPERATOR = 'system:serviceaccount:plimsoll-system:plimsoll';
/** Nobody impersonated: a member of system:masters, whom no role holds back. */
export const ADMIN = 'the administrator';
/** Has the role plimsoll-edit and nothing else. */
export const EDITOR = 'ed@example.com';
const DEPLOY = resolve(import.meta.dirname, '../../deploy');
const PATIENCE_MS = 30_000;

type Rule = { readonly apiGroups: readonly string[]; readonly resources: readonly string[]; readonly verbs: readonly string[] } & {
  readonly resourceNames?: readonly string[];
};

/** What making pods takes, as the cluster's own role `edit` has it. */
export const MAKE_PODS: readonly Rule[] = [
  { apiGroups: ['apps'], resources: ['deployments'], verbs: ['create'] },
  { apiGroups: ['batch'], resources: ['jobs'], verbs: ['create'] },
];

/** A private API server with Plimsoll installed as on the local cluster (only that nothing runs), and one namespace. */
export class Guarded {
  readonly server: PrivateApiServer;
  readonly namespace: string;

  private constructor(server: PrivateApiServer, namespace: string) {
    this.server = server;
    this.namespace = namespace;
  }

  static async start(): Promise<Guarded> {
    const server = await startPrivateApiServer();
    await server.kubectl(['apply', '--server-side', '-k', join(DEPLOY, 'local')]);
    const guarded = new Guarded(server, await server.createNamespace('guarded'));
    await guarded.give(EDITOR, ['plimsoll-edit']);
    await guarded.awaitPolicies();
    return guarded;
  }

  async stop(): Promise<void> {
    await this.server.stop();
  }

  /** A user with these ClusterRoles and these rules in the namespace. */
  async give(user: string, roles: readonly string[], rules: readonly Rule[] = []): Promise<void> {
    const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${this.namespace}`;
    const role = { kind: 'Role', name: user };
    await this.#make(`${path}/roles`, { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: user }, rules });
    for (const roleRef of [role, ...roles.map((name) => ({ kind: 'ClusterRole', name }))]) {
      await this.#make(`${path}/rolebindings`, {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: `${user}-${roleRef.name}` },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', ...roleRef },
        subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: user }],
      });
    }
  }

  async create(as: string, plural: Plural, object: Body): Promise<Answer> {
    return await this.server.request('POST', `${this.#path(plural)}?fieldValidation=Strict`, { body: object, ...user(as) });
  }

  /** A merge patch. `place` is the object's name, with `/status` behind it for its status. */
  async patch(as: string, plural: Plural, place: string, body: object): Promise<Answer> {
    return await this.server.request('PATCH', `${this.#path(plural)}/${place}?fieldValidation=Strict`, {
      body,
      contentType: 'application/merge-patch+json',
      ...user(as),
    });
  }

  async remove(as: string, plural: Plural, name = ''): Promise<Answer> {
    return await this.server.request('DELETE', `${this.#path(plural)}${name === '' ? '' : `/${name}`}`, user(as));
  }

  /** As the administrator. */
  async read(plural: Plural, name: string): Promise<Body & { metadata: { annotations?: Record<string, string> } }> {
    return (await this.server.request('GET', `${this.#path(plural)}/${name}`)).body as unknown as Body;
  }

  #path(plural: Plural): string {
    return `/apis/plimsoll.dev/v1alpha1/namespaces/${this.namespace}/${plural}`;
  }

  async #make(path: string, body: object): Promise<void> {
    const { status, message } = await this.server.request('POST', path, { body });
    if (status !== 201) throw new Error(`${path}: ${message}`);
  }

  /** A policy holds a moment after it was accepted, and a kind is served a moment after its CRD was: waits until each has had its say. */
  async awaitPolicies(): Promise<void> {
    const said = async (as: string, plural: Plural): Promise<string> => {
      const object = plural === 'modeldeployments' ? { ...fullObject(plural), metadata: { name: 'waits' } } : fullObject(plural);
      const answer = await this.server.request('POST', `${this.#path(plural)}?dryRun=All`, { body: object, ...user(as) });
      return JSON.stringify(answer.body);
    };
    await this.until(async () => (await said(ADMIN, 'modelreleases')).includes('plimsoll-release-author'));
    for (const plural of ['modeldeployments', 'modelversions'] as const) {
      await this.until(async () => (await said(EDITOR, plural)).includes('-author'));
      await this.until(async () => (await said(ADMIN, plural)).includes('plimsoll.dev/changed-by'));
    }
  }

  /** Asks until it holds. */
  async until(holds: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!(await holds())) {
      if (performance.now() > deadline) throw new Error('It does not hold after 30 s.');
      await sleep(100);
    }
  }
}

function user(as: string): { readonly as?: string } {
  return as === ADMIN ? {} : { as };
}
