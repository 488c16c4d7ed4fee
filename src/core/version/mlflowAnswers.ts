// The answers of MLflow's REST API (3.17, mlflow/protos) and its MLmodel file. A server is as hostile as any other source: what does not
// have the shape that is needed is undefined here, and a failure for whoever asked.

import type { Dataset, Metadata } from './metadata.ts';
import { LOGGED_MODEL, RUN, VERSION } from './mlflow.ts';
import { isServingTag } from './tags.ts';

/** An error as MLflow answers it. */
export interface MlflowError {
  readonly code: string;
  readonly message: string;
}

/** Whether all files of something are there. */
export type State = 'ready' | 'pending' | 'failed';

export interface RegisteredVersion {
  readonly version: string;
  readonly state: State;
  readonly run: string | undefined;
  readonly tags: Texts;
}

export interface LoggedModel {
  readonly id: string;
  readonly name: string;
  readonly artifacts: string;
  readonly state: State;
  readonly run: string | undefined;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly tags: Texts;
  readonly parameters: Texts;
  readonly metrics: Texts;
}

export interface Run {
  readonly id: string;
  readonly artifacts: string;
  readonly isDeleted: boolean;
  readonly experiment: string | undefined;
  readonly user: string | undefined;
  readonly tags: Texts;
  readonly parameters: Texts;
  readonly metrics: Texts;
  readonly data: readonly Dataset[];
  /** Ids of the LoggedModels that it made. */
  readonly models: readonly string[];
}

/** An entry of a folder of artifacts; `name` is one segment of a path. */
export interface Artifact {
  readonly name: string;
  readonly isFolder: boolean;
  /** What the server says; undefined for folders, and where it does not know. */
  readonly bytes: number | undefined;
}

/** What an MLmodel file says that is kept. */
export interface ModelFile {
  readonly flavors: Texts;
  readonly signature: string | undefined;
  readonly run: string | undefined;
}

type Texts = Readonly<Record<string, string>>;
type Fields = Readonly<Record<string, unknown>>;

export function readError(document: unknown): MlflowError | undefined {
  const { error_code: code, message } = fieldsOf(document);
  return typeof code === 'string' ? { code, message: textOf(message) ?? '' } : undefined;
}

/** `model_version` of model-versions/get and registered-models/alias. */
export function readVersion(document: unknown): RegisteredVersion | undefined {
  const fields = fieldsOf(fieldsOf(document)['model_version']);
  const version = textOf(fields['version']);
  if (version === undefined || !VERSION.test(version)) return undefined;
  return {
    version,
    state: stateOf(fields['status']),
    run: matching(RUN, fields['run_id']),
    tags: pairsOf(fields['tags']),
  };
}

/** `artifact_uri` of model-versions/get-download-uri. */
export function readArtifactUri(document: unknown): string | undefined {
  return textOf(fieldsOf(document)['artifact_uri']);
}

/** `model` of logged-models/<id>. */
export function readLoggedModel(document: unknown): LoggedModel | undefined {
  const model = fieldsOf(fieldsOf(document)['model']);
  const [info, data] = [fieldsOf(model['info']), fieldsOf(model['data'])];
  const [id, artifacts] = [matching(LOGGED_MODEL, info['model_id']), textOf(info['artifact_uri'])];
  if (id === undefined || artifacts === undefined) return undefined;
  return {
    id,
    artifacts,
    name: textOf(info['name']) ?? '',
    state: stateOf(info['status']),
    run: matching(RUN, info['source_run_id']),
    createdAt: numberOf(info['creation_timestamp_ms']) ?? 0,
    tags: pairsOf(info['tags']),
    parameters: pairsOf(data['params']),
    metrics: pairsOf(data['metrics']),
  };
}

/** `run` of runs/get. */
export function readRun(document: unknown): Run | undefined {
  const run = fieldsOf(fieldsOf(document)['run']);
  const [info, data, inputs, outputs] = ['info', 'data', 'inputs', 'outputs'].map((part) => fieldsOf(run[part])) as [
    Fields,
    Fields,
    Fields,
    Fields,
  ];
  const [id, artifacts] = [matching(RUN, info['run_id'] ?? info['run_uuid']), textOf(info['artifact_uri'])];
  if (id === undefined || artifacts === undefined) return undefined;
  return {
    id,
    artifacts,
    isDeleted: info['lifecycle_stage'] === 'deleted',
    experiment: matching(RUN, info['experiment_id']),
    user: textOf(info['user_id']),
    tags: pairsOf(data['tags']),
    parameters: pairsOf(data['params']),
    metrics: pairsOf(data['metrics']),
    data: listOf(inputs['dataset_inputs']).flatMap((input) => readDataset(fieldsOf(fieldsOf(input)['dataset'])) ?? []),
    models: listOf(outputs['model_outputs']).flatMap((output) => matching(LOGGED_MODEL, fieldsOf(output)['model_id']) ?? []),
  };
}

/** `experiment.name` of experiments/get. */
export function readExperimentName(document: unknown): string | undefined {
  return textOf(fieldsOf(fieldsOf(document)['experiment'])['name']);
}

