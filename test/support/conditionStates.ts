// Every state of a ModelDeployment that the table of docs/conditions.md tells of: how to come to it, and what people and tools then read.
import type { World } from './world.ts';
import { createWorld } from './world.ts';
import { NAME, NAMESPACE, SPEC, versionObject, type DeploymentSpec } from './world/objects.ts';
import type { ImageContents } from './world/images.ts';
import { RESOURCE } from '../../src/api/resources.ts';
import type { ModelRelease } from '../../src/api/generated/modelrelease.ts';

export interface ConditionState {
  readonly name: string;
  readonly enter: () => Promise<World>;
  readonly phase: string;
  /** `status/reason` of the conditions, undefined where there is none. */
  readonly ready: string;
  readonly available: string;
  readonly accepted: string;
  readonly reconciling: string | undefined;
  readonly stalled: string | undefined;
  readonly argocd: 'Healthy' | 'Progressing' | 'Degraded' | 'Suspended';
  readonly kstatus: 'Current' | 'InProgress' | 'Failed';
}

const SERVES = 'True/Serving';
const ACCEPTED = 'True/Accepted';

function settled(row: Pick<ConditionState, 'name' | 'enter'> & Partial<ConditionState>): ConditionState {
  return {
    phase: 'Serving',
    ready: SERVES,
    available: SERVES,
    accepted: ACCEPTED,
    reconciling: undefined,
    stalled: undefined,
    argocd: 'Healthy',
    kstatus: 'Current',
    ...row,
  };
}

function moving(row: Pick<ConditionState, 'name' | 'enter' | 'phase'> & Partial<ConditionState>, reason = 'Releasing'): ConditionState {
  return settled({ ready: `False/${reason}`, reconciling: `True/${reason}`, argocd: 'Progressing', kstatus: 'InProgress', ...row });
}

function stalled(row: Pick<ConditionState, 'name' | 'enter' | 'phase'> & Partial<ConditionState>, reason: string): ConditionState {
  return settled({ ready: `False/${reason}`, stalled: `True/${reason}`, argocd: 'Degraded', kstatus: 'Failed', ...row });
}

function paused(row: Pick<ConditionState, 'name' | 'enter'> & Partial<ConditionState>): ConditionState {
  return settled({ phase: 'Paused', ready: 'False/Paused', argocd: 'Suspended', kstatus: 'InProgress', ...row });
}

/** Version 1 serves. */
async function serving(spec: Partial<DeploymentSpec> = {}): Promise<World> {
  const world = createWorld();
  world.serve('1', spec);
  await world.run(60_000);
  return world;
}

/** Version 1 serves, version 2 is being released. */
async function releasing(behaviour: Parameters<World['behave']>[1] = {}, spec: Partial<DeploymentSpec> = {}): Promise<World> {
  const world = await serving(spec);
  world.behave('2', behaviour);
  world.release('2');
  return world;
}

async function inPhase(world: World, phase: string): Promise<World> {
  await world.until(() => world.newest().status?.phase === phase);
  await world.run(10);
  return world;
}

async function atRest(world: World, ms = 60_000): Promise<World> {
  await world.run(ms);
  return world;
}

function ask(world: World, action: NonNullable<ModelRelease['spec']['control']>['action']): World {
  const release = world.newest();
  world.api.put({ ...release, spec: { ...release.spec, control: { action, by: 'alice' } } });
  return world;
}

/** Version 1 serves; version 2 is asked for, which needs numpy 2 and is strict about it, and the image of the server has this. */
async function strict(contents: ImageContents): Promise<World> {
  const world = await serving();
  const version = versionObject('2');
  const dependencies = { packages: [{ name: 'numpy', specifier: '==2', from: 'requirements.txt' }] };
  const [spec, status] = [{ ...version.spec, dependencies: 'Strict' }, { ...version.status, metadata: { dependencies } }];
  world.api.put({ ...version, spec, status });
  world.images.contents.set('mlserver:1.7.1', contents);
  world.edit({ version: '2' });
  return await atRest(world);
}

const failing = async (): Promise<World> => await inPhase(await releasing({ errorRate: 0.4 }), 'RolledBack');
const NO_VERSION = 'False/NoVersionYet';

