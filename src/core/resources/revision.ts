import type { ModelDeploymentRuntimeCustom } from '../../api/generated/modeldeployment.ts';
import { shortHash } from '../canonical.ts';
import { renderTemplate, type Rendering, type TemplateInputs } from './template.ts';
import type { JsonObject } from './overlay.ts';

/** A revision as it was rendered once: kept in a ControllerRevision, never rendered again. */
export interface Snapshot {
  readonly revision: string;
  readonly version: string;
  readonly digest: string;
  /** Hash of what the user chose (`TemplateInputs`), without what the operator adds. */
  readonly inputs: string;
  readonly template: JsonObject;
  /** What Plimsoll knows of its server, when that is no preset's. */
  readonly custom?: ModelDeploymentRuntimeCustom | undefined;
}

export type Target = { readonly ok: true; readonly snapshot: Snapshot } | { readonly ok: false; readonly message: string };

/**
 * The revision that these inputs ask for. A revision that was rendered before for the same inputs is taken as it is: a newer operator may
 * render differently, and an upgrade of the operator must not start a release in every deployment. `storage`, the claim with our own copy
 * of the version, is read when a revision is rendered for the first time, and is no input of it.
 */
export function targetRevision(
  inputs: TemplateInputs,
  known: readonly Snapshot[],
  operator: { readonly image: string; readonly imagePullPolicy: string },
  storage?: string,
): Target {
  const hash = shortHash(inputs, 16);
  const before = known.find((snapshot) => snapshot.inputs === hash);
  if (before) return { ok: true, snapshot: before };
  const rendering: Rendering = renderTemplate(inputs, operator.image, operator.imagePullPolicy, storage);
  if (!rendering.ok) return rendering;
  const { version, digest, custom } = inputs;
  const { template } = rendering;
  // Also what stands in no pod is part of it: a probe that was wrong must not condemn the revision that is asked by the right one.
  const revision = shortHash({ digest, template, custom });
  return { ok: true, snapshot: { revision, version, digest, inputs: hash, template, ...(custom ? { custom } : {}) } };
}

/** Name of a revision's Deployment, Service, PodDisruptionBudget and ControllerRevision. */
export function childName(deployment: string, revision: string): string {
  return `${deployment}-${revision}`;
}
