import type { ObjectMeta } from '../../api/resources.ts';
import { sameJson } from '../canonical.ts';
import type { Action, Identity } from '../observed.ts';

interface WithStatus<Status> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly status?: Status;
}

/** The status write of one of our own objects, locked to the state that was observed; none when nothing changed. */
export function writeStatus<Status extends object>(object: WithStatus<Status>, status: Status): readonly Action[] {
  if (sameJson(object.status ?? {}, status)) return [];
  const { apiVersion, kind, metadata } = object;
  const { name, namespace = 'default' } = metadata;
  return [{ type: 'ApplyStatus', object: { apiVersion, kind, metadata: { name, namespace, ...identityOf(metadata) }, status } }];
}

export function identityOf({ uid = '', resourceVersion = '' }: Pick<ObjectMeta, 'uid' | 'resourceVersion'>): Identity {
  return { uid, resourceVersion };
}
