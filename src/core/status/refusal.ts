import type { ModelDeployment } from '../../api/generated/modeldeployment.ts';
import { STATUS_SCHEMA } from '../../api/names.ts';
import type { Action, Observed } from '../observed.ts';
import { sceneOf } from '../release/scene.ts';
import { stampConditions } from './conditions.ts';
import { statements } from './summary.ts';
import { writeStatus } from './write.ts';

type Status = NonNullable<ModelDeployment['status']>;

/** Why a write that the spec asks for cannot be done until somebody mends something. */
export interface Refusal {
  /** `NameTaken`: an object of that name is somebody else's. `InvalidTemplate`, `Refused`: the API server says no; `InvalidQuery`: Prometheus does. */
  readonly reason: 'NameTaken' | 'InvalidTemplate' | 'InvalidQuery' | 'Refused';
  readonly message: string;
}

/**
 * The status write that tells of a refusal: conditions alone change, since the pass that met it got no further. None when it is told already.
 * The first pass that gets through again overwrites it.
 */
export function refusalStatus(observed: Observed, refusal: Refusal, now: number): readonly Action[] {
  const { deployment } = observed;
  const scene = sceneOf(observed, now);
  const { reason, message } = refusal;
  const phase = scene.active ? (deployment.status?.phase ?? 'Preparing') : 'Refused';
  const told = statements(scene, scene.stable, { phase, ready: false, motion: 'Stalled', reason, message }).map((statement) =>
    statement.type === 'Accepted' ? { ...statement, status: 'False' as const, reason, message } : statement,
  );
  const generation = deployment.metadata.generation ?? 0;
  const status: Status = {
    ...deployment.status,
    schema: STATUS_SCHEMA,
    observedGeneration: generation,
    phase,
    conditions: stampConditions(told, deployment.status?.conditions, generation, now),
  };
  return writeStatus(deployment, status);
}
