// Repositories that DVC and GTO themselves have made, and the servers that they and their remotes are on.

import { createReadStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { join, normalize } from 'node:path';

import { run } from '../../deploy/local/images/command.ts';
import { serve, type TestServer } from '../component/sources/fixtures.ts';
import { serveGit } from '../component/sources/git/repositories.ts';
import { startMoto, type Moto } from './moto.ts';
import { pythonVenv } from './python.ts';

/** Folder of the scripts. */
export const SUPPORT = join(import.meta.dirname, 'dvc');

/** What `dvc get` shall get: `[repository, path, number of the commit]`. */
export type Wanted = readonly [repository: string, path: string, commit: number];

/** What repositories.py made. */
export interface Made {
  readonly commits: Readonly<Record<string, readonly string[]>>;
  /** What `dvc get` got, into a folder; `url` is where `dvc get --show-url` says that it is. */
  readonly got: readonly { readonly url: string | null; readonly folder: string }[];
  /** What DVC says of `models/eu:fraud@v1.0.0` and `digits@v0.1.0`. */
  readonly shown: readonly { readonly rev: string; readonly path: string }[];
}

export interface DvcServers {
  readonly made: Made;
  /** Base URL of the Git repositories, as `<git>/fraud/.git`. */
  readonly git: TestServer & { readonly requests: IncomingMessage[] };
  /** The web server of the remotes, what it was asked, and what is answered instead of files. */
  readonly store: TestServer & { readonly requests: IncomingMessage[]; instead: Answer | undefined };
  readonly storeFolder: string;
  readonly moto: Moto;
  readonly stop: () => Promise<void>;
}

/** Answers and returns true, or leaves it to the files. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => boolean;

/** The environment that dvc and gto are in. */
export async function dvcVenv(): Promise<string> {
  return pythonVenv('dvc', await readFile(join(SUPPORT, 'requirements.lock'), 'utf8'));
}

/** Makes everything in a folder, serves it, and lets DVC get what is wanted. */
export async function makeRepositories(folder: string, wanted: readonly Wanted[]): Promise<DvcServers> {
  const venv = await dvcVenv();
  const storeFolder = join(folder, 'store');
  await mkdir(join(folder, 'repositories'), { recursive: true });
  await mkdir(storeFolder);
  const [moto, git, store] = await Promise.all([startMoto(), serveGit(join(folder, 'repositories')), serveFolder(storeFolder)]);
  await moto.bucket('models');
  await moto.bucket('versions', 'versioned');
  const stop = async (): Promise<void> => {
    await Promise.all([moto.stop(), git.close(), store.close()]);
  };
  const script = [join(SUPPORT, 'repositories.py'), folder, store.url, git.url, moto.url, JSON.stringify(wanted)];
  const made = await run(join(venv, 'bin/python'), script).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    made: JSON.parse(made.slice(made.lastIndexOf('\n{') + 1)) as Made,
    git,
    store,
    storeFolder,
    moto,
    stop,
  };
}

/** A web server for the files of a folder, and what it was asked. */
export async function serveFolder(folder: string, address?: string): Promise<DvcServers['store']> {
  const requests: IncomingMessage[] = [];
  const answer: RequestListener = (request, response) => {
    requests.push(request);
    if (store.instead?.(request, response) === true) return;
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://server').pathname));
    const file = createReadStream(join(folder, path));
    file.on('error', () => response.writeHead(404).end());
    file.pipe(response);
  };
  const store: DvcServers['store'] = { ...(await serve(answer, address)), requests, instead: undefined };
  return store;
}
