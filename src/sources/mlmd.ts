// ML Metadata, as TFX keeps it in a SQLite file: read, never written, and from a copy. Artifacts and executions are joined by events:
//
//   Examples -> Trainer -> Model -> Evaluator -> ModelBlessing -> Pusher -> PushedModel
//
// The file is a stranger's: only plain tables are asked, each question takes a bounded number of rows, and texts are cut.

import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

import { finalFailure, passingFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import { cleanText } from '../core/version/text.ts';
import { pushOf, type Lineage, type Verdict } from '../core/version/tfx.ts';
import { codeOf, errorOf, failureOf } from './error.ts';
import { storageError, writeAll } from './sink.ts';
import type { Body, SourceContext } from './source.ts';

/** A pipeline that has run for years keeps some hundred MiB. */
const MOST_BYTES = 1024 ** 3;
const MOST_ROWS = 1000;
const MOST_EXECUTIONS = 100;
const MAGIC = 'SQLite format 3\0';

/** Types of events by which an execution takes an artifact, and by which it makes one. */
const INPUT = '(2, 3)';
const OUTPUT = '(1, 4)';

/** A version that was pushed, and the file that knows about it. `name` is what the file is called in sentences. */
export interface Asked {
  readonly base: string;
  readonly version: string;
  readonly name: string;
}

/** What ML Metadata has about a version; undefined when it knows no such push. */
export async function readLineage(database: Body, asked: Asked, context: SourceContext): Promise<Outcome<Lineage | undefined>> {
  const path = join(context.spool, `${randomUUID()}.sqlite`);
  try {
    await keep(database, path, asked.name);
    return await lineageIn(path, asked);
  } catch (error) {
    return failureOf(storageError(`A copy of ${asked.name}`, error));
  } finally {
    database.stream.destroy();
    await rm(path, { force: true });
  }
}

async function keep({ stream }: Body, path: string, name: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    let bytes = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (bytes === 0 && !chunk.toString('latin1').startsWith(MAGIC)) throw errorOf(noDatabase(name));
      bytes += chunk.length;
      if (bytes > MOST_BYTES) throw errorOf(finalFailure('TooLarge', `${name} has more than ${MOST_BYTES} bytes.`));
      await writeAll(file, chunk);
    }
    if (bytes === 0) throw errorOf(noDatabase(name));
  } finally {
    await file.close();
  }
}

async function lineageIn(path: string, { base, version, name }: Asked): Promise<Outcome<Lineage | undefined>> {
  // Not before it is needed: older versions of Node do not have it, or warn that it is new.
  const { DatabaseSync } = await import('node:sqlite');
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true });
    database.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA query_only = ON');
    const store = storeOf(database);
    if (store === undefined) return noDatabase(name);
    const push = pushOf(store.pushes(version), base, version, name);
    return push.ok ? success(push.value && lineageOf(store, push.value.id, name)) : push;
  } catch (error) {
    return sqliteFailure(name, error);
  } finally {
    database?.close();
  }
}

function noDatabase(name: string): ReturnType<typeof finalFailure> {
  return finalFailure('SourceRefused', `${name} is no SQLite file of ML Metadata. Check spec.source.tfx.metadata.`);
}

function sqliteFailure(name: string, error: unknown): Outcome<never> {
  // The second is for a number that no store of ML Metadata counts up to.
  if (!['ERR_SQLITE_ERROR', 'ERR_OUT_OF_RANGE'].includes(codeOf(error))) throw error;
  const said = cleanText((error as Error).message, 80);
  return passingFailure('SourceFailed', `${name} could not be read (${said}), as when it is written at the same time.`);
}

interface Artifact {
  readonly id: number;
  readonly type: string;
  readonly uri: string;
}

type Texts = Readonly<Record<string, string>>;

