import { describe, expect, test } from '@jest/globals';
import type { ModelVersion } from '../../../../src/api/generated/modelversion.ts';
import { LABEL } from '../../../../src/api/names.ts';
import { inspectionOf, inspectJob } from '../../../../src/core/resources/inspection.ts';
import type { JsonObject } from '../../../../src/core/resources/overlay.ts';
import { deploymentObject, NAME, NAMESPACE, versionObject } from '../../../support/world/objects.ts';

const OWNER = { kind: 'ModelDeployment', name: NAME, namespace: NAMESPACE, uid: 'uid-1' } as const;
const VERSION = version({ packages: [{ name: 'numpy', specifier: '==2', from: 'requirements.txt' }] });

type Dependencies = NonNullable<NonNullable<NonNullable<ModelVersion['status']>['metadata']>['dependencies']>;

function version(dependencies: Dependencies): ModelVersion {
  const made = versionObject('1');
  return { ...made, status: { ...made.status, metadata: { dependencies } } };
}

function inspection(container: JsonObject = {}, pod: JsonObject = {}, of = VERSION) {
  const template = {
    spec: {
      ...pod,
      containers: [
        { name: 'proxy', image: 'p' },
        { name: 'model', image: 'mlserver:1.7.1', ...container },
      ],
    },
  };
  return inspectionOf(deploymentObject({ runtime: { preset: 'mlserver', template } }), of);
}

/** The pod of the Job, and its container. */
function podOf(...given: Parameters<typeof inspection>) {
  const job = inspectJob(OWNER, inspection(...given)!, 2);
  const { template } = job['spec'] as {
    readonly template: { readonly metadata: { readonly labels: JsonObject }; readonly spec: JsonObject };
  };
  const [container] = template.spec['containers'] as readonly JsonObject[];
  return { job, labels: template.metadata.labels, pod: template.spec, container: container! };
}

describe('the Job that asks an image what it has', () => {
  test('runs it as Pod Security restricted wants it, without model, claim, Secret and account', () => {
    const { pod, container } = podOf(
      { volumeMounts: [{ name: 'x', mountPath: '/x' }], envFrom: [{ secretRef: { name: 'x' } }] },
      { volumes: [{ name: 'x' }] },
    );
    expect(pod).toMatchObject({
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(container).toMatchObject({
      image: 'mlserver:1.7.1',
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      terminationMessagePath: '/dev/termination-log',
    });
    expect([pod['volumes'], pod['initContainers'], container['volumeMounts'], container['envFrom']]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(pod['containers']).toHaveLength(1);
  });

  test('has no label by which the Service, the budget or the Deployment could take its pod for a server', () => {
    const { labels, job } = podOf();
    expect(labels).toEqual({ [LABEL.managedBy]: 'plimsoll' });
    expect(job.metadata).toMatchObject({ labels: { [LABEL.deployment]: NAME }, annotations: { 'plimsoll.dev/attempt': '2' } });
    expect(job.metadata.name).toMatch(/^plimsoll-inspect-[0-9a-f]{10}-2$/);
  });

  test('runs where a server could, by the same account and pull secrets, and best beside one', () => {
    const user = {
      nodeSelector: { gpu: 'no' },
      tolerations: [{ key: 'a' }],
      serviceAccountName: 'risk',
      imagePullSecrets: [{ name: 'registry' }],
      securityContext: { runAsUser: 1000 },
      affinity: { nodeAffinity: { x: 1 }, podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1 }] } },
    };
    const { affinity, ...others } = user;
    const { pod, container } = podOf({ imagePullPolicy: 'Never', securityContext: { runAsUser: 7 } }, user);
    expect(pod).toMatchObject(others);
    expect(pod['affinity']).toMatchObject({ nodeAffinity: affinity.nodeAffinity });
    expect(
      (pod['affinity'] as { podAffinity: Record<string, readonly object[]> }).podAffinity[
        'preferredDuringSchedulingIgnoredDuringExecution'
      ],
    ).toEqual([
      { weight: 1 },
      {
        weight: 100,
        podAffinityTerm: { labelSelector: { matchLabels: { [LABEL.deployment]: NAME } }, topologyKey: 'kubernetes.io/hostname' },
      },
    ]);
    expect(container).toMatchObject({ imagePullPolicy: 'Never', securityContext: { runAsUser: 7, readOnlyRootFilesystem: true } });
  });

  test.each([
    [undefined, 'python3'],
    [['/opt/venv/bin/python3.11', 'serve.py'], '/opt/venv/bin/python3.11'],
    [['python', '-m', 'serve'], 'python'],
    [['/usr/local/bin/uvicorn'], 'python3'],
    [['sh', '-c', 'python serve.py'], 'python3'],
    [['/bin/python; rm -rf /'], 'python3'],
    ['python', 'python3'],
  ])('asks, where the command is %j, %s', (command, program) => {
    expect((podOf({ command }).container['command'] as readonly string[])[0]).toBe(program);
  });

  test('gets the variables by which a Python finds its packages, and no others', () => {
    const env = [
      { name: 'PATH', value: '/opt/venv/bin' },
      { name: 'PYTHONPATH', valueFrom: { secretKeyRef: { name: 'x', key: 'y' } } },
      { name: 'TOKEN', value: 'hush' },
      { name: 'PLIMSOLL_PACKAGES', value: 'x' },
    ];
    expect(podOf({ env }).container['env']).toEqual([
      { name: 'PATH', value: '/opt/venv/bin' },
      { name: 'PLIMSOLL_PACKAGES', value: '["numpy"]' },
    ]);
  });

  test('is the same for the same question, and another one for another', () => {
    const other = version({ packages: [{ name: 'numpy', specifier: '==1', from: 'conda.yaml' }] });
    expect(inspection({}, {}, other)?.inputs).toBe(inspection()?.inputs);
    const questions = [
      inspection(),
      inspection({ image: 'mlserver:2' }),
      inspection({ command: ['/venv/bin/python'] }),
      inspection({}, { nodeSelector: { arch: 'arm64' } }),
      inspection({}, {}, version({ packages: [{ name: 'pandas', from: 'requirements.txt' }] })),
    ];
    expect(new Set(questions.map((question) => question?.inputs)).size).toBe(questions.length);
  });

  test('is not made where there is nothing to ask', () => {
    expect(inspection({}, {}, versionObject('1'))).toBeUndefined();
    expect(inspection({}, {}, { ...VERSION, spec: { ...VERSION.spec, dependencies: 'Ignore' } })).toBeUndefined();
    expect(inspection({ image: '' })).toBeUndefined();
    expect(inspectionOf(deploymentObject({ runtime: { preset: 'mlserver' } }), VERSION)).toBeUndefined();
    expect(inspectionOf(deploymentObject(), undefined)).toBeUndefined();
  });
});
