// What can happen to a simulated world: users, nodes, gateways, metrics, the API server and operators at their worst.
import type { ModelRelease } from '../../../src/api/generated/modelrelease.ts';
import { LABEL, MANAGED_BY_VALUE } from '../../../src/api/names.ts';
import { RESOURCE, type ResourceType } from '../../../src/api/resources.ts';
import type { StoredObject } from '../apiStore.ts';
import type { Behaviour, World } from '../world.ts';
import type { Fault } from './api.ts';
import type { GatewayMood, MetricsMood } from './gateway.ts';
import { checkSetObject, deploymentObject, NAME, NAMESPACE, type DeploymentSpec } from './objects.ts';

export const CHILD_KINDS = ['deployment', 'service', 'podDisruptionBudget', 'controllerRevision', 'endpointSlice', 'httpRoute'] as const;
export const FAULTS = ['Refused', 'Conflict', 'Invalid', 'Busy', 'TimedOut', 'Lost', 'KillBefore', 'KillAfter', 'Stall', 'Delay'] as const;
export type FaultKind = (typeof FAULTS)[number];
export const EDITS = [
  'Drain',
  'Image',
  'Steps',
  'Checks',
  'CheckSets',
  'Hostnames',
  'Paused',
  'Retry',
  'KeepPrevious',
  'OnFailure',
  'OnInconclusive',
  'Retries',
  'HistoryLimit',
] as const;
export type Edit = (typeof EDITS)[number];

export type Control = NonNullable<ModelRelease['spec']['control']>['action'];

/** Acts of these names, each with the rest. */
type Acts<Name extends string, Rest = object> = Name extends string ? { readonly act: Name } & Rest : never;

export type Act =
  | Acts<'Release' | 'RemakeVersion' | 'DeleteVersion', { readonly version: string }>
  | Acts<'Behave', { readonly version: string; readonly behaviour: Partial<Behaviour> }>
  | Acts<'Metrics', { readonly mood: MetricsMood }>
  | Acts<'Gateway', { readonly mood: GatewayMood }>
  | Acts<'Traffic', { readonly requestsPerSecond: number }>
  /** A set of checks is written or written anew: a good one, or one that has a check of the deployment's own name; or it is deleted. */
  | Acts<'CheckSet', { readonly choice: number }>
  | Acts<'Replicas', { readonly replicas: number }>
  | Acts<'Edit', { readonly edit: Edit; readonly choice: number }>
  /** What a person asks of the newest release, by its record. */
  | Acts<'Control', { readonly action: Control }>
  /** Of all writes this share goes wrong in one of these ways, and stands still or comes late by up to `ms`. */
  | Acts<'Faults', { readonly share: number; readonly kinds: readonly FaultKind[]; readonly ms: number }>
  /** The caches of one operator fall behind: of one kind, or of all. */
  | Acts<'Lag', { readonly operator: number; readonly kind: keyof typeof RESOURCE | 'all'; readonly ms: number }>
  | Acts<'Skew', { readonly operator: number; readonly ms: number }>
  | Acts<'Restart' | 'Outage', { readonly ms: number }>
  | Acts<'DeleteChild', { readonly kind: (typeof CHILD_KINDS)[number]; readonly choice: number }>
  | Acts<'LoseStatus', { readonly of: 'modelDeployment' | 'modelRelease' | 'everything' }>
  /** What is being released gets worse; operators, API server, gateway and metrics are as they should be again. */
  | Acts<'Worsen' | 'Calm'>
  | Acts<'Alert' | 'Silence' | 'DeleteDeployment' | 'ApplyDeployment' | 'BackUp' | 'RestoreBackup' | 'RestoreObjects'>;

/** What the acts of a story have in common. */
export interface Stage {
  readonly world: World;
  readonly spec: Partial<DeploymentSpec>;
  restore: (() => void) | undefined;
}

type Players = { readonly [Name in Act['act']]: (stage: Stage, act: Extract<Act, { readonly act: Name }>) => void };

