// Source mlflow: a version in an MLflow registry, a LoggedModel, or a path in a run. The pointer is followed once, to the place of the
// artifacts; from then on they are read from there, whatever becomes of the alias or of the registry's entry.

import { load } from 'js-yaml';

import { finalFailure, passingFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import type { Metadata } from '../core/version/metadata.ts';
import {
  addressOf,
  describePointer,
  parseArtifacts,
  parsePointer,
  readPin,
  writePin,
  type Pointer,
  type PointerFields,
} from '../core/version/mlflow.ts';
import {
  metadataOf,
  readArtifactUri,
  readExperimentName,
  readLoggedModel,
  readModelFile,
  readRun,
  readVersion,
  type LoggedModel,
  type RegisteredVersion,
  type Run,
  type State,
} from '../core/version/mlflowAnswers.ts';
import { arePins, type Pins } from '../core/version/pins.ts';
import { endpointProblem } from '../core/version/s3.ts';
import { quote } from '../core/version/text.ts';
import { NO_ACCESS, readAccess, type Access } from './access.ts';
import { caught, errorOf, valueOf } from './error.ts';
import { optionalTextOf, Problem, textOf, type Fields, type Place } from './fields.ts';
import { ask, askInPassing, needed, passOver, type Server } from './mlflowApi.ts';
import { bucketArtifacts, proxiedArtifacts, type ArtifactStore } from './mlflowArtifacts.ts';
import { describeUrl } from './request.ts';
import type { Pinned, Source } from './source.ts';

/** A source that reads from an MLflow server. */
export function mlflowSource(member: Fields, { accessDir, pins }: Place): Source {
  const server = textOf(member, 'server', 'source.mlflow.server');
  const optional = (name: string): string | undefined => optionalTextOf(member, name, `source.mlflow.${name}`);
  const pointer = { uri: optional('uri'), model: optional('model'), version: optional('version'), alias: optional('alias') };
  const endpoint = optional('s3Endpoint');
  const before = pins === undefined ? undefined : { pins, artifacts: pinnedPlace(pins) };
  return {
    resolve: (context) =>
      caught(async () => {
        const address = valueOf(checkServer(server));
        const access = valueOf(await readAccess(accessDir, ['authorization', 'tls', 'aws']));
        const asked = { address, access, context, s3Endpoint: valueOf(checkEndpoint(endpoint)) };
        if (before === undefined) return followed(asked, pointer);
        return { ...storeAt(asked, before.artifacts), pins: before.pins };
      }),
  };
}

/** The artifact URI that was found before. */
function pinnedPlace(pins: Pins): string {
  const artifacts = readPin(pins['artifacts'] ?? '');
  if (artifacts === undefined || artifacts === '') throw new Problem('pins.artifacts must be the artifact URI that an earlier run found');
  return artifacts;
}

/** The address of a server as spec has it. */
export function checkServer(text: string): Outcome<string> {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.search !== '' || url.hash !== '') {
    return finalFailure('InvalidSource', 'spec.source.mlflow.server must be a URL that begins with http:// or https://, without ? and #.');
  }
  if (url.username === '' && url.password === '') return success(addressOf(url));
  return finalFailure(
    'InvalidSource',
    'spec.source.mlflow.server holds credentials, which everybody can read there. Put them into a Secret, name it in ' +
      `spec.access.secretRef, and write ${describeUrl(url)}.`,
  );
}

function checkEndpoint(text: string | undefined): Outcome<string | undefined> {
  const problem = text === undefined ? undefined : endpointProblem(text);
  return problem === undefined ? success(text) : finalFailure('InvalidSource', `spec.source.mlflow.s3Endpoint ${problem}.`);
}

async function followed(server: Server, fields: PointerFields): Promise<Pinned> {
  const pointer = valueOf(parsePointer(fields));
  const found = await follow(server, pointer);
  const { artifacts, model, version } = found;
  const pins = {
    ...(model === undefined ? {} : { model: writePin(model) }),
    ...(version === undefined ? {} : { version: version.version }),
    artifacts: writePin(artifacts),
  };
  if (!arePins(pins)) throw errorOf(finalFailure('SourceRefused', `The artifact URI ${quote(artifacts)} is too long to be recorded.`));
  server.context.log(`${describePointer(pointer)} is at ${quote(artifacts)}`);
  const store = storeAt(server, artifacts);
  return { ...store, pins, metadata: await gather(server, found, store) };
}

/** The artifacts that a URI of the server leads to. */
function storeAt(server: Server, uri: string): ArtifactStore {
  const place = valueOf(parseArtifacts(uri, server.address));
  if (place.kind === 'pointer') throw errorOf(finalFailure('InvalidOptions', `${quote(uri)} is a pointer, and no place of artifacts.`));
  if (place.kind === 's3') return bucketArtifacts(server, place);
  return proxiedArtifacts({ ...server, address: place.server, access: accessFor(place.server, server) }, place.path);
}

/** What is shown to a server: the credentials are for the one that spec names, and whoever writes into its registry can name others. */
function accessFor(address: string, server: Server): Access {
  if (new URL(address).origin === new URL(server.address).origin) return server.access;
  const ca = server.access.tls?.ca;
  return { ...NO_ACCESS, tls: ca === undefined ? undefined : { ca, client: undefined } };
}

/** Where a pointer leads, with what was learnt on the way. */
interface Found {
  readonly artifacts: string;
  readonly model?: string;
  readonly version?: RegisteredVersion;
  readonly logged?: LoggedModel | undefined;
  readonly run?: Run;
}

/** A registry may give a pointer for an artifact URI; two in a row are known (a version copied from one that is a LoggedModel). */
const MOST_POINTERS = 4;

