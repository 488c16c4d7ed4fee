// Objects of our kinds that hold every field, and how to change one field of an object.

import { load } from 'js-yaml';

export type Body = {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: Record<string, unknown>;
  status?: Record<string, unknown>;
};

const CONDITIONS = `
    - {type: Ready, status: 'True', observedGeneration: 1, lastTransitionTime: '2026-11-24T10:00:00Z', reason: Serving, message: serves}`;
const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;
const END = `{version: 1.3.2, digest: '${DIGEST}', revision: 3f9a1c07be}`;
const SIDE = `{version: 1.3.2, digest: '${DIGEST}', revision: 3f9a1c07be, slot: a}`;

/** One check of each kind, and of each way to write it. */
const CHECKS = `
      - {name: errors, optional: false, errorRate: {source: Runtime, relativeMargin: 50%, absoluteFloor: 0.5%}}
      - {name: slow, latency: {source: Runtime, slowerThan: 250ms, relativeMargin: 20%, absoluteFloor: 1%}}
      - {name: queue, limit: {query: 'max(queue_depth)', max: '100', min: '-0.5', consecutive: 3}}
      - {name: backlog, limit: {query: 'max(backlog)', max: '100', for: 1m}}
      - {name: half, latency: {p50AtMost: 1.1x}}
      - {name: most, latency: {p95AtMost: 1.2x}}
      - {name: tail, latency: {p99AtMost: 500ms}}
      - {name: accuracy, compare: {bad: 'wrong{v="{{version}}"}', total: 'all{v="{{ revision }}"}', relativeMargin: 10%, absoluteFloor: 1%}}
      - {name: rating, score: {count: 'n{v="{{version}}"}', sum: 's{v="{{version}}"}', sumOfSquares: 'q{v="{{version}}"}', lowest: '1', highest: '5', better: Higher, margin: 2%}}
      - {name: grade, score: {histogram: 'h{v="{{version}}"}'}}
      - {name: disagreement, rate: {bad: 'differing{v="{{version}}"}', total: 'compared{v="{{version}}"}', atMost: 1%}}
      - {name: predictions, shift: {counts: 'p{v="{{version}}"}', bin: class, whenShifted: Hold}}
      - {name: split, split: {tolerance: 50%}}
      - {name: objective, rate: {source: Runtime, atMost: 1%}}`;

