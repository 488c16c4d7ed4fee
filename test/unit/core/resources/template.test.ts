import { describe, expect, test } from '@jest/globals';
import type { JsonObject } from '../../../../src/core/resources/overlay.ts';
import { storageOf } from '../../../../src/core/resources/claims.ts';
import { renderTemplate, type TemplateInputs } from '../../../../src/core/resources/template.ts';

const INPUTS: TemplateInputs = {
  model: 'fraud',
  version: '1.4.0',
  digest: `sha256:${'0'.repeat(64)}`,
  format: { name: 'sklearn' },
  source: { http: { url: 'https://models.example.com/fraud.tar.gz' } },
  preset: 'mlserver',
  template: { spec: { containers: [{ name: 'model', image: 'mlserver:1.7.1' }] } },
  drain: '30s',
};

function render(change: Partial<TemplateInputs> = {}): JsonObject {
  const rendering = renderTemplate({ ...INPUTS, ...change }, 'plimsoll:1', 'IfNotPresent');
  if (!rendering.ok) throw new Error(rendering.message);
  return rendering.template;
}

function refusal(template: JsonObject): string | undefined {
  const rendering = renderTemplate({ ...INPUTS, template }, 'plimsoll:1', 'IfNotPresent');
  return rendering.ok ? undefined : rendering.message;
}

interface Mount {
  readonly name: string;
  readonly mountPath: string;
}

interface Container {
  readonly name: string;
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly volumeMounts: readonly Mount[];
  readonly resources?: object;
  readonly readinessProbe: { readonly httpGet: { readonly path: string } };
  readonly lifecycle: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
}

interface PodSpec {
  readonly containers: readonly [Container, ...Container[]];
  readonly initContainers: readonly [Container, ...Container[]];
  readonly volumes: readonly { readonly name: string }[];
  readonly terminationGracePeriodSeconds: number;
}

function specOf(template: JsonObject): PodSpec {
  return template['spec'] as unknown as PodSpec;
}

function withModel(container: JsonObject, more: JsonObject = {}): JsonObject {
  return { spec: { containers: [{ name: 'model', image: 'mlserver:1.7.1', ...container }], ...more } };
}

