// The objects that users bring into a simulated world.
import type { CheckSet } from '../../../src/api/generated/checkset.ts';
import type { ModelDeployment } from '../../../src/api/generated/modeldeployment.ts';
import type { ModelVersion } from '../../../src/api/generated/modelversion.ts';
import { API_VERSION } from '../../../src/api/names.ts';
import { shortHash } from '../../../src/core/canonical.ts';

export const NAMESPACE = 'risk';
export const NAME = 'fraud';

export type DeploymentSpec = ModelDeployment['spec'];

/** Short steps and looks, so that a whole release is some three minutes of simulated time. */
export const SPEC: DeploymentSpec = {
  model: NAME,
  version: '1',
  replicas: 4,
  runtime: { preset: 'mlserver', template: { spec: { containers: [{ name: 'model', image: 'mlserver:1.7.1' }] } } },
  traffic: { gateway: { parentRefs: [{ name: 'public' }], hostnames: ['fraud.example.com'] }, drain: '30s' },
  rollout: {
    steps: [
      { weight: 5, hold: '50s' },
      { weight: 25, hold: '20s' },
      { weight: 50, hold: '20s' },
    ],
    unavailableGrace: '30s',
    progressDeadline: '5m',
    evidenceDeadline: '10m',
  },
  analysis: {
    interval: '5s',
    minRequests: 100,
    checks: [
      { name: 'errors', errorRate: { relativeMargin: '50%', absoluteFloor: '1%' } },
      { name: 'latency', latency: { slowerThan: '50ms', relativeMargin: '20%', absoluteFloor: '5%' } },
    ],
  },
};

export function deploymentObject(spec: Partial<DeploymentSpec> = {}): ModelDeployment {
  return {
    apiVersion: API_VERSION,
    kind: 'ModelDeployment',
    metadata: { name: NAME, namespace: NAMESPACE },
    spec: { ...SPEC, ...spec },
  };
}

export function checkSetObject(name: string, checks: CheckSet['spec']['checks']): CheckSet {
  return { apiVersion: API_VERSION, kind: 'CheckSet', metadata: { name, namespace: NAMESPACE }, spec: { checks } };
}

/** A version as the operator leaves it once its bytes are pinned, `state` for one that is not; `remade` often made anew with other bytes. */
export function versionObject(version: string, state: 'Ready' | 'Resolving' | 'Refused' = 'Ready', remade = 0): ModelVersion {
  const time = '2026-01-01T00:00:00Z';
  const condition = (type: string, status: 'True' | 'False', reason: string, message: string) =>
    ({ type, status, reason, message, observedGeneration: 1, lastTransitionTime: time }) as const;
  const conditions = {
    Ready: [condition('Ready', 'True', 'Ready', 'the version can be served')],
    Resolving: [
      condition('Ready', 'False', 'Resolving', 'a Job downloads the files'),
      condition('Reconciling', 'True', 'Resolving', 'a Job downloads the files'),
    ],
    Refused: [
      condition('Ready', 'False', 'NotFound', 'the source has nothing there'),
      condition('Stalled', 'True', 'NotFound', 'the source has nothing there'),
    ],
  };
  return {
    apiVersion: API_VERSION,
    kind: 'ModelVersion',
    metadata: { name: `${NAME}-${version}`, namespace: NAMESPACE },
    spec: {
      model: NAME,
      version,
      format: { name: 'sklearn' },
      source: { http: { url: `https://models.example.com/fraud/${version}.tar.gz` } },
    },
    status: {
      schema: 1,
      observedGeneration: 1,
      ...(state === 'Ready'
        ? { resolved: { digest: digestOf(version, remade), files: 2, bytes: 1000, uri: 'https://models.example.com/', resolvedAt: time } }
        : {}),
      conditions: conditions[state],
    },
  };
}

export function digestOf(version: string, remade = 0): string {
  return `sha256:${shortHash(remade === 0 ? { version } : { version, remade }, 64)}`;
}
