/**
 * Lays a user's partial pod template over a preset's, by the rules of Kubernetes' strategic merge patch: maps merge, lists whose items
 * have an identity merge item by item, every other list is replaced. `null` removes a member, as `kubectl patch` does.
 * (https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/)
 */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** The member that identifies an item of the list of this name. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  ports: 'containerPort',
  imagePullSecrets: 'name',
  hostAliases: 'ip',
};

/** `base` with `overlay` laid on it; neither is changed. */
export function mergeTemplate(base: JsonObject, overlay: JsonObject): JsonObject {
  const merged: Record<string, Json | undefined> = { ...base };
  for (const [key, value] of Object.entries(overlay)) {
    if (value === undefined) continue;
    if (value === null) Reflect.deleteProperty(merged, key);
    else merged[key] = mergeMember(key, merged[key], value);
  }
  return merged;
}

function mergeMember(key: string, base: Json | undefined, overlay: Json): Json {
  if (isObject(base) && isObject(overlay)) return mergeTemplate(base, overlay);
  const identity = MERGE_KEYS[key];
  if (identity !== undefined && Array.isArray(base) && Array.isArray(overlay)) {
    return mergeList(identity, base as readonly Json[], overlay as readonly Json[]);
  }
  return overlay;
}

function mergeList(identity: string, base: readonly Json[], overlay: readonly Json[]): readonly Json[] {
  const identityOf = (item: Json | undefined): Json | undefined => (isObject(item) ? item[identity] : undefined);
  const kept = base.map((item) => {
    const over = overlay.find((candidate) => identityOf(candidate) !== undefined && identityOf(candidate) === identityOf(item));
    return isObject(item) && isObject(over) ? mergeTemplate(item, over) : item;
  });
  const added = overlay.filter((item) => !base.some((known) => identityOf(known) !== undefined && identityOf(known) === identityOf(item)));
  return [...kept, ...added];
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