const TEXTS = {
  modelversions: `
metadata: {name: fraud-1.4.0}
spec:
  model: fraud
  version: 1.4.0
  displayVersion: v1.4.0+cu12
  format: {name: sklearn, version: '1.8'}
  source: {http: {url: 'https://models.example.com/fraud/1.4.0.tar.gz'}}
  access: {serviceAccountName: model-reader, secretRef: {name: model-store}, tagSecretRef: {name: mlflow-writer}}
  writeTags: false
  storage: {claim: {name: models}, limit: 50Gi}
  digest: ${DIGEST}
  dependencies: Strict
  provenance:
    code: {repository: 'https://github.com/example/fraud', commit: 4f0c2a7d9be1}
    data: [{name: transactions, uri: 's3://data/transactions.parquet', digest: 'md5:0cc175b9c0f1b6a831c399e269772661'}]
    training: {pipeline: weekly, run: 8c1f6e0b7a, image: 'example/train@sha256:2c26', parameters: {max_depth: '6'}}
    parents: [fraud-1.3.2]
  evaluation: {metrics: {auc: '0.947', drop: '-3'}, report: 'https://reports.example.com/1.html'}
status:
  observedGeneration: 1
  schema: 1
  resolved:
    uri: https://models.example.com/fraud/1.4.0.tar.gz
    digest: ${DIGEST}
    omsDigest: ${DIGEST}
    files: 2
    bytes: 1048576
    resolvedAt: '2026-11-24T10:00:00Z'
    pins: {version: '3'}
  metadata:
    code: {repository: 'https://github.com/example/fraud', commit: 4f0c2a7d9be1}
    data: [{name: transactions, uri: 's3://data/transactions.parquet', digest: 'md5:0cc175b9c0f1b6a831c399e269772661'}]
    training: {pipeline: weekly, run: 8c1f6e0b7a, user: ada, parameters: {max_depth: '6'}}
    metrics: {auc: '0.947'}
    tags: {validated-by: ada}
    model: {flavors: {sklearn: '1.7.2'}, signature: '{}'}
    dependencies:
      python: 3.11.9
      packages: [{name: scikit-learn, specifier: ==1.7.2, marker: 'python_version > "3"', optional: true, from: requirements.txt}]
      omitted: 1
      notCompared: [an editable package (-e)]
    truncated: true
  stored: {claim: models, storedAt: '2026-11-24T10:00:00Z'}
  tags: {plimsoll.dev/risk/fraud: Serving 100% (fraud-1.4.0)}
  conditions: ${CONDITIONS}
    - {type: Durable, status: 'False', lastTransitionTime: '2026-11-24T10:00:00Z', reason: PerPodDownload, message: no copy}`,
  modeldeployments: `
metadata: {name: fraud}
spec:
  model: fraud
  version: 1.4.0
  replicas: 3
  runtime: {preset: mlserver, template: {metadata: {labels: {team: risk}}, spec: {containers: [{name: model, image: x}]}}}
  traffic:
    gateway:
      parentRefs: [{name: public, namespace: gateways, sectionName: https, port: 443}]
      hostnames: [fraud.example.com, '*.models.example.com']
      timeouts: {request: 10s, backendRequest: 5s}
    drain: 30s
  probe: {requests: {configMapRef: {name: fraud-probe}}}
  rollout:
    steps: [{name: canary, weight: 5, hold: 5m}, {name: half, weight: 50, hold: 1h30m}]
    capacity: {candidate: Full, stable: Release}
    unavailableGrace: 30s
    progressDeadline: 15m
    evidenceDeadline: 1h
    paused: false
    onFailure: Freeze
    onInconclusive: Rollback
    infrastructureRetries: 3
    keepPrevious: {for: 30m}
    retry: {version: 1.4.0, token: '2'}
    historyLimit: 20
  analysis:
    interval: 15s
    minRequests: 100
    promoteWhen: Certified
    fastPromote: true
    checkSets: [platform]
    checks: ${CHECKS}
  triggers: {alerts: {matchLabels: {severity: page}}}
status:
  observedGeneration: 1
  schema: 1
  phase: Holding
  verdict: Pass
  weight: 5
  rollback: NeedsPods(2)
  release: fraud-r7
  stable: ${SIDE}
  candidate: ${SIDE}
  previous: ${SIDE}
  traffic: {inCluster: ByReplicas, achievedWeight: 25}
  inspected: {inputs: 5e884898da280471, image: x, python: 3.11.9, machine: x86_64, packages: {numpy: 2.3.1}, problem: none}
  verdicts: [{check: errors, verdict: Pass, explanation: as good, at: '2026-11-24T10:00:00Z'}]
  conditions: ${CONDITIONS}`,
  modelreleases: `
metadata: {name: fraud-r7}
spec:
  deployment: fraud
  number: 7
  from: ${END}
  to: ${END}
  cause: {type: Retry, attempt: 2, retryToken: '2', changedBy: alice, commit: 4f0c2a7d9be1}
  control: {action: Pause, by: alice, reason: it is Friday}
  plan:
    steps: [{name: canary, weight: 5, hold: 5m}]
    checks: [{name: errors, type: errorRate, optional: true, parameters: {relativeMargin: 50%}}]
    promoteWhen: Certified
    fastPromote: true
    interval: 15s
    minRequests: 100
    unavailableGrace: 30s
    progressDeadline: 15m
    evidenceDeadline: 1h
    onFailure: Freeze
    onInconclusive: Pause
    settle: 20s
    evidence: Gateway
    metrics: Scrape
    capacity: {candidate: Proportional, stable: Hold}
status:
  schema: 1
  phase: Holding
  decision: Shift
  step: 0
  windows: [{step: 0, weight: 5, from: '2026-11-24T10:00:00Z', to: '2026-11-24T10:05:00Z'}]
  evidenceSince: '2026-11-24T10:00:00Z'
  outcome: RolledBack
  class: Evidence
  reason: ErrorRateWorse
  message: errors failed
  unavailableSince: '2026-11-24T10:03:00Z'
  promotedAt: '2026-11-24T10:25:00Z'
  timeline: [{at: '2026-11-24T10:00:00Z', event: Shifted, weight: 5, message: weight 0 to 5 %}]
  checks: [{name: errors, verdict: Fail, explanation: worse, evidence: {candidateFailed: '23'}}]
  requests: {candidate: 1240}
  startedAt: '2026-11-24T09:58:00Z'
  finishedAt: '2026-11-24T10:26:00Z'`,
  checksets: `
metadata: {name: platform}
spec:
  checks: ${CHECKS}`,
} as const;