describe('the pods of a revision', () => {
  test('fetch what the pointer of the version was resolved to', () => {
    const job = specOf(render({ pins: { version: '3' } })).initContainers[0].env.find(({ name }) => name === 'PLIMSOLL_JOB');
    expect(JSON.parse(job?.value ?? '')).toMatchObject({ source: INPUTS.source, pins: { version: '3' } });
    expect(render({ pins: undefined })).toEqual(render());
  });

  test('are these, for a small template', () => {
    expect(render()).toMatchSnapshot();
  });

  test('fetch and verify the model before the server starts, and no container may write it', () => {
    const spec = specOf(render(withModelTemplate()));
    expect(spec.initContainers[0].name).toBe('plimsoll-fetch');
    expect(JSON.parse(spec.initContainers[0].env[0]!.value)).toMatchObject({
      digest: INPUTS.digest,
      source: INPUTS.source,
      model: 'fraud',
      to: '/mnt/models',
      preset: 'mlserver',
    });
    for (const container of spec.containers) {
      expect(container.volumeMounts.find(({ mountPath }) => mountPath === '/mnt/models')).toEqual({
        name: 'plimsoll-model',
        mountPath: '/mnt/models',
        readOnly: true,
      });
    }
  });

  test('mount the Secret of the source into the fetch container and nowhere else', () => {
    const spec = specOf(render({ secretName: 'model-store' }));
    expect(spec.volumes).toContainEqual({ name: 'plimsoll-access', secret: { secretName: 'model-store' } });
    expect(spec.initContainers[0].volumeMounts).toContainEqual({
      name: 'plimsoll-access',
      mountPath: '/var/run/plimsoll/access',
      readOnly: true,
    });
    expect(JSON.stringify(spec.containers)).not.toContain('plimsoll-access');
  });

  test.each<[TemplateInputs['source']]>([
    [{ pvc: { claim: 'models', path: 'fraud' } }],
    [{ tfx: { claim: 'models', base: 'fraud' } }],
  ])('mount the claim of the source %j read-only into the fetch container and nowhere else', (source) => {
    const spec = specOf(render({ source }));
    expect(spec.volumes).toContainEqual({ name: 'plimsoll-source', persistentVolumeClaim: { claimName: 'models', readOnly: true } });
    const [fetch] = spec.initContainers;
    expect(fetch.volumeMounts).toContainEqual({ name: 'plimsoll-source', mountPath: '/var/run/plimsoll/source', readOnly: true });
    expect(JSON.parse(fetch.env[0]!.value)).toMatchObject({
      source,
      sourceDir: '/var/run/plimsoll/source',
    });
    expect(JSON.stringify(spec.containers)).not.toContain('plimsoll-source');
    expect(refusal(withModel({}, { volumes: [{ name: 'plimsoll-source', emptyDir: {} }] }))).toContain('plimsoll-source');
  });

  test('mount the claim with our own copy read-only into the fetch container, and only one volume for one claim', () => {
    const rendered = (source: TemplateInputs['source']): PodSpec => {
      const rendering = renderTemplate({ ...INPUTS, source }, 'plimsoll:1', 'IfNotPresent', 'copies');
      if (!rendering.ok) throw new Error(rendering.message);
      expect(storageOf(rendering.template)).toBe('copies');
      return specOf(rendering.template);
    };
    const claims = (spec: PodSpec): readonly string[] => spec.volumes.map(({ name }) => name).filter((name) => !/model|tmp/.test(name));
    const [apart, other, same] = [INPUTS.source, { pvc: { claim: 'models' } }, { pvc: { claim: 'copies' } }].map(rendered);
    expect([claims(apart!), claims(other!), claims(same!)]).toEqual([
      ['plimsoll-storage'],
      ['plimsoll-source', 'plimsoll-storage'],
      ['plimsoll-source'],
    ]);
    const readOnly = { mountPath: '/var/run/plimsoll/storage', readOnly: true };
    expect(apart!.initContainers[0].volumeMounts).toContainEqual({ name: 'plimsoll-storage', ...readOnly });
    expect(same!.initContainers[0].volumeMounts).toContainEqual({ name: 'plimsoll-source', ...readOnly });
    expect(apart!.volumes).toContainEqual({ name: 'plimsoll-storage', persistentVolumeClaim: { claimName: 'copies', readOnly: true } });
    expect(JSON.stringify(apart!.containers)).not.toContain('plimsoll-storage');
    expect(storageOf(render())).toBeUndefined();
  });

  test.each([
    ['30s', 15, 45],
    ['5s', 5, 10],
    ['0s', 2, 2],
    ['10m', 15, 615],
    ['1500ms', 2, 4],
  ])('with drain %s sleep %i s when told to end, and have %i s in all', (drain, sleep, grace) => {
    const spec = specOf(render({ drain }));
    expect(spec.containers[0].lifecycle.preStop.sleep.seconds).toBe(sleep);
    expect(spec.terminationGracePeriodSeconds).toBe(grace);
  });
});