/** `files` of mlflow-artifacts/artifacts: nothing for a folder that is empty or not there, and for a file. */
export function readArtifacts(document: unknown): readonly Artifact[] | undefined {
  const { files = [] } = fieldsOf(document);
  if (!Array.isArray(files)) return undefined;
  const artifacts = files.map((file): Artifact | undefined => {
    const { path, is_dir: isFolder, file_size: size } = fieldsOf(file);
    const name = textOf(path);
    return name === undefined ? undefined : { name, isFolder: isFolder === true, bytes: numberOf(size) };
  });
  return artifacts.every((artifact) => artifact !== undefined) ? artifacts : undefined;
}

/** What the document of an MLmodel file says. */
export function readModelFile(document: unknown): ModelFile {
  const fields = fieldsOf(document);
  const flavors = Object.entries(fieldsOf(fields['flavors'])).map(([name, flavor]) => [name, flavorVersion(fieldsOf(flavor))] as const);
  const signature = Object.entries(fieldsOf(fields['signature'])).filter(([, side]) => side !== null);
  return {
    flavors: Object.fromEntries(flavors),
    signature:
      signature.length === 0 ? undefined : JSON.stringify(Object.fromEntries(signature.map(([name, side]) => [name, unpacked(side)]))),
    run: matching(RUN, fields['run_id']),
  };
}

/** sklearn_version, xgb_version, python_version: whatever a flavor calls it. */
function flavorVersion(flavor: Fields): string {
  const [, version] = Object.entries(flavor).find(([name]) => name.endsWith('_version')) ?? [];
  return textOf(version) ?? (typeof version === 'number' ? String(version) : 'unstated');
}

/** A side of a signature is JSON in a text. */
function unpacked(side: unknown): unknown {
  try {
    return typeof side === 'string' ? (JSON.parse(side) as unknown) : side;
  } catch {
    return side;
  }
}

function readDataset({ name, digest, source }: Fields): Dataset | undefined {
  const named = textOf(name);
  if (named === undefined) return undefined;
  const place = unpacked(source);
  // By the kind of source: http, files and buckets, Hugging Face and Delta, tables.
  const { url, uri, path, delta_table_name: table } = fieldsOf(place);
  const where = [url, uri, path, table].map(textOf).find((text) => text !== undefined);
  const checked = textOf(digest);
  return {
    name: named,
    ...(where === undefined ? {} : { uri: withoutSecrets(where) }),
    ...(checked === undefined ? {} : { digest: checked }),
  };
}

/** An address without user name, password and query, any of which can be a key: pipelines clone with a token in the URL. */
function withoutSecrets(text: string): string {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? URL.parse(text) : null;
  if (url === null || (url.username === '' && url.password === '' && url.search === '')) return text;
  [url.username, url.password, url.search] = ['', '', ''];
  return url.href;
}

/** All that was found out about a version. */
export interface Findings {
  readonly version?: RegisteredVersion | undefined;
  readonly logged?: LoggedModel | undefined;
  readonly run?: Run | undefined;
  /** Name of the run's experiment. */
  readonly experiment?: string | undefined;
  readonly file?: ModelFile | undefined;
}

/** What is kept of the findings. Tags are those of the version, or of what takes its place, without MLflow's own and those of writeTags. */
export function metadataOf({ version, logged, run, experiment, file }: Findings): Metadata {
  const context = { ...logged?.tags, ...run?.tags };
  const all = Object.entries((version ?? logged ?? run)?.tags ?? {});
  const tags = all.filter(([name, value]) => !name.startsWith('mlflow.') && !isServingTag(value));
  const repository = context['mlflow.source.git.repoURL'];
  const made = run ?? logged;
  return {
    code: given({
      repository: repository === undefined ? undefined : withoutSecrets(repository),
      commit: context['mlflow.source.git.commit'],
    }),
    data: run?.data ?? [],
    training: given({
      pipeline: experiment,
      run: run?.id ?? version?.run ?? logged?.run,
      user: context['mlflow.user'] ?? run?.user,
      parameters: made?.parameters,
    }),
    metrics: made?.metrics ?? {},
    tags: Object.fromEntries(tags),
    model: given({ flavors: file?.flavors, signature: file?.signature }),
  };
}

/** Without what is undefined. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** PENDING_REGISTRATION, LOGGED_MODEL_UPLOAD_FAILED and the like. A server that says nothing has nothing to wait for. */
function stateOf(status: unknown): State {
  const text = textOf(status) ?? '';
  return text.includes('PENDING') ? 'pending' : text.includes('FAILED') ? 'failed' : 'ready';
}

/** [{key, value}] as a map. Numbers, with NaN and Infinity among them, are texts here. */
function pairsOf(value: unknown): Texts {
  return Object.fromEntries(
    listOf(value).flatMap((item) => {
      const { key, value: held } = fieldsOf(item);
      const text = typeof held === 'number' ? String(held) : held;
      return typeof key === 'string' && typeof text === 'string' ? [[key, text]] : [];
    }),
  );
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

/** A text that is not empty. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A whole number, which JSON made from protobuf may hold as a text. */
function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return Number.isSafeInteger(number) && (number as number) >= 0 ? (number as number) : undefined;
}

function matching(pattern: RegExp, value: unknown): string | undefined {
  return typeof value === 'string' && pattern.test(value) ? value : undefined;
}
