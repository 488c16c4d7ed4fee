// What GitOps tools make of a ModelDeployment in each state: Argo CD by the health script that is shipped, in Argo CD's own Lua engine, and
// whatever reads kstatus (Flux, Helm) by kstatus itself.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { load } from 'js-yaml';
import { run } from '../../deploy/local/images/command.ts';
import { STATES } from '../support/conditionStates.ts';
import { versionObject } from '../support/world/objects.ts';

const root = resolve(import.meta.dirname, '../..');
const KEY = 'resource.customizations.health.plimsoll.dev_';
const { data } = load(readFileSync(join(root, 'deploy/argocd/health.yaml'), 'utf8')) as { readonly data: Readonly<Record<string, string>> };

interface Reading {
  readonly argocd: string;
  readonly message: string;
  readonly kstatus: string;
}

let folder: string;

/** How the tools read these objects. */
async function read(kind: string, objects: readonly object[]): Promise<readonly Reading[]> {
  const child = spawn(join(folder, 'gitops'), { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify({ lua: data[`${KEY}${kind}`], objects }));
  return JSON.parse(await text(child.stdout)) as Reading[];
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'plimsoll-gitops-'));
  const source = join(root, 'test/support/gitops');
  await run('go', ['build', '-buildvcs=false', '-o', join(folder, 'gitops'), '.'], { cwd: source, env: { CGO_ENABLED: '0' } });
}, 300_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a ModelDeployment is read by Argo CD and by kstatus', () => {
  let readings: readonly Reading[] = [];

  beforeAll(async () => {
    const worlds = await Promise.all(STATES.map(async ({ enter }) => await enter()));
    readings = await read(
      'ModelDeployment',
      worlds.map(({ deployment }) => deployment),
    );
  }, 120_000);

  test.each(STATES.map((state, index) => ({ ...state, index })))('when $name', ({ argocd, kstatus, index }) => {
    expect(readings[index]).toMatchObject({ argocd, kstatus });
    expect(readings[index]?.message).not.toBe('');
  });

  test('as progressing before the operator has seen it, or has seen its newest generation', async () => {
    const { deployment } = await STATES[0]!.enter();
    const { status: _, ...unseen } = deployment;
    const changed = { ...deployment, metadata: { ...deployment.metadata, generation: 99 } };
    expect(await read('ModelDeployment', [unseen, changed])).toMatchObject([{ argocd: 'Progressing' }, { argocd: 'Progressing', kstatus: 'InProgress' }]);
  });
});

test('a ModelVersion is healthy once it is resolved, and degraded when it cannot be', async () => {
  const objects = [versionObject('1', 'Ready'), versionObject('1', 'Resolving'), versionObject('1', 'Refused')].map((version) => ({
    ...version,
    metadata: { ...version.metadata, generation: version.status?.observedGeneration ?? 1 },
  }));
  const readings = await read('ModelVersion', objects);
  expect(readings.map(({ argocd }) => argocd)).toEqual(['Healthy', 'Progressing', 'Degraded']);
});