describe("the user's template", () => {
  test('changes single values, adds variables and keeps what it does not name', () => {
    const spec = specOf(
      render({
        template: withModel({
          env: [
            { name: 'MLSERVER_PARALLEL_WORKERS', value: '1' },
            { name: 'MLSERVER_GRPC_PORT', value: '9000' },
          ],
          resources: { limits: { memory: '1Gi' } },
        }),
      }),
    );
    const { env } = spec.containers[0];
    expect(env.find(({ name }) => name === 'MLSERVER_GRPC_PORT')?.value).toBe('9000');
    expect(env.map(({ name }) => name)).toEqual(expect.arrayContaining(['MLSERVER_HTTP_PORT', 'MLSERVER_PARALLEL_WORKERS']));
    expect(spec.containers[0].resources).toEqual({ limits: { memory: '1Gi' } });
    expect(spec.containers[0].readinessProbe.httpGet.path).toBe('/v2/models/fraud/ready');
  });

  test('removes a member by null', () => {
    expect(specOf(render({ template: withModel({ readinessProbe: null }) })).containers[0]).not.toHaveProperty('readinessProbe');
  });

  test('adds containers, volumes and annotations beside ours', () => {
    const template = { metadata: { annotations: { team: 'risk' } }, ...withModel({}, { volumes: [{ name: 'cache', emptyDir: {} }] }) };
    const rendered = render({ template });
    expect(rendered['metadata']).toMatchObject({ annotations: { team: 'risk', 'prometheus.io/scrape': 'true' } });
    expect(specOf(rendered).volumes.map(({ name }) => name)).toEqual(['cache', 'plimsoll-model', 'plimsoll-tmp']);
  });

  test('keeps a /tmp of its own', () => {
    const spec = specOf(
      render({
        template: withModel({ volumeMounts: [{ name: 'scratch', mountPath: '/tmp' }] }, { volumes: [{ name: 'scratch', emptyDir: {} }] }),
      }),
    );
    expect(spec.containers[0].volumeMounts.filter(({ mountPath }) => mountPath === '/tmp')).toHaveLength(1);
  });

  test.each([
    ['has no container of the model', {}, 'needs an item {name: model, image: ...}'],
    ['has no image', { spec: { containers: [{ name: 'model' }] } }, 'needs an item {name: model, image: ...}'],
    [
      'uses a name of ours for a volume',
      withModel({}, { volumes: [{ name: 'plimsoll-model', emptyDir: {} }] }),
      'uses the name plimsoll-model',
    ],
    [
      'uses a name of ours for an init container',
      withModel({}, { initContainers: [{ name: 'plimsoll-fetch', image: 'x' }] }),
      'uses the name plimsoll-fetch',
    ],
    [
      'mounts over the model',
      withModel({ volumeMounts: [{ name: 'x', mountPath: '/mnt/models/model' }] }),
      'mounts something at /mnt/models',
    ],
    [
      'mounts over the model in an init container',
      withModel({}, { initContainers: [{ name: 'patch', image: 'x', volumeMounts: [{ name: 'x', mountPath: '/mnt/models' }] }] }),
      'mounts something at /mnt/models',
    ],
    [
      'mounts over the model by a crooked path',
      withModel({ volumeMounts: [{ name: 'x', mountPath: '/mnt//other/../models/' }] }),
      'mounts something at /mnt/models',
    ],
    ['mounts our volume elsewhere', withModel({ volumeMounts: [{ name: 'plimsoll-model', mountPath: '/data' }] }), 'plimsoll-model'],
    [
      'mounts our volume in an init container',
      withModel({}, { initContainers: [{ name: 'patch', image: 'x', volumeMounts: [{ name: 'plimsoll-model', mountPath: '/data' }] }] }),
      'plimsoll-model',
    ],
  ] as const)('that %s is refused with a sentence', (_, template, sentence) => {
    expect(refusal(template)).toContain(sentence);
  });

  test('may mount beside the model, at a path that only begins alike', () => {
    expect(refusal(withModel({ volumeMounts: [{ name: 'x', mountPath: '/mnt/models-cache' }] }))).toBeUndefined();
  });
});

