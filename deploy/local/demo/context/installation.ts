// What Plimsoll is made of in a cluster: whether it is there already, and the objects to create where it is not.
import type { KubeObject } from '../../../../src/api/resources.ts';
import { isOwn, labelled, nameOf } from './objects.ts';

export interface Image {
  readonly reference: string;
  readonly pullPolicy: string;
}

/** What an operator that is there already is set to. */
export interface Existing {
  readonly image: Image;
  readonly prometheusUrl: string | undefined;
}

export type Installation =
  | { readonly kind: 'absent' }
  | { readonly kind: 'existing'; readonly operator: Existing }
  | { readonly kind: 'refused'; readonly message: string };

interface Container {
  readonly name: string;
  readonly image?: string;
  readonly imagePullPolicy?: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

export interface Deployment extends KubeObject {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly Container[] } } };
}

/**
 * `wanted` is all of the installation, `found` what of it exists; `operators` are the cluster's Deployments named plimsoll, since the
 * operator may run in another namespace than ours would.
 */
export function judgeInstallation(
  wanted: readonly KubeObject[],
  found: readonly KubeObject[],
  operators: readonly KubeObject[],
  version: string,
): Installation {
  const operator = operators[0] as Deployment | undefined;
  if (found.length === 0 && operator === undefined) return { kind: 'absent' };
  const left = found.filter(isOwn);
  if (left.length > 0) {
    return refused(
      `another demo is in this cluster, or was and did not end well (${left.map(nameOf).join(', ')}); if none runs, repeat the command with --clean`,
    );
  }
  const names = new Set(found.map(nameOf));
  const missing = wanted.filter((object) => object.kind === 'CustomResourceDefinition' && !names.has(nameOf(object)));
  if (operator === undefined)
    return refused(`parts of Plimsoll are there without its operator (${found.map(nameOf).join(', ')}); install it, or remove them`);
  if (missing.length > 0)
    return refused(`an operator is there, but not ${missing.map(nameOf).join(', ')}; complete its installation first`);
  const container = containerOf(operator);
  const [named = ''] = (container?.image ?? '').split('@');
  const tag = /:([^:/]+)$/.exec(named)?.[1];
  if (tag !== version) {
    return refused(
      `Plimsoll ${tag ?? 'of an unknown version'} is installed (image ${container?.image ?? 'unknown'}), and this demo is of ${version}; run the demo of that version`,
    );
  }
  return {
    kind: 'existing',
    operator: {
      image: { reference: container?.image ?? '', pullPolicy: container?.imagePullPolicy ?? 'IfNotPresent' },
      prometheusUrl: container?.env?.find(({ name }) => name === 'PLIMSOLL_PROMETHEUS_URL')?.value,
    },
  };
}

function refused(why: string): Installation {
  return { kind: 'refused', message: `Plimsoll is not installed by the demo: ${why}.` };
}

function containerOf(deployment: Deployment): Container | undefined {
  return deployment.spec.template.spec.containers.find(({ name }) => name === 'plimsoll');
}

/** Where no Prometheus is: an address that nobody has. */
const NOBODY = 'http://prometheus.invalid:9090';
/** Until Envoy writes its histograms. */
const FLUSH_SECONDS = 5;

/** The objects of the installation as they are created: with the demo's label, and the operator's image and settings. */
export function prepareInstallation(
  objects: readonly KubeObject[],
  image: Image,
  prometheus: { readonly url: string; readonly intervalSeconds: number } | undefined,
): readonly KubeObject[] {
  const settings: Readonly<Record<string, string>> = {
    PLIMSOLL_IMAGE: image.reference,
    PLIMSOLL_IMAGE_PULL_POLICY: image.pullPolicy,
    PLIMSOLL_PROMETHEUS_URL: prometheus?.url ?? NOBODY,
    PLIMSOLL_SETTLE: `${Math.ceil(FLUSH_SECONDS + (prometheus?.intervalSeconds ?? 0))}s`,
  };
  return objects.map((object) => labelled(object.kind === 'Deployment' ? configured(object as Deployment, image, settings) : object));
}

function configured(deployment: Deployment, image: Image, settings: Readonly<Record<string, string>>): Deployment {
  const template = deployment.spec.template;
  const containers = template.spec.containers.map((container) => ({
    ...container,
    image: image.reference,
    imagePullPolicy: image.pullPolicy,
    env: (container.env ?? []).map((each) =>
      settings[each.name] === undefined ? each : { name: each.name, value: settings[each.name] ?? '' },
    ),
  }));
  return { ...deployment, spec: { ...deployment.spec, template: { ...template, spec: { ...template.spec, containers } } } };
}

/** `3 CustomResourceDefinitions, 4 ClusterRoles, ...`: what is outside of namespaces. */
export function describeClusterWide(objects: readonly KubeObject[]): string {
  const kinds = Map.groupBy(
    objects.filter(({ metadata, kind }) => metadata.namespace === undefined && kind !== 'Namespace'),
    ({ kind }) => kind,
  );
  return [...kinds].map(([kind, of]) => `${of.length} ${pluralOf(kind, of.length)}`).join(', ');
}

function pluralOf(kind: string, count: number): string {
  if (count === 1) return kind;
  return kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : `${kind}s`;
}
