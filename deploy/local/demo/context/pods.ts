// Two pods of the demo inside the cluster: the server of the models, and the users. Both run Node of the operator's image, with their
// programs in a ConfigMap.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadOptions } from '../../load/generator.ts';
import { NAMESPACE } from '../manifests.ts';
import type { Image } from './installation.ts';

export const MODELS_POD = 'models';
export const USERS_POD = 'users';
export const NODE = '/usr/local/bin/node';
/** Where the programs are, and the models. */
export const PROGRAMS = '/demo';
export const MODELS = '/models';

const PORT = 8080;
const LOCAL = join(import.meta.dirname, '../..');

/** Address of a path of the models' server, for pods. */
export function modelUrl(path: string): string {
  return `http://${MODELS_POD}.${NAMESPACE}${path}`;
}

/** The server of the models, with a Service. */
export function modelsManifest(image: Image): readonly unknown[] {
  const labels = { 'app.kubernetes.io/name': `demo-${MODELS_POD}` };
  const serving: Serving = {
    restartPolicy: 'Always',
    container: { ports: [{ name: 'http', containerPort: PORT }], readinessProbe: { tcpSocket: { port: 'http' }, periodSeconds: 1 } },
    volume: { mountPath: MODELS, emptyDir: { sizeLimit: '256Mi' } },
  };
  return [
    programs(MODELS_POD, ['models/pod.ts']),
    podOf(MODELS_POD, image, [join(PROGRAMS, 'pod.ts'), 'serve', MODELS, String(PORT)], serving),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: MODELS_POD, namespace: NAMESPACE },
      spec: { selector: labels, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
    },
  ];
}

/** The users: `options` says what they send and where to. */
export function usersManifest(
  image: Image,
  options: Omit<LoadOptions, 'rows' | 'onRecord'>,
  rows: LoadOptions['rows'],
): readonly unknown[] {
  const files = ['load/pod.ts', 'load/generator.ts', 'load/introduction.ts', 'load/figures.ts'];
  const more = { 'settings.json': JSON.stringify(options), 'rows.json': JSON.stringify(rows) };
  const args = ['pod.ts', 'settings.json', 'rows.json'].map((name) => join(PROGRAMS, name));
  return [programs(USERS_POD, files, more), podOf(USERS_POD, image, args, { restartPolicy: 'Never', container: {}, volume: undefined })];
}

function programs(name: string, files: readonly string[], more: Readonly<Record<string, string>> = {}): unknown {
  const texts = files.map((file): [string, string] => [file.slice(file.lastIndexOf('/') + 1), readFileSync(join(LOCAL, file), 'utf8')]);
  // Without it Node warns on each start that it had to find out.
  const data = { ...Object.fromEntries(texts), ...more, 'package.json': '{"type": "module"}' };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: NAMESPACE }, data };
}

/** In what the two pods differ. */
interface Serving {
  readonly restartPolicy: 'Always' | 'Never';
  readonly container: object;
  readonly volume: { readonly mountPath: string; readonly emptyDir: object } | undefined;
}

function podOf(name: string, image: Image, args: readonly string[], { restartPolicy, container, volume }: Serving): unknown {
  const { reference, pullPolicy } = image;
  const mounts = volume === undefined ? [] : [{ name: 'files', mountPath: volume.mountPath }];
  const volumes = volume === undefined ? [] : [{ name: 'files', emptyDir: volume.emptyDir }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE, labels: { 'app.kubernetes.io/name': `demo-${name}` } },
    spec: {
      restartPolicy,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 2,
      securityContext: { runAsNonRoot: true, runAsUser: 65532, fsGroup: 65532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name,
          image: reference,
          imagePullPolicy: pullPolicy,
          command: [NODE, ...args],
          resources: { requests: { cpu: '20m', memory: '64Mi' }, limits: { memory: '256Mi' } },
          securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
          volumeMounts: [{ name: 'programs', mountPath: PROGRAMS }, ...mounts],
          ...container,
        },
      ],
      volumes: [{ name: 'programs', configMap: { name } }, ...volumes],
    },
  };
}