describe('a server of its own', () => {
  const PROBED = { name: 'model', image: 'own:1', readinessProbe: { httpGet: { path: '/health', port: 8000 } } };
  const own = (container: JsonObject = PROBED, more: JsonObject = {}): Partial<TemplateInputs> => ({
    preset: 'custom',
    custom: { port: 8000, modelPath: '/models/fraud/1', probe: { path: '/predict' } },
    template: { spec: { containers: [container], ...more } },
  });
  const said = (inputs: Partial<TemplateInputs>): string | undefined => {
    const rendering = renderTemplate({ ...INPUTS, ...inputs }, 'plimsoll:1', 'IfNotPresent');
    return rendering.ok ? undefined : rendering.message;
  };

  test('has the container of the template and nothing of a preset, in pods that are as secure', () => {
    const { metadata, spec } = render(own({ ...PROBED, args: ['--port=8000'], env: [{ name: 'A', value: '1' }] })) as {
      readonly metadata: JsonObject;
      readonly spec: JsonObject & PodSpec;
    };
    expect(metadata).toEqual({ annotations: {} });
    expect(spec).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true } });
    expect(spec.containers).toEqual([
      {
        ...PROBED,
        args: ['--port=8000'],
        env: [{ name: 'A', value: '1' }],
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        volumeMounts: [
          { name: 'plimsoll-model', mountPath: '/models/fraud/1', subPath: 'model', readOnly: true },
          { name: 'plimsoll-tmp', mountPath: '/tmp' },
        ],
        lifecycle: { preStop: { sleep: { seconds: 15 } } },
      },
    ]);
  });

  test('gets the files of the version alone, and the fetch container writes no settings beside them', () => {
    const [fetch] = specOf(render(own())).initContainers;
    expect(JSON.parse(fetch.env[0]!.value)).toMatchObject({ preset: 'custom', to: '/mnt/models' });
  });

  test('finds them at /mnt/models unless it wants them elsewhere', () => {
    const [container] = specOf(render({ ...own(), custom: { port: 8000, probe: { path: '/' } } })).containers;
    expect(container.volumeMounts).toContainEqual({ name: 'plimsoll-model', mountPath: '/mnt/models', subPath: 'model', readOnly: true });
  });

  test.each([
    ['MLServer', '8082', '/metrics'],
    ['Triton', '8002', '/metrics'],
    ['TensorFlowServing', '8000', '/monitoring/prometheus/metrics'],
    ['VLLM', '8000', '/metrics'],
    ['KServe', '8000', '/metrics'],
  ] as const)('is scraped where %s shows its metrics, unless the template says otherwise', (metrics, port, path) => {
    const custom = { port: 8000, probe: { path: '/' }, metrics };
    const annotationsOf = (inputs: Partial<TemplateInputs>): unknown => (render(inputs)['metadata'] as JsonObject)['annotations'];
    expect(annotationsOf({ ...own(), custom })).toEqual({
      'prometheus.io/scrape': 'true',
      'prometheus.io/port': port,
      'prometheus.io/path': path,
    });
    const template = { metadata: { annotations: { 'prometheus.io/port': '1' } }, spec: { containers: [PROBED] } };
    expect(annotationsOf({ ...own(), custom, template })).toMatchObject({ 'prometheus.io/port': '1', 'prometheus.io/path': path });
  });

  test.each([
    [{ name: 'model', image: 'own:1' }, 'needs a readinessProbe in container model'],
    [{ ...PROBED, readinessProbe: null }, 'for example {httpGet: {path: /health, port: 8000}}'],
    [{ ...PROBED, image: '' }, 'needs an item {name: model, image: ...}'],
    [{ ...PROBED, volumeMounts: [{ name: 'x', mountPath: '/models/fraud/1/extra' }] }, 'mounts something at /models/fraud/1'],
  ])('with %j is refused', (container, sentence) => {
    expect(said(own(container))).toContain(sentence);
  });

  test('may mount around its model', () => {
    expect(said(own({ ...PROBED, volumeMounts: [{ name: 'x', mountPath: '/models/fraud' }] }))).toBeUndefined();
    expect(said(own({ ...PROBED, volumeMounts: [{ name: 'x', mountPath: '/mnt/models' }] }))).toBeUndefined();
  });
});

function withModelTemplate(): Partial<TemplateInputs> {
  return {
    template: {
      spec: {
        containers: [
          { name: 'model', image: 'mlserver:1.7.1' },
          { name: 'sidecar', image: 'x' },
        ],
      },
    },
  };
}