/** The questions that are asked. */
interface Store {
  readonly pushes: (version: string) => readonly { readonly id: number; readonly destination: string }[];
  /** The executions that have made an artifact, or have taken it, the oldest first. */
  readonly makers: (artifact: number) => readonly number[];
  readonly takers: (artifact: number) => readonly number[];
  readonly inputs: (execution: number) => readonly Artifact[];
  readonly outputs: (execution: number) => readonly Artifact[];
  /** Blessings of an Evaluator that were about this model, the oldest first. */
  readonly blessingsOf: (model: number) => readonly Artifact[];
  readonly artifactProperties: (artifact: number) => Texts;
  readonly executionProperties: (execution: number) => Texts;
  /** Names of what an execution belongs to, by their kind. */
  readonly contexts: (execution: number) => Texts;
}

const TABLES = ['Artifact', 'ArtifactProperty', 'Association', 'Context', 'Event', 'ExecutionProperty', 'Type'];

/** Undefined for a database that has not the tables of ML Metadata; one of that name may be a view, which can be a program. */
function storeOf(database: DatabaseSync): Store | undefined {
  const plain = database
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE TABLE%' LIMIT ${MOST_ROWS}`)
    .all();
  if (!TABLES.every((table) => plain.some(({ name }) => name === table))) return undefined;
  const ask = (sql: string, ...values: readonly (string | number)[]) => database.prepare(`${sql} LIMIT ${MOST_ROWS}`).all(...values);
  const executions = (types: string, artifact: number): readonly number[] => {
    const sql = `SELECT DISTINCT execution_id AS id FROM Event WHERE artifact_id = ? AND type IN ${types} ORDER BY execution_id`;
    return ask(sql, artifact).map(({ id }) => Number(id));
  };
  const artifact = 'SELECT DISTINCT a.id, t.name AS type, substr(a.uri, 1, 2048) AS uri FROM Artifact a JOIN Type t ON t.id = a.type_id';
  const artifacts = (types: string, execution: number): readonly Artifact[] => {
    const sql = `${artifact} JOIN Event e ON e.artifact_id = a.id WHERE e.execution_id = ? AND e.type IN ${types} ORDER BY a.id`;
    return ask(sql, execution).map(artifactOf);
  };
  const properties = (kind: 'artifact' | 'execution', id: number): Texts => {
    const value = "CAST(coalesce(int_value, double_value, substr(string_value, 1, 1024), '') AS TEXT)";
    const table = kind === 'artifact' ? 'ArtifactProperty' : 'ExecutionProperty';
    return textsOf(ask(`SELECT name AS name, ${value} AS value FROM ${table} WHERE ${kind}_id = ? ORDER BY name`, id));
  };
  return {
    pushes: (version) => {
      const sql = `SELECT a.id, substr(d.string_value, 1, 4096) AS destination FROM Artifact a JOIN Type t ON t.id = a.type_id
        JOIN ArtifactProperty v ON v.artifact_id = a.id AND v.name = 'pushed_version'
        JOIN ArtifactProperty d ON d.artifact_id = a.id AND d.name = 'pushed_destination'
        WHERE t.name = 'PushedModel' AND v.string_value = ? ORDER BY a.id`;
      return ask(sql, version).map(({ id, destination }) => ({ id: Number(id), destination: textOf(destination) }));
    },
    makers: (id) => executions(OUTPUT, id),
    takers: (id) => executions(INPUT, id),
    inputs: (execution) => artifacts(INPUT, execution),
    outputs: (execution) => artifacts(OUTPUT, execution),
    blessingsOf: (model) => {
      const about = "p.artifact_id = a.id AND p.name = 'current_model_id' AND p.int_value = ?";
      return ask(`${artifact} JOIN ArtifactProperty p ON ${about} WHERE t.name = 'ModelBlessing' ORDER BY a.id`, model).map(artifactOf);
    },
    artifactProperties: (id) => properties('artifact', id),
    executionProperties: (id) => properties('execution', id),
    contexts: (execution) => {
      const sql = `SELECT t.name AS name, substr(c.name, 1, 1024) AS value FROM Association s JOIN Context c ON c.id = s.context_id
        JOIN Type t ON t.id = c.type_id WHERE s.execution_id = ? ORDER BY c.id`;
      return textsOf(ask(sql, execution));
    },
  };
}