const KINDS = {
  modelversions: 'ModelVersion',
  modeldeployments: 'ModelDeployment',
  modelreleases: 'ModelRelease',
  checksets: 'CheckSet',
} as const;
export type Plural = keyof typeof TEXTS;

/** An accepted object with every field of its kind, status included where there is one. */
export function fullObject(plural: Plural): Body {
  return { apiVersion: 'plimsoll.dev/v1alpha1', kind: KINDS[plural], ...(load(TEXTS[plural]) as Omit<Body, 'apiVersion' | 'kind'>) };
}

/** What the full object cannot hold beside the rest: members of a union that exclude each other, each with what makes room for it. */
const ARMS: readonly { readonly plural: Plural; readonly place: string; readonly change: Readonly<Record<string, unknown>> }[] = [
  {
    plural: 'modelversions',
    place: 'spec.source.dvc',
    change: {
      'spec.source.http': undefined,
      'spec.source.dvc': {
        repository: 'https://git.example.com/risk/fraud.git',
        artifact: 'models/eu:fraud',
        version: 'v1.4.0',
        remote: 'store',
      },
    },
  },
  {
    plural: 'modelversions',
    place: 'spec.source.git',
    change: {
      'spec.source.http': undefined,
      'spec.source.git': {
        repository: 'https://git.example.com/risk/fraud.git',
        revision: 'v1.4.0',
        path: 'models/fraud',
        verify: { signature: 'Tag' },
      },
    },
  },
  {
    plural: 'modelversions',
    place: 'spec.source.dvc.stage',
    change: { 'spec.source.dvc.version': undefined, 'spec.source.dvc.stage': 'prod' },
  },
  ...['path', 'revision'].map((field) => ({
    plural: 'modelversions' as const,
    place: `spec.source.dvc.${field}`,
    change: {
      'spec.source.dvc.artifact': undefined,
      'spec.source.dvc.version': undefined,
      'spec.source.dvc.path': 'models/fraud.pkl',
      'spec.source.dvc.revision': 'main',
    },
  })),
  {
    plural: 'modelversions',
    place: 'spec.source.git.claim',
    change: {
      'spec.source.http': undefined,
      'spec.source.git': { repository: 'file:///fraud.git', claim: 'mirror', revision: 'v1.4.0' },
    },
  },
  {
    plural: 'modelversions',
    place: 'spec.source.oci',
    change: {
      'spec.source.http': undefined,
      'spec.source.oci': { reference: 'registry.example.com/risk/fraud:1.4.0', path: 'models', plainHTTP: true },
    },
  },
  {
    plural: 'modelversions',
    place: 'spec.source.pvc',
    change: { 'spec.source.http': undefined, 'spec.source.pvc': { claim: 'training-output', path: 'fraud/1.4.0' } },
  },
  {
    plural: 'modelversions',
    place: 'spec.source.s3',
    change: {
      'spec.source.http': undefined,
      'spec.source.s3': {
        endpoint: 'http://minio.storage:9000',
        region: 'eu-central-1',
        bucket: 'models',
        prefix: 'fraud/model.joblib',
        versionId: '3sL4kqtJ',
      },
    },
  },
  {
    plural: 'modelversions',
    place: 'spec.source.tfx',
    change: {
      'spec.source.http': undefined,
      'spec.source.tfx': {
        claim: 'models',
        base: 'serving/fraud',
        version: '1764240000',
        requireBlessing: true,
        blessing: ['pipelines/fraud/Evaluator/blessing/14'],
        metadata: 'tfx/metadata.sqlite',
      },
    },
  },
  {
    plural: 'modelversions',
    place: 'spec.source.mlflow',
    change: {
      'spec.source.http': undefined,
      'spec.source.mlflow': {
        server: 'https://mlflow.example.com',
        model: 'Fraud Detection (EU)',
        version: '3',
        s3Endpoint: 'http://minio.storage:9000',
      },
    },
  },
  {
    plural: 'modelversions',
    place: 'spec.source.mlflow.alias',
    change: { 'spec.source.mlflow.version': undefined, 'spec.source.mlflow.alias': 'champion' },
  },
  {
    plural: 'modelversions',
    place: 'spec.source.mlflow.uri',
    change: {
      'spec.source.mlflow.model': undefined,
      'spec.source.mlflow.version': undefined,
      'spec.source.mlflow.uri': 'models:/fraud@champion',
    },
  },
  {
    plural: 'modelversions',
    place: 'spec.source.tfx.s3',
    change: {
      'spec.source.tfx.claim': undefined,
      'spec.source.tfx.s3': { endpoint: 'http://minio.storage:9000', region: 'eu-central-1', bucket: 'models' },
    },
  },
  {
    plural: 'modeldeployments',
    place: 'spec.runtime.custom',
    change: {
      'spec.probe': undefined,
      'spec.runtime.preset': 'custom',
      'spec.runtime.custom': {
        port: 8000,
        modelPath: '/models/fraud/1',
        metrics: 'Triton',
        probe: { path: '/v1/predict', body: '{}', contentType: 'application/json', expect: { status: 200, contains: 'predictions' } },
      },
    },
  },
  {
    plural: 'modeldeployments',
    place: 'spec.runtime.custom.probe.bodyFrom',
    change: {
      'spec.runtime.custom.probe.body': undefined,
      'spec.runtime.custom.probe.bodyFrom': { configMapKeyRef: { name: 'x', key: 'x' } },
    },
  },
  {
    plural: 'modeldeployments',
    place: 'spec.analysis.metrics',
    change: { 'spec.analysis.checks': [{ name: 'errors', errorRate: {} }], 'spec.analysis.metrics': { scrape: {} } },
  },
  ...['replicaShare', 'none'].map((member) => ({
    plural: 'modeldeployments' as const,
    place: `spec.traffic.${member}`,
    change: {
      'spec.rollout.capacity': undefined,
      'spec.rollout.keepPrevious': undefined,
      'spec.analysis.checks[12]': { name: 'split', errorRate: {} },
      'spec.traffic.gateway': undefined,
      [`spec.traffic.${member}`]: {},
    },
  })),
];

/** The full object, with room made for the member of a union that this path is in. */
export function fullObjectFor(plural: Plural, path: string): Body {
  const arms = ARMS.filter((arm) => arm.plural === plural && `${path}.`.startsWith(`${arm.place}.`));
  const changes = arms.flatMap(({ change }) => Object.entries(change));
  return changes.reduce((object, [place, value]) => withValue(object, place, value), fullObject(plural));
}

/** A copy with the value at a path such as spec.rollout.steps[1].weight; undefined removes the field. Throws if there is no such parent. */
export function withValue<T extends object>(object: T, path: string, value: unknown): T {
  const copy = structuredClone(object);
  const keys = keysOf(path);
  const last = keys.pop()!;
  const parent = keys.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], copy) as
    Record<string, unknown> | undefined;
  if (parent === undefined) throw new Error(`Nothing is at ${path}.`);
  if (value === undefined) Reflect.deleteProperty(parent, last);
  else parent[last] = value;
  return copy;
}

/** The value at a path, or undefined. */
export function valueAt(object: object, path: string): unknown {
  return keysOf(path).reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], object);
}

function keysOf(path: string): string[] {
  return path.replaceAll('[', '.').replaceAll(']', '').split('.');
}