const PLAYERS: Players = {
  Behave: ({ world }, { version, behaviour }) => world.behave(version, behaviour),
  Worsen: ({ world }) => {
    const version = world.releases.at(-1)?.spec.to.version;
    if (version !== undefined) world.behave(version, { errorRate: 0.3 });
  },
  Calm: ({ world }) => calm(world),
  Metrics: ({ world }, { mood }) => {
    world.gateway.metrics = mood;
  },
  Gateway: ({ world }, { mood }) => {
    world.gateway.mood = mood;
  },
  Traffic: ({ world }, { requestsPerSecond }) => {
    world.gateway.requestsPerSecond = requestsPerSecond;
  },
  Alert: ({ world }) => {
    world.alerts = [{ labels: { alertname: 'Odd', namespace: NAMESPACE, severity: 'page' }, activeAtMs: world.now }];
  },
  Silence: ({ world }) => {
    world.alerts = [];
  },
  Faults: ({ world }, { share, kinds, ms }) => {
    world.api.fault = () => (world.random() < share ? chooseFault(world, kinds, ms) : undefined);
  },
  Lag: ({ world }, { operator, kind, ms }) => fallBehind(world, operator, kind, ms),
  Skew: ({ world }, { operator, ms }) => {
    world.skews[operator] = ms;
  },
  Restart: ({ world }, { ms }) => world.restart(ms),
  Outage: ({ world }, { ms }) => world.restart(ms),
  Release: ({ world }, { version }) => {
    if (world.existing) world.release(version);
  },
  CheckSet: ({ world }, { choice }) => {
    const name = [CHECK_SET.check, 'errors'][choice % 3];
    if (name === undefined) world.api.remove(RESOURCE.checkSet, NAMESPACE, CHECK_SET.name);
    else putCheckSet(world, name);
  },
  Replicas: ({ world }, { replicas }) => {
    if (world.existing) world.edit({ replicas });
  },
  Edit: ({ world }, { edit, choice }) => {
    if (world.existing) world.edit(edited(world, edit, choice));
  },
  Control: ({ world }, { action }) => {
    const release = world.releases.at(-1);
    if (release) world.api.put({ ...release, spec: { ...release.spec, control: { action, by: 'alice' } } });
  },
  RemakeVersion: ({ world }, { version }) => world.remakeVersion(version),
  DeleteVersion: ({ world }, { version }) => world.api.remove(RESOURCE.modelVersion, NAMESPACE, `${NAME}-${version}`),
  DeleteDeployment: ({ world }) => world.api.remove(RESOURCE.modelDeployment, NAMESPACE, NAME),
  ApplyDeployment: ({ world, spec }) => {
    if (!world.existing) world.api.put(deploymentObject(spec) as unknown as StoredObject);
  },
  DeleteChild: ({ world }, { kind, choice }) => deleteChild(world, RESOURCE[kind], choice),
  LoseStatus: ({ world }, { of }) => loseStatus(world, of),
  BackUp: (stage) => {
    stage.restore = stage.world.api.backUp();
  },
  RestoreBackup: ({ world, restore }) => {
    if (!restore) return;
    restore();
    world.forget();
    world.restart();
  },
  RestoreObjects: ({ world }) => restoreObjects(world),
};

export function happen(stage: Stage, act: Act): void {
  (PLAYERS[act.act] as (stage: Stage, act: Act) => void)(stage, act);
}

/** Operators, API server, gateway and metrics as they should be. */
export function calm(world: World): void {
  world.api.fault = () => undefined;
  world.gateway.mood = 'Accepts';
  world.gateway.metrics = 'Works';
  world.gateway.requestsPerSecond = 100;
  world.alerts = [];
  world.lags.forEach((_, index) => {
    world.lags[index] = () => 0;
    world.skews[index] = 0;
  });
  world.wake();
}

const CHECK_SET = { name: 'platform', check: 'failures' } as const;

/** The set of checks that a spec may name, with a check of this name or, if none is given, one that stands in nobody's way. */
export function putCheckSet(world: World, check: string = CHECK_SET.check): void {
  world.api.put(checkSetObject(CHECK_SET.name, [{ name: check, errorRate: {} }]) as unknown as StoredObject);
}

function chooseFault(world: World, kinds: readonly FaultKind[], ms: number): Fault | undefined {
  const kind = kinds[Math.floor(world.random() * kinds.length)];
  if (kind === 'Stall') return { stallMs: Math.floor(world.random() ** 2 * ms) };
  return kind === 'Delay' ? { delayMs: Math.floor(world.random() * ms) } : kind;
}

