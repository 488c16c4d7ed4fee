// What the person must be allowed to do for the demo, asked of the API server before anything is made.
import { NAMESPACE } from '../manifests.ts';

interface Right {
  readonly verbs: readonly string[];
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
}

const MAKE = ['create', 'get', 'delete'] as const;

const IN_NAMESPACE: readonly Right[] = [
  { verbs: ['create', 'get'], group: '', resource: 'pods' },
  { verbs: ['get'], group: '', resource: 'pods', subresource: 'log' },
  { verbs: ['create'], group: '', resource: 'pods', subresource: 'exec' },
  { verbs: ['create'], group: '', resource: 'services' },
  { verbs: ['create'], group: '', resource: 'configmaps' },
  { verbs: ['list'], group: '', resource: 'events' },
  // The admission policies ask whoever writes a ModelDeployment or ModelVersion for these two.
  { verbs: ['create'], group: 'apps', resource: 'deployments' },
  { verbs: ['create'], group: 'batch', resource: 'jobs' },
  { verbs: ['create', 'list'], group: 'plimsoll.dev', resource: 'modelversions' },
  { verbs: ['create', 'get', 'patch'], group: 'plimsoll.dev', resource: 'modeldeployments' },
  { verbs: ['list'], group: 'plimsoll.dev', resource: 'modelreleases' },
].map((right) => ({ ...right, namespace: NAMESPACE }));

const CLUSTER_WIDE: readonly Right[] = [
  { verbs: MAKE, group: '', resource: 'namespaces' },
  { verbs: ['list'], group: '', resource: 'nodes' },
  { verbs: ['list'], group: '', resource: 'services' },
  { verbs: ['list'], group: 'apps', resource: 'deployments' },
];

/** What is there of them is looked at in any case; all other verbs only an installation needs. */
const TO_INSTALL: readonly Right[] = [
  { verbs: MAKE, group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
  { verbs: [...MAKE, 'escalate'], group: 'rbac.authorization.k8s.io', resource: 'clusterroles' },
  { verbs: [...MAKE, 'bind'], group: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings' },
  { verbs: MAKE, group: 'admissionregistration.k8s.io', resource: 'validatingadmissionpolicies' },
  { verbs: MAKE, group: 'admissionregistration.k8s.io', resource: 'validatingadmissionpolicybindings' },
];

export interface Review {
  readonly spec: { readonly resourceAttributes: Omit<Right, 'verbs' | 'group'> & { readonly group?: string; readonly verb: string } };
  readonly status?: { readonly allowed?: boolean };
}

/** SelfSubjectAccessReviews to create, as one list. */
export function reviews(): unknown {
  const items = [...CLUSTER_WIDE, ...IN_NAMESPACE, ...TO_INSTALL].flatMap(({ verbs, ...attributes }) =>
    verbs.map((verb) => ({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { ...attributes, verb } },
    })),
  );
  return { apiVersion: 'v1', kind: 'List', items };
}

/** Rights that are lacking, as one would say them; those that only an installation needs where there will be one. */
export function missingRights(answers: readonly Review[], toInstall: boolean): readonly string[] {
  const isForInstalling = ({ spec: { resourceAttributes: of } }: Review): boolean =>
    of.verb !== 'get' && TO_INSTALL.some(({ resource }) => resource === of.resource);
  const missing = answers.filter((review) => review.status?.allowed !== true && (toInstall || !isForInstalling(review)));
  const byResource = Map.groupBy(missing, ({ spec: { resourceAttributes: of } }) => {
    const resource = `${of.resource}${of.subresource === undefined ? '' : `/${of.subresource}`}`;
    // The API server leaves an empty group out of its answer.
    const group = of.group === undefined || of.group === '' ? '' : `.${of.group}`;
    return `${resource}${group}${of.namespace === undefined ? '' : ` in ${of.namespace}`}`;
  });
  return [...byResource].map(([what, of]) => `${of.map(({ spec }) => spec.resourceAttributes.verb).join(', ')} ${what}`);
}
