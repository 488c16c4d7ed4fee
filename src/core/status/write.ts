import type { ObjectMeta } from '../../api/resources.ts';
import { sameJson } from '../canonical.ts';
import type { Action, Identity } from '../observed.ts';

interface WithStatus<Status> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly status?: Status;
}

/**
 * The status write of one of our own objects, locked to the state that was observed; none when nothing changed. Empty maps are left out: one
 * that has had keys before would be null after a server-side apply, which the API server then refuses.
 */
export function writeStatus<Status extends object>(object: WithStatus<Status>, wanted: Status): readonly Action[] {
  const status = withoutEmptyMaps(wanted) as Status;
  if (sameJson(object.status ?? {}, status)) return [];
  const { apiVersion, kind, metadata } = object;
  const { name, namespace = 'default' } = metadata;
  return [{ type: 'ApplyStatus', object: { apiVersion, kind, metadata: { name, namespace, ...identityOf(metadata) }, status } }];
}

export function identityOf({ uid = '', resourceVersion = '' }: Pick<ObjectMeta, 'uid' | 'resourceVersion'>): Identity {
  return { uid, resourceVersion };
}

function withoutEmptyMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmptyMaps);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [name, withoutEmptyMaps(member)] as const);
  return Object.fromEntries(members.filter(([, member]) => !isEmptyMap(member)));
}

function isEmptyMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}
