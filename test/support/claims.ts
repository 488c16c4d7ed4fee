// PersistentVolumeClaims for end-to-end tests: each on a folder of this machine, which is the node that all pods run on.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubectl } from './cluster.ts';
import type { Scenario } from './scenario.ts';

const STORAGE_CLASS = 'by-hand';

/** Folders that stand for volumes, and what is made of them in the cluster. */
export class Volumes {
  readonly #scene: Scenario;
  readonly #volumes: string[] = [];
  readonly #folders: string[] = [];

  constructor(scene: Scenario) {
    this.#scene = scene;
  }

  /** A folder that the pods' users may write. */
  async folder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'plimsoll-volume-'));
    await chmod(folder, 0o777);
    this.#folders.push(folder);
    return folder;
  }

  /** A claim on the folder, bound to a volume made by hand. */
  async claim(name: string, folder: string): Promise<void> {
    const { namespace } = this.#scene;
    const volume = `${namespace}-${name}`;
    this.#volumes.push(volume);
    const spec = { accessModes: ['ReadWriteMany'], storageClassName: STORAGE_CLASS };
    await this.#scene.apply({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: volume },
      spec: {
        ...spec,
        capacity: { storage: '1Gi' },
        persistentVolumeReclaimPolicy: 'Retain',
        claimRef: { namespace, name },
        hostPath: { path: folder, type: 'Directory' },
      },
    });
    await this.#scene.apply({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, namespace },
      spec: { ...spec, volumeName: volume, resources: { requests: { storage: '1Gi' } } },
    });
  }

  /** To be called when the scene is closed: a volume outlives its namespace. */
  async remove(): Promise<void> {
    if (this.#volumes.length > 0) await kubectl(['delete', 'pv', '--ignore-not-found', '--wait=false', ...this.#volumes]);
    await Promise.all(this.#folders.map((folder) => rm(folder, { recursive: true, force: true })));
  }
}
