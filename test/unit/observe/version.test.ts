import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ANNOTATION, LABEL, MANAGED_BY_VALUE } from '../../../src/api/names.ts';
import { RESOURCE, type KubeObject, type ResourceType } from '../../../src/api/resources.ts';
import type { KubeClient } from '../../../src/controller/client.ts';
import { claimAccess } from '../../../src/core/resources/claims.ts';
import { createCaches } from '../../../src/observe/caches.ts';
import { observeVersion } from '../../../src/observe/version.ts';
import { realClock } from '../../support/clocks.ts';
import { runCaches } from '../../support/runningCaches.ts';
import { SETTINGS } from '../../support/world.ts';
import { versionObject } from '../../support/world/objects.ts';

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;

interface Named {
  readonly claim?: string;
  readonly namespace?: string;
  readonly spec?: string;
  readonly resolved?: string;
}

function version(name: string, { claim, namespace = 'risk', spec, resolved }: Named): KubeObject {
  const base = versionObject('1', 'Resolving');
  const storage = claim === undefined ? {} : { storage: { claim: { name: claim }, limit: '1Gi' } };
  return {
    ...base,
    metadata: { name, namespace, uid: `${namespace}/${name}`, resourceVersion: '1' },
    spec: { ...base.spec, ...storage, ...(spec && { digest: spec }) },
    status: resolved === undefined ? {} : { resolved: { digest: resolved } },
  };
}

/** A revision of which the pods take the copy in this claim. */
function revision(name: string, claim: string | undefined, of: string): KubeObject {
  const { volumes, mounts } = claimAccess({ http: {} }, claim === undefined ? undefined : { claim, access: 'Read' });
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name,
      namespace: 'risk',
      uid: name,
      resourceVersion: '1',
      labels: { [LABEL.managedBy]: MANAGED_BY_VALUE, [LABEL.revision]: name },
      annotations: { [ANNOTATION.inputs]: 'x' },
    },
    data: { version: '1', digest: of, template: { spec: { initContainers: [{ name: 'fetch', volumeMounts: mounts }], volumes } } },
  };
}

let over: AbortController;
beforeEach(() => {
  over = new AbortController();
});
afterEach(() => over.abort());

/** What is observed of ModelVersion `mine`. */
async function observe(versions: readonly KubeObject[], revisions: readonly KubeObject[] = []) {
  const itemsOf = (resource: ResourceType): readonly KubeObject[] =>
    resource === RESOURCE.modelVersion ? versions : resource === RESOURCE.controllerRevision ? revisions : [];
  const client = {
    // eslint-disable-next-line @typescript-eslint/require-await
    listPages: async function* (resource: ResourceType) {
      yield { items: itemsOf(resource), resourceVersion: '1' };
    },
    watch: async function* (_resource: ResourceType, _options: object, signal: AbortSignal) {
      await new Promise((done) => signal.addEventListener('abort', done));
      yield* [];
    },
  } as unknown as KubeClient;
  const nobody = (): void => undefined;
  const caches = createCaches({ client, clock: realClock, random: () => 0, onDeployment: nobody, onVersion: nobody, onError: nobody });
  await runCaches(caches, over.signal);
  return observeVersion({ client, caches, settings: SETTINGS }, 'risk', 'mine', over.signal);
}

describe('the copies that somebody needs', () => {
  test('are those of all versions that name the claim in this namespace, and of revisions whose pods take them from there', async () => {
    const observed = await observe(
      [
        version('mine', { claim: 'copies', spec: digest('1') }),
        version('stated-and-found', { claim: 'copies', spec: digest('3'), resolved: digest('2') }),
        version('same', { claim: 'copies', resolved: digest('1') }),
        version('not-known-yet', { claim: 'copies' }),
        version('elsewhere', { claim: 'others', resolved: digest('8') }),
        version('without', { resolved: digest('8') }),
        version('of-others', { claim: 'copies', namespace: 'other', resolved: digest('8') }),
      ],
      [revision('r1', 'copies', digest('4')), revision('r2', 'others', digest('8')), revision('r3', undefined, digest('8'))],
    );
    expect(observed?.needed).toEqual(['1', '2', '3', '4'].map(digest));
  });

  test('are not asked for without storage, or when its copy is made', async () => {
    expect((await observe([version('mine', { resolved: digest('1') })]))?.needed).toBeUndefined();
    const made = version('mine', { claim: 'copies', resolved: digest('1') });
    const status = { resolved: { digest: digest('1') }, stored: { claim: 'copies' } };
    expect((await observe([{ ...made, status }]))?.needed).toBeUndefined();
  });
});