function fallBehind(world: World, operator: number, kind: keyof typeof RESOURCE | 'all', ms: number): void {
  const index = operator % world.lags.length;
  const before = world.lags[index]!;
  world.lags[index] = kind === 'all' ? () => ms : (plural) => (plural === RESOURCE[kind].plural ? ms : before(plural));
}

function edited(world: World, edit: Edit, choice: number): Partial<DeploymentSpec> {
  const { traffic, rollout, analysis, version } = world.deployment.spec;
  const isEven = choice % 2 === 0;
  switch (edit) {
    case 'Drain':
      return { traffic: { ...traffic, drain: ['5s', '30s', '20s'][choice % 3]! } };
    case 'Image': {
      const image = `mlserver:1.7.${1 + (choice % 2)}`;
      return { runtime: { preset: 'mlserver', template: { spec: { containers: [{ name: 'model', image }] } } } };
    }
    case 'Steps': {
      const one = [{ weight: 34, hold: '10s' }];
      const two = [
        { weight: 10, hold: '10s' },
        { weight: 60, hold: '20s' },
      ];
      return { rollout: { ...rollout, steps: isEven ? one : two } };
    }
    case 'Checks':
      return { analysis: { ...analysis, minRequests: 50 + choice, checks: [{ name: 'errors', errorRate: {} }] } };
    case 'CheckSets':
      return { analysis: { ...analysis, checkSets: isEven ? [CHECK_SET.name] : [] } };
    case 'Paused':
      return { rollout: { ...rollout, paused: isEven } };
    case 'Retry':
      return { rollout: { ...rollout, retry: { version, token: `token-${choice}` } } };
    case 'KeepPrevious':
      return { rollout: { ...rollout, keepPrevious: { for: isEven ? '90s' : '20s' } } };
    case 'OnFailure':
      return { rollout: { ...rollout, onFailure: isEven ? 'Freeze' : 'Rollback' } };
    case 'OnInconclusive':
      return { rollout: { ...rollout, onInconclusive: isEven ? 'Rollback' : 'Pause' } };
    case 'Retries':
      return { rollout: { ...rollout, infrastructureRetries: choice } };
    case 'HistoryLimit':
      return { rollout: { ...rollout, historyLimit: choice + 1 } };
    case 'Hostnames':
      if (!traffic.gateway) return {};
      return { traffic: { ...traffic, gateway: { parentRefs: [{ name: 'public' }], hostnames: [`fraud${choice}.example.com`] } } };
  }
}

function deleteChild(world: World, type: ResourceType, choice: number): void {
  const owned = world.api
    .view(type)
    .filter(({ metadata }) => (metadata['labels'] as Readonly<Record<string, string>> | undefined)?.[LABEL.managedBy] === MANAGED_BY_VALUE);
  const chosen = owned[choice % owned.length];
  if (chosen) world.api.remove(type, NAMESPACE, chosen.metadata.name);
}

function loseStatus(world: World, of: 'modelDeployment' | 'modelRelease' | 'everything'): void {
  const types = of === 'everything' ? [RESOURCE.modelDeployment, RESOURCE.modelRelease] : [RESOURCE[of]];
  for (const type of types) for (const object of world.api.view(type)) world.api.put(withoutStatus(object));
}

function withoutStatus(object: StoredObject): StoredObject {
  const { status: _, ...rest } = object;
  return rest;
}

/** As backup tools do it: our own kinds come back without status and as new objects, and whatever they owned is gone. */
function restoreObjects(world: World): void {
  const types = [RESOURCE.modelVersion, RESOURCE.modelRelease, RESOURCE.modelDeployment];
  const saved = types.map((type) => world.api.view(type));
  types.forEach((type, index) => saved[index]!.forEach(({ metadata }) => world.api.remove(type, NAMESPACE, metadata.name)));
  for (const object of saved.flat()) {
    const isVersion = object.kind === RESOURCE.modelVersion.kind;
    world.api.put(isVersion ? object : withoutStatus(object));
  }
  world.forget();
}