async function follow(server: Server, first: Pointer): Promise<Found> {
  let found: Omit<Found, 'artifacts'> = {};
  let pointer = first;
  for (let count = 0; count < MOST_POINTERS; count += 1) {
    const next = await followOnce(server, pointer);
    found = { ...next, ...found };
    const place = valueOf(parseArtifacts(next.artifacts, server.address));
    if (place.kind !== 'pointer') return { ...found, artifacts: next.artifacts };
    pointer = place.pointer;
  }
  throw errorOf(finalFailure('SourceRefused', `${describePointer(first)} leads from pointer to pointer, and to no artifacts.`));
}

async function followOnce(server: Server, pointer: Pointer): Promise<Found> {
  switch (pointer.kind) {
    case 'version':
    case 'alias':
      return followVersion(server, pointer);
    case 'logged': {
      const logged = await loggedModel(server, pointer.id);
      return { logged, artifacts: logged.artifacts };
    }
    case 'run':
      return followRun(server, pointer.run, pointer.path);
  }
}

async function followVersion(server: Server, pointer: Pointer & { readonly kind: 'version' | 'alias' }): Promise<Found> {
  const { model } = pointer;
  const inServer = `on ${server.address}`;
  const question =
    pointer.kind === 'version'
      ? {
          path: 'mlflow/model-versions/get',
          query: { name: model, version: pointer.version },
          absent: `Model ${quote(model)} has no version ${pointer.version} ${inServer}: it was never made, or is deleted.`,
        }
      : {
          path: 'mlflow/registered-models/alias',
          query: { name: model, alias: pointer.alias },
          absent: `Model ${quote(model)} has no alias ${quote(pointer.alias)} ${inServer}. Set it in MLflow, or give a version.`,
        };
  const version = needed(readVersion(await ask(server, question)), server, question);
  checkReady(`Version ${version.version} of model ${quote(model)}`, version.state);
  const query = { name: model, version: version.version };
  const where = { path: 'mlflow/model-versions/get-download-uri', query, absent: question.absent };
  return { model, version, artifacts: needed(readArtifactUri(await ask(server, where)), server, where) };
}

function checkReady(what: string, state: State): void {
  if (state === 'pending') throw errorOf(passingFailure('SourceFailed', `${what} is still being registered or uploaded.`));
  if (state === 'failed') throw errorOf(finalFailure('SourceRefused', `${what} was never completed: its registration or upload failed.`));
}

async function loggedModel(server: Server, id: string): Promise<LoggedModel> {
  const question = { path: `mlflow/logged-models/${id}`, absent: `There is no LoggedModel ${id} on ${server.address}.` };
  const logged = needed(readLoggedModel(await ask(server, question)), server, question);
  checkReady(`LoggedModel ${id}`, logged.state);
  return logged;
}

/** A path in a run is what the run logged there, or a LoggedModel that the run made under this name, which MLflow 3 keeps elsewhere. */
async function followRun(server: Server, id: string, path: string): Promise<Found> {
  const question = runQuestion(server, id);
  const run = needed(readRun(await ask(server, question)), server, question);
  if (run.isDeleted) {
    throw errorOf(finalFailure('NotFound', `Run ${id} is deleted on ${server.address}; \`mlflow runs restore\` brings it back.`));
  }
  const [name = '', ...below] = path.split('/');
  const logged = await modelNamed(server, run, name);
  return logged === undefined
    ? { run, artifacts: [withoutSlash(run.artifacts), path].join('/') }
    : { run, logged, artifacts: [withoutSlash(logged.artifacts), ...below].join('/') };
}

/** Most models of one run that are looked at. */
const MOST_MODELS = 64;

/** The newest LoggedModel of this name that a run made. */
async function modelNamed(server: Server, run: Run, name: string): Promise<LoggedModel | undefined> {
  let newest: LoggedModel | undefined;
  for (const id of run.models.slice(0, MOST_MODELS)) {
    const question = { path: `mlflow/logged-models/${id}`, absent: `There is no LoggedModel ${id} any more.` };
    const logged = readLoggedModel(await askInPassing(server, question));
    if (logged?.name === name && logged.createdAt >= (newest?.createdAt ?? 0)) newest = logged;
  }
  if (newest !== undefined) checkReady(`LoggedModel ${newest.id}`, newest.state);
  return newest;
}

function runQuestion(server: Server, id: string) {
  return { path: 'mlflow/runs/get', query: { run_id: id }, absent: `There is no run ${id} on ${server.address}.` };
}

function withoutSlash(uri: string): string {
  return uri.replace(/\/+$/, '');
}

/** What MLflow knows besides: from the run, and from the model's own file. */
async function gather(server: Server, found: Found, store: ArtifactStore): Promise<Metadata> {
  const text = await store.text('MLmodel').catch((error: unknown) => passOver(error, server.context));
  const file = readModelFile(parseYaml(text ?? ''));
  const id = found.run?.id ?? found.version?.run ?? found.logged?.run ?? file.run;
  const run = found.run ?? (id === undefined ? undefined : readRun(await askInPassing(server, runQuestion(server, id))));
  const experiment = run?.experiment === undefined ? undefined : await experimentName(server, run.experiment);
  return metadataOf({ ...found, run, experiment, file });
}

async function experimentName(server: Server, id: string): Promise<string | undefined> {
  const absent = `There is no experiment ${id} on ${server.address}.`;
  return readExperimentName(await askInPassing(server, { path: 'mlflow/experiments/get', query: { experiment_id: id }, absent }));
}

/** The document of a YAML text; undefined when it is none. */
function parseYaml(text: string): unknown {
  try {
    return load(text, { maxAliases: 0, maxDepth: 32 });
  } catch {
    return undefined;
  }
}