function artifactOf({ id, type, uri }: Row): Artifact {
  return { id: Number(id), type: textOf(type), uri: textOf(uri) };
}

type Row = Readonly<Record<string, unknown>>;

function textsOf(rows: readonly Row[]): Texts {
  return Object.fromEntries(rows.map(({ name, value }) => [textOf(name), textOf(value)]));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** From the push backwards: what it took, who checked that, and who made it from what. */
function lineageOf(store: Store, pushed: number, name: string): Lineage {
  const [pusher] = store.makers(pushed);
  const taken = pusher === undefined ? [] : store.inputs(pusher);
  const infra = taken.filter(({ type }) => type === 'InfraBlessing');
  // A Pusher that is given no model pushes the one that the InfraValidator has kept.
  const given = [...taken, ...infra.flatMap(({ id }) => store.makers(id).slice(0, 1).flatMap(store.inputs))];
  const model = given.find(({ type }) => type === 'Model');
  const trainer = model === undefined ? undefined : store.makers(model.id)[0];
  const contexts = pusher === undefined ? {} : store.contexts(pusher);
  return {
    pipeline: contexts['pipeline'],
    run: contexts['pipeline_run'] ?? contexts['run'],
    parameters: trainer === undefined ? {} : store.executionProperties(trainer),
    examples: trainer === undefined ? [] : examplesOf(store, trainer),
    verdicts: verdictsOf(store, taken, model, name),
  };
}

/** The blessings that the Pusher was given; where it was given none of a kind, the newest of that kind that is about the model. */
function verdictsOf(store: Store, taken: readonly Artifact[], model: Artifact | undefined, name: string): readonly Verdict[] {
  const others = model === undefined ? [] : store.takers(model.id).flatMap(store.outputs);
  const blessings = (type: string, about: readonly Artifact[]): readonly Artifact[] => {
    const own = taken.filter((artifact) => artifact.type === type);
    return own.length > 0 ? own : about.filter((artifact) => artifact.type === type).slice(-1);
  };
  const verdict = (by: Verdict['by'], { id, type }: Artifact): Verdict => {
    const { blessed } = store.artifactProperties(id);
    return { by, isBlessed: blessed === undefined ? undefined : blessed === '1', where: `${type} ${id} in ${name}` };
  };
  return [
    ...blessings('ModelBlessing', model === undefined ? [] : store.blessingsOf(model.id)).map((each) => verdict('Evaluator', each)),
    ...blessings('InfraBlessing', others).map((each) => verdict('InfraValidator', each)),
  ];
}

/** The examples that a training began with, by way of whatever has transformed them. */
function examplesOf(store: Store, trainer: number): Lineage['examples'] {
  const found = new Map<number, Lineage['examples'][number]>();
  const seen = new Set<number>();
  const waiting = [trainer];
  for (let execution = waiting.shift(); execution !== undefined && seen.size < MOST_EXECUTIONS; execution = waiting.shift()) {
    if (seen.has(execution)) continue;
    seen.add(execution);
    for (const { id, type, uri } of store.inputs(execution)) {
      const [maker] = type === 'Examples' ? store.makers(id) : [];
      if (type !== 'Examples') continue;
      const isMadeOfOthers = maker !== undefined && store.inputs(maker).some((input) => input.type === 'Examples');
      if (isMadeOfOthers) waiting.push(maker);
      else
        found.set(id, {
          id,
          node: maker === undefined ? undefined : store.contexts(maker)['node'],
          uri,
          properties: store.artifactProperties(id),
        });
    }
  }
  return [...found.values()];
}
