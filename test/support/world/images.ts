// Images that are asked what they have: the Jobs that do so, and their pods, as far as an operator sees them.
import { deflateRawSync } from 'node:zlib';
import { RESOURCE, type KubeObject } from '../../../src/api/resources.ts';
import type { StoredObject } from '../apiStore.ts';
import type { WorldApi } from './api.ts';

/** What an image has; else what becomes of the pod that asks. */
export type ImageContents =
  | { readonly python: string; readonly packages: Readonly<Record<string, string>> }
  | 'NoPython'
  | 'OldPython'
  | 'Nonsense'
  | 'CannotBePulled'
  | 'Drained';

/** From the making of a Job to its end. */
const INSPECT_MS = 2000;

interface Run {
  readonly job: string;
  readonly endsMs: number;
  readonly contents: ImageContents;
  readonly asked: readonly string[];
}

export class Images {
  readonly #api: WorldApi;
  readonly #runs = new Map<string, Run>();
  /** By image; of all others there is a Python without packages. */
  readonly contents = new Map<string, ImageContents>();

  constructor(api: WorldApi) {
    this.#api = api;
  }

  /** Jobs and their ends as they are at `now`. */
  act(now: number): void {
    for (const job of this.#api.view(RESOURCE.job)) {
      const uid = job.metadata.uid ?? '';
      const run = this.#runs.get(uid) ?? {
        job: job.metadata.name,
        endsMs: now + INSPECT_MS,
        contents: this.contents.get(containerOf(job).image) ?? { python: '3.11.9', packages: {} },
        asked: JSON.parse(containerOf(job).env.at(-1)!.value) as readonly string[],
      };
      this.#runs.set(uid, run);
      if (now < run.endsMs || run.contents === 'CannotBePulled' || job['status'] !== undefined) continue;
      const type = ended(run)?.exitCode === 0 ? 'Complete' : 'Failed';
      const conditions = [{ type, status: 'True', lastTransitionTime: new Date(now).toISOString() }];
      this.#api.put({ ...job, status: { conditions } });
    }
  }

  nextMs(now: number): number {
    return Math.min(Infinity, ...[...this.#runs.values()].map(({ endsMs }) => endsMs).filter((atMs) => atMs > now));
  }

  /** Pods of a Job, as a LIST would answer; undefined when the selector is about something else. */
  list(selector: string, now: number): readonly KubeObject[] | undefined {
    const job = /^batch\.kubernetes\.io\/job-name=(.*)$/.exec(selector)?.[1];
    if (job === undefined) return undefined;
    return [...this.#runs.values()].filter((run) => run.job === job).map((run) => podOf(run, now));
  }
}

interface Container {
  readonly image: string;
  readonly env: readonly { readonly value: string }[];
}

function containerOf(job: StoredObject): Container {
  const { template } = job['spec'] as { readonly template: { readonly spec: { readonly containers: readonly Container[] } } };
  return template.spec.containers[0]!;
}

function podOf(run: Run, now: number): KubeObject {
  const { job, endsMs, contents } = run;
  const pulling = { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image' } };
  const terminated = ended(run);
  const state = contents === 'CannotBePulled' ? pulling : now < endsMs ? { running: {} } : { terminated };
  // A pod that is gone with its node has nothing to say.
  const containerStatuses = contents === 'Drained' && now >= endsMs ? [] : [{ name: 'inspect', ready: false, state }];
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: `${job}-x` }, status: { phase: 'Running', containerStatuses } };
}

function ended({ contents, asked }: Run): { readonly exitCode: number; readonly reason?: string; readonly message?: string } | undefined {
  if (typeof contents === 'object') {
    const { python, packages } = contents;
    return { exitCode: 0, message: answer({ machine: 'x86_64', python, versions: asked.map((name) => packages[name] ?? null) }) };
  }
  switch (contents) {
    case 'NoPython':
      return { exitCode: 128, reason: 'StartError', message: 'exec: "python3": executable file not found in $PATH' };
    case 'OldPython':
      return { exitCode: 1, reason: 'Error' };
    case 'Nonsense':
      return { exitCode: 0, message: '{"inspected":"?"}' };
    case 'CannotBePulled':
    case 'Drained':
      return undefined;
  }
}

/** As the program in the image writes it. */
function answer(document: object): string {
  return JSON.stringify({ inspected: deflateRawSync(JSON.stringify(document)).toString('base64') });
}
