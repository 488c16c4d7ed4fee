// What the demo applies, as a user would write it. The texts are kept in a folder for the reader.
import { SLOWER_THAN_MS } from './scenarios.ts';

export const NAMESPACE = 'plimsoll-demo';
/** Name of the ModelDeployment, and of the model. */
export const MODEL = 'digits';
export const HOST = 'digits.example.com';
export const FIRST_VERSION = 'v1';

/** A file to apply. */
export interface Manifest {
  readonly file: string;
  readonly text: string;
}

export type Traffic =
  { readonly kind: 'gateway'; readonly gateway: { readonly namespace: string; readonly name: string } } | { readonly kind: 'replicaShare' };

/** What differs between clusters. */
export interface Serving {
  readonly traffic: Traffic;
  /** Whether there are metrics to judge versions by. */
  readonly evidence: boolean;
  /** Between two looks at them. */
  readonly intervalSeconds: number;
  /** The image of the model server. */
  readonly image: string;
  readonly imagePullPolicy: 'Never' | 'IfNotPresent';
  /** All versions, the first one first. */
  readonly versions: readonly string[];
}

/** v7 knows only the values up to this of one pixel; a row below it is one that every version answers. */
const KNOWN_PIXEL = 20;
const LARGEST_KNOWN = 12;

/** The first row that every version can answer: what the probe asks. */
export function probeRow(rows: readonly (readonly number[])[]): readonly number[] {
  const row = rows.find((each) => (each[KNOWN_PIXEL] ?? Infinity) <= LARGEST_KNOWN);
  if (row === undefined) throw new Error(`No row has ${LARGEST_KNOWN} or less in column ${KNOWN_PIXEL}, which the probe needs.`);
  return row;
}

/** All files but that of the namespace, in the order in which they are applied. `urlOf` gives the address of a path on the server of the models. */
export function manifests(serving: Serving, urlOf: (path: string) => string, rows: readonly (readonly number[])[]): readonly Manifest[] {
  return [
    {
      file: '2-versions.yaml',
      text: serving.versions.map((version) => modelVersion(version, urlOf(`/${version}/model.joblib`))).join('---\n'),
    },
    { file: '3-probe.yaml', text: probe(probeRow(rows)) },
    ...(serving.traffic.kind === 'gateway' ? [{ file: '4-gateway.yaml', text: gatewayPolicy() }] : []),
    { file: '5-deployment.yaml', text: modelDeployment(serving) },
  ];
}

/** `labels` come beside the one of Pod Security. */
export function namespaceManifest(labels: Readonly<Record<string, string>>): Manifest {
  const all = Object.entries({ 'pod-security.kubernetes.io/enforce': 'restricted', ...labels });
  const text = `apiVersion: v1
kind: Namespace
metadata:
  name: ${NAMESPACE}
  labels:
${all.map(([key, value]) => `    ${key}: ${value}\n`).join('')}`;
  return { file: '1-namespace.yaml', text };
}

function modelVersion(version: string, url: string): string {
  return `apiVersion: plimsoll.dev/v1alpha1
kind: ModelVersion
metadata:
  name: ${MODEL}-${version}
  namespace: ${NAMESPACE}
spec:
  model: ${MODEL}
  version: ${version}
  format: {name: sklearn}
  source:
    http: {url: "${url}"}
`;
}

function probe(row: readonly number[]): string {
  const request = { inputs: [{ name: 'predict', shape: [1, row.length], datatype: 'FP64', data: row }] };
  return `# What a new version must answer before it gets any traffic: a real row, as a request of the V2 inference protocol.
apiVersion: v1
kind: ConfigMap
metadata:
  name: ${MODEL}-probe
  namespace: ${NAMESPACE}
data:
  row.json: |
    ${JSON.stringify(request)}
`;
}

function gatewayPolicy(): string {
  return `# MLServer closes a connection that was idle for 5 s. The gateway must let go of it first: a request fails that is sent into a
# connection which is just being closed.
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata:
  name: ${MODEL}
  namespace: ${NAMESPACE}
spec:
  targetRefs:
    - {group: gateway.networking.k8s.io, kind: HTTPRoute, name: ${MODEL}}
  timeout:
    http: {connectionIdleTimeout: 2s}
`;
}

function modelDeployment({ traffic, evidence, intervalSeconds, image, imagePullPolicy }: Serving): string {
  return `apiVersion: plimsoll.dev/v1alpha1
kind: ModelDeployment
metadata:
  name: ${MODEL}
  namespace: ${NAMESPACE}
spec:
  model: ${MODEL}
  version: ${FIRST_VERSION}          # changing this line is a release
  replicas: ${traffic.kind === 'gateway' ? 2 : 3}
  runtime:
    preset: mlserver
    template:
      spec:
        containers:
          - name: model
            image: ${image}
            imagePullPolicy: ${imagePullPolicy}
            env:
              # With 0 a busy slow model would not answer its readiness probe, and would be taken off for that instead.
              - {name: MLSERVER_PARALLEL_WORKERS, value: "1"}
            resources:
              requests: {cpu: 50m, memory: 256Mi}
              limits: {memory: 1536Mi}
  traffic:
${trafficLines(traffic)}
    drain: 10s
  probe:
    requests: {configMapRef: {name: ${MODEL}-probe}}
  rollout:
    steps:
      - {weight: 5, hold: 50s}
      - {weight: 25, hold: 20s}
      - {weight: 50, hold: 20s}
    progressDeadline: 5m
    evidenceDeadline: 5m
  analysis:
    interval: ${intervalSeconds}s
${evidence ? CHECKS : NO_CHECKS}`;
}

const CHECKS = `    checks:
      - {name: errors, errorRate: {relativeMargin: 50%, absoluteFloor: 1%}}
      - {name: latency, latency: {slowerThan: ${SLOWER_THAN_MS}ms, relativeMargin: 20%, absoluteFloor: 5%}}
`;

const NO_CHECKS = `    checks: []            # nothing here can be measured: readiness and probe alone decide
`;

function trafficLines(traffic: Traffic): string {
  switch (traffic.kind) {
    case 'gateway':
      return `    gateway:
      parentRefs: [{name: ${traffic.gateway.name}, namespace: ${traffic.gateway.namespace}}]
      hostnames: [${HOST}]
      timeouts: {request: 10s}`;
    case 'replicaShare':
      return '    replicaShare: {}';
  }
}
