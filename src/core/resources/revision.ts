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
}

export type Target = { readonly ok: true; readonly snapshot: Snapshot } | { readonly ok: false; readonly message: string };

/**
 * The revision that these inputs ask for. A revision that was rendered before for the same inputs is taken as it is: a newer operator may
 * render differently, and an upgrade of the operator must not start a release in every deployment.
 */
export function targetRevision(
  inputs: TemplateInputs,
  known: readonly Snapshot[],
  operator: { readonly image: string; readonly imagePullPolicy: string },
): Target {
  const hash = shortHash(inputs, 16);
  const before = known.find((snapshot) => snapshot.inputs === hash);
  if (before) return { ok: true, snapshot: before };
  const rendering: Rendering = renderTemplate(inputs, operator.image, operator.imagePullPolicy);
  if (!rendering.ok) return rendering;
  const revision = shortHash({ digest: inputs.digest, template: rendering.template });
  return {
    ok: true,
    snapshot: { revision, version: inputs.version, digest: inputs.digest, inputs: hash, template: rendering.template },
  };
}

/** Name of a revision's Deployment, Service, PodDisruptionBudget and ControllerRevision. */
export function childName(deployment: string, revision: string): string {
  return `${deployment}-${revision}`;
}
