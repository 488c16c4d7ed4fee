// What tests ask of the objects of a scene again and again.
import type { Condition } from '../../src/api/meta.ts';
import type { Scenario } from './scenario.ts';

interface WithConditions {
  readonly metadata: { readonly generation?: number };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** A condition in a form that a failed comparison shows whole: `False/DigestMismatch`, and its message. Undefined when there is none. */
export function conditionOf(object: WithConditions, type: string): { readonly is: string; readonly message: string } | undefined {
  const condition = object.status?.conditions?.find((candidate) => candidate.type === type);
  return condition && { is: `${condition.status}/${condition.reason}`, message: condition.message };
}

/** Waits until a condition of the ModelDeployment is like this (`False/NameTaken`) at its newest generation; gives its message. */
export async function conditionBecomes(scene: Scenario, type: string, is: string, timeoutMs = 60_000): Promise<string> {
  return await scene.until(`condition ${type} of the ModelDeployment is ${is}`, async () => {
    const deployment = await scene.deployment();
    const isNew = deployment.status?.observedGeneration === deployment.metadata.generation;
    const condition = conditionOf(deployment, type);
    return isNew && condition?.is === is ? condition.message : undefined;
  }, timeoutMs);
}

/** Waits until a condition of the ModelVersion `toy-<version>` is like this; gives its message. */
export async function versionBecomes(scene: Scenario, version: string, type: string, is: string, timeoutMs = 60_000): Promise<string> {
  return await scene.until(`condition ${type} of ModelVersion ${version} is ${is}`, async () => {
    const condition = conditionOf(await scene.modelVersion(version), type);
    return condition?.is === is ? condition.message : undefined;
  }, timeoutMs);
}