export const STATES: readonly ConditionState[] = [
  settled({ name: 'what spec asks for serves', enter: async () => await serving() }),
  moving(
    {
      name: 'the version that spec names does not exist',
      phase: 'Waiting',
      enter: async () => {
        const world = await serving();
        world.edit({ version: '9' });
        return await atRest(world);
      },
    },
    'VersionMissing',
  ),
  moving(
    {
      name: 'its bytes are being resolved',
      phase: 'Waiting',
      enter: async () => {
        const world = await serving();
        world.addVersion('2', 'Resolving');
        world.edit({ version: '2' });
        return await atRest(world);
      },
    },
    'VersionNotReady',
  ),
  stalled(
    {
      name: 'it cannot be resolved',
      phase: 'Refused',
      accepted: 'False/VersionRefused',
      enter: async () => {
        const world = await serving();
        world.addVersion('2', 'Refused');
        world.edit({ version: '2' });
        return await atRest(world);
      },
    },
    'VersionRefused',
  ),
  moving(
    { name: 'its packages are asked for', phase: 'Waiting', enter: async () => await strict('CannotBePulled') },
    'InspectingImage',
  ),
  stalled(
    {
      name: 'the image has another version of a package than a strict version needs',
      phase: 'Refused',
      accepted: 'False/DependencyMismatch',
      enter: async () => await strict({ python: '3.11.9', packages: { numpy: '1.26.4' } }),
    },
    'DependencyMismatch',
  ),
  stalled(
    {
      name: 'the image lacks a package that a strict version needs',
      phase: 'Refused',
      accepted: 'False/DependencyMissing',
      enter: async () => await strict({ python: '3.11.9', packages: {} }),
    },
    'DependencyMissing',
  ),
  stalled(
    {
      name: 'the image of a strict version cannot say what it has',
      phase: 'Refused',
      accepted: 'False/DependenciesUnknown',
      enter: async () => await strict('NoPython'),
    },
    'DependenciesUnknown',
  ),
  stalled(
    {
      name: 'the template cannot be used',
      phase: 'Refused',
      accepted: 'False/InvalidTemplate',
      enter: async () => {
        const world = await serving();
        world.edit({ runtime: { preset: 'mlserver', template: { spec: { containers: [] } } } });
        return await atRest(world);
      },
    },
    'InvalidTemplate',
  ),
  stalled(
    {
      name: 'a set of checks that spec names does not exist, and another version is asked for',
      phase: 'Refused',
      accepted: 'False/CheckSetNotFound',
      enter: async () => {
        const world = await serving();
        world.edit({ version: '2', analysis: { ...SPEC.analysis, checkSets: ['platform'] } });
        world.addVersion('2');
        return await atRest(world);
      },
    },
    'CheckSetNotFound',
  ),
  settled({
    name: 'a set of checks that spec names does not exist, and what spec asks for serves',
    accepted: 'False/CheckSetNotFound',
    enter: async () => {
      const world = await serving();
      world.edit({ analysis: { ...SPEC.analysis, checkSets: ['platform'] } });
      return await atRest(world);
    },
  }),
  moving({
    name: 'a first version comes up',
    phase: 'Preparing',
    available: NO_VERSION,
    enter: async () => {
      const world = createWorld();
      world.behave('1', { readyAfterMs: 60_000 });
      world.serve('1');
      return await atRest(world, 5000);
    },
  }),
  moving({
    name: 'the candidate comes up',
    phase: 'Preparing',
    enter: async () => await atRest(await releasing({ readyAfterMs: 60_000 }), 5000),
  }),
  moving({ name: 'the candidate has weight', phase: 'Holding', enter: async () => await inPhase(await releasing(), 'Holding') }),
  moving({
    name: 'pods for the next step are missing',
    phase: 'Scaling',
    enter: async () => await inPhase(await releasing({ readyAfterMs: 20_000 }, { replicas: 6 }), 'Scaling'),
  }),
  moving(
    {
      name: 'pods for the next step find no place',
      phase: 'Scaling',
      enter: async () => await inPhase(await releasing({ room: 1 }, { replicas: 6 }), 'Scaling'),
    },
    'InsufficientCapacity',
  ),
  moving({
    name: 'the gateway does not take the weight over',
    phase: 'Shifting',
    enter: async () => {
      const world = await releasing();
      world.gateway.mood = 'Silent';
      return await inPhase(world, 'Shifting');
    },
  }),
  paused({
    name: 'the evidence does not come',
    enter: async () => {
      const world = await releasing({}, { rollout: { evidenceDeadline: '1m' } });
      world.gateway.metrics = 'Down';
      return await inPhase(world, 'Paused');
    },
  }),
  paused({
    name: 'a person paused the release',
    enter: async () => await inPhase(ask(await inPhase(await releasing(), 'Holding'), 'Pause'), 'Paused'),
  }),
  paused({
    name: 'rollout.paused keeps the next release from starting',
    enter: async () => {
      const world = await serving({ rollout: { paused: true } });
      if (world.releases.length > 0) throw new Error('a release began in spite of the pause');
      return world;
    },
    available: NO_VERSION,
  }),
  stalled(
    {
      name: 'a failed candidate is frozen',
      phase: 'Frozen',
      enter: async () => await inPhase(await releasing({ errorRate: 0.4 }, { rollout: { onFailure: 'Freeze' } }), 'Frozen'),
    },
    'Frozen',
  ),
  settled({
    name: 'the version before is kept after a promotion',
    phase: 'Watching',
    enter: async () =>
      await inPhase(await releasing({}, { rollout: { steps: [{ weight: 50 }], keepPrevious: { for: '10m' } } }), 'Watching'),
  }),
  stalled(
    { name: 'the release was rolled back on evidence', phase: 'RolledBack', enter: async () => await atRest(await failing()) },
    'RolledBack',
  ),
  stalled(
    {
      name: 'spec names what an earlier release found bad',
      phase: 'RolledBack',
      enter: async () => {
        const world = await failing();
        world.release('3');
        await world.until(() => world.newest().status?.outcome === 'Promoted');
        world.release('2');
        return await atRest(world);
      },
    },
    'KnownBad',
  ),
  stalled(
    {
      name: 'a person aborted the release',
      phase: 'RolledBack',
      enter: async () => await atRest(ask(await inPhase(await releasing(), 'Holding'), 'Abort')),
    },
    'Aborted',
  ),
  stalled(
    {
      name: 'the retries are used up',
      phase: 'RolledBack',
      enter: async () =>
        await atRest(await releasing({ fate: 'ImagePull' }, { rollout: { progressDeadline: '30s', infrastructureRetries: 0 } }), 120_000),
    },
    'RetriesExhausted',
  ),
  moving(
    {
      name: 'a failure of the infrastructure is tried again',
      phase: 'Waiting',
      enter: async () => {
        const world = await inPhase(await releasing({ fate: 'ImagePull' }, { rollout: { progressDeadline: '30s' } }), 'RolledBack');
        return await atRest(world, 5000);
      },
    },
    'ImagePullBackOff',
  ),
  stalled(
    {
      name: 'the first version was found bad',
      phase: 'Failed',
      available: 'False/FirstVersionFailed',
      enter: async () => {
        const world = createWorld();
        world.behave('1', { probe: 'Failed' });
        world.serve('1');
        return await atRest(world);
      },
    },
    'FirstVersionFailed',
  ),
  settled({
    name: 'spec went back to the version that serves',
    enter: async () => {
      const world = await failing();
      world.release('1');
      return await atRest(world);
    },
  }),
  moving(
    {
      name: 'no pod of what should serve is Ready',
      phase: 'Serving',
      available: 'False/NoReadyPods',
      enter: async () => {
        const world = await serving();
        world.behave('1', { fate: 'Unschedulable' });
        return await atRest(world);
      },
    },
    'NoReadyPods',
  ),
  stalled(
    {
      name: 'a gateway refuses the route',
      phase: 'Serving',
      accepted: 'False/RouteRefused',
      enter: async () => {
        const world = await serving();
        world.gateway.mood = 'Refuses';
        world.edit({ traffic: { gateway: { parentRefs: [{ name: 'public' }], hostnames: ['x.example.com'] } } });
        return await atRest(world);
      },
    },
    'RouteRefused',
  ),
  moving(
    {
      name: 'no gateway has taken the route over',
      phase: 'Serving',
      enter: async () => {
        const world = await serving();
        world.gateway.mood = 'Silent';
        world.edit({ traffic: { gateway: { parentRefs: [{ name: 'public' }], hostnames: ['x.example.com'] } } });
        return await atRest(world);
      },
    },
    'RoutePending',
  ),
  settled({
    name: 'a newer operator wrote the status',
    enter: async () => {
      const world = await serving();
      const { deployment } = world;
      world.api.put({ ...deployment, status: { ...deployment.status, schema: 99 } });
      world.api.remove(RESOURCE.service, NAMESPACE, NAME);
      return await atRest(world);
    },
  }),
];
