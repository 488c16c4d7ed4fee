// What a version needs to be served, as the files say that its tools wrote beside the model: requirements.txt, conda.yaml, python_env.yaml
// and MLmodel (https://mlflow.org/docs/latest/ml/model/). Whoever takes their bytes reads the YAML; here are documents.

import { isRange, parsePythonVersion } from './pep440.ts';
import { compareBytes } from './paths.ts';
import { gather, normalizeName, parseRequirements, type Requirement } from './requirements.ts';
import { cleanText } from './text.ts';

/** A package that a version needs. `from` is the name of the file that says so. */
export interface Dependency extends Requirement {
  readonly from: string;
  /** It says nothing that there is no package of this name: there may be one by another name, or no need of it. */
  readonly optional?: boolean;
}

export interface Dependencies {
  /** Version of Python as a file has it: `3.11.9`, or a range. */
  readonly python?: string;
  /** Those first whose version matters most: what wrote the model, then exact versions, then ranges. */
  readonly packages?: readonly Dependency[];
  /** Requirements that are not compared: there are too many, or nobody could compare them. */
  readonly omitted?: number;
  /** What the latter are. */
  readonly notCompared?: readonly string[];
}

export const DEPENDENCY_FILES = ['requirements.txt', 'conda.yaml', 'python_env.yaml', 'MLmodel'] as const;
export type DependencyFile = (typeof DEPENDENCY_FILES)[number];

/** The file that stands beside the others in a model that MLflow wrote. */
const MODEL_FILE: DependencyFile = 'MLmodel';

/** Larger files are not read. */
export const MOST_DEPENDENCY_BYTES = 256 * 1024;
/** Packages that are kept; of the rest the number. */
export const MOST_PACKAGES = 200;
const MOST_NOTES = 8;
const LONGEST_TEXT = 256;

/** Contents of the files that there are: texts of requirements.txt, documents of the others. */
export type DependencyContents = Partial<Readonly<Record<DependencyFile, unknown>>>;

/** The file of this kind that a path is, by its name; undefined for all others. */
export function dependencyFile(path: string): DependencyFile | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return DEPENDENCY_FILES.find((file) => file === name);
}

/** Of all paths of such files those that are about the model: at its root or, where none is there, beside the one MLmodel. */
export function aboutTheModel(paths: readonly string[]): readonly string[] {
  const folders = new Set(paths.map(folderOf));
  const models = paths.filter((path) => dependencyFile(path) === MODEL_FILE).map(folderOf);
  const folder = folders.has('') ? '' : models.length === 1 ? models[0] : undefined;
  return paths.filter((path) => folderOf(path) === folder).sort(compareBytes);
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/**
 * What the files say together; undefined when they ask for nothing. What two of them say alike counts once. `unread` are files that could
 * not be read, in words for people.
 */
export function readDependencies(contents: DependencyContents, unread: readonly string[] = []): Dependencies | undefined {
  const known = DEPENDENCY_FILES.filter((file) => contents[file] !== undefined);
  const read = (file: DependencyFile, from: (content: unknown) => Said): Said => {
    const content = contents[file];
    return content === undefined ? NOTHING : from(content);
  };
  const requirements = read('requirements.txt', (text) => parseRequirements(typeof text === 'string' ? text : '', known));
  const conda = read('conda.yaml', (document) => readConda(document, known));
  const environment = read('python_env.yaml', (document) => readPythonEnvironment(document, known));
  const model = read('MLmodel', readFlavors);
  const asked = [...of('requirements.txt', requirements), ...of('conda.yaml', conda), ...of('python_env.yaml', environment)].map(
    (dependency) => (model.packages.length > 0 && PACKERS.includes(dependency.name) ? { ...dependency, optional: true } : dependency),
  );
  // Who wrote requirements knows better than who noted the version that happened to be there.
  const names = new Set(asked.map(({ name }) => name));
  const flavors = of('MLmodel', model).filter(({ name }) => !names.has(name));
  const writers = new Set(model.packages.map(({ name }) => name));
  const skipped = [...unread, ...[requirements, conda, environment].flatMap((said) => said.skipped)];
  return boundDependencies({
    python: model.python ?? environment.python ?? conda.python,
    packages: unique([...asked, ...flavors]).toSorted((a, b) => rank(a, writers) - rank(b, writers)),
    omitted: skipped.length,
    notCompared: [...new Set(skipped)],
  });
}

/** What packed a model is listed with it, and not needed by a server that loads it by the library that wrote it. */
const PACKERS = ['mlflow', 'mlflow-skinny'];

interface Said {
  readonly python?: string | undefined;
  readonly packages: readonly Omit<Dependency, 'from'>[];
  readonly skipped: readonly string[];
}

const NOTHING: Said = { packages: [], skipped: [] };

function of(from: DependencyFile, { packages }: Said): readonly Dependency[] {
  return packages.map((requirement) => ({ ...requirement, from }));
}

function rank({ name, specifier = '' }: Dependency, writers: ReadonlySet<string>): number {
  if (writers.has(name)) return 0;
  return specifier.startsWith('==') ? 1 : specifier === '' ? 3 : 2;
}

function unique(packages: readonly Dependency[]): readonly Dependency[] {
  const seen = new Set<string>();
  return packages.filter(({ name, specifier = '', marker = '' }) => {
    const key = JSON.stringify([name, specifier, marker]);
    return !seen.has(key) && Boolean(seen.add(key));
  });
}

/** `dependencies` of a conda.yaml: conda's own packages, and the list that pip is to install. */
function readConda(document: unknown, known: readonly string[]): Said {
  const items = listOf(fieldsOf(document)['dependencies']);
  const specs = items.flatMap((item) => (typeof item === 'string' ? [item] : []));
  const pip = gather(
    items.flatMap((item) => textsOf(fieldsOf(item)['pip'])),
    known,
  );
  const read = specs.map(readCondaSpec);
  const python = read.find(({ name }) => name === 'python');
  // pip itself serves nothing. Conda names programs and libraries of every kind, and some packages of Python otherwise than Python does.
  const packages = read.flatMap(({ name, specifier }) =>
    specifier === undefined || ['python', 'pip'].includes(name) ? [] : [{ name, ...(specifier ? { specifier } : {}), optional: true }],
  );
  const unread = read.filter(({ specifier }) => specifier === undefined).map(() => "a range in conda's own way");
  return {
    python: pythonOf(python?.version ?? python?.specifier),
    packages: [...pip.packages, ...packages],
    skipped: [...pip.skipped, ...unread],
  };
}

interface CondaSpec {
  readonly name: string;
  /** The version alone, where it is one and no range. */
  readonly version: string | undefined;
  /** In pip's words; undefined for a range that it has none for. */
  readonly specifier: string | undefined;
}

/** `channel::name`, a space or an operator, a version, `=build`. `=1.2` is every 1.2.x, as in conda. */
function readCondaSpec(spec: string): CondaSpec {
  const [, name = '', rest = ''] = /^(?:[^\s:]{1,128}::?)?([a-z0-9_.-]{1,128})\s*(.*)$/is.exec(spec.trim().slice(0, LONGEST_TEXT)) ?? [];
  const [range = '', ...more] = rest.replace(/\s*([=<>!~,|])\s*/g, '$1').split(/\s+/);
  // A build may follow: after a space, or after a second equals sign.
  const [, version, build] = /^={0,2}([^=<>!~,|]+)(=[^=<>!~,|]+)?$/.exec(range) ?? [];
  const isExact = range.startsWith('==') || build !== undefined || more.length > 0 || version?.endsWith('*') === true;
  const specifier = version === undefined ? range : `==${version}${isExact ? '' : '.*'}`;
  return { name: normalizeName(name), version, specifier: name !== '' && isRange(specifier) ? specifier : undefined };
}

/** A python_env.yaml. `build_dependencies` are what it takes to install, and nothing that serves. */
function readPythonEnvironment(document: unknown, known: readonly string[]): Said {
  const { python, dependencies } = fieldsOf(document);
  return { python: pythonOf(python), ...gather(textsOf(dependencies), known) };
}

/** The packages behind the versions that MLflow's flavors note. Of flavors that are not here requirements.txt tells. */
const FLAVORS: Readonly<Record<string, string>> = {
  catboost_version: 'catboost',
  h2o_version: 'h2o',
  keras_version: 'keras',
  langchain_version: 'langchain',
  lgb_version: 'lightgbm',
  onnx_version: 'onnx',
  openai_version: 'openai',
  paddle_version: 'paddlepaddle',
  pmdarima_version: 'pmdarima',
  prophet_version: 'prophet',
  pyspark_version: 'pyspark',
  pytorch_version: 'torch',
  sentence_transformers_version: 'sentence-transformers',
  shap_version: 'shap',
  sklearn_version: 'scikit-learn',
  spacy_version: 'spacy',
  statsmodels_version: 'statsmodels',
  transformers_version: 'transformers',
  xgb_version: 'xgboost',
};

/** The versions that an MLmodel notes: of Python, and of the libraries that wrote the model. */
function readFlavors(document: unknown): Said {
  const flavors = Object.values(fieldsOf(fieldsOf(document)['flavors'])).map(fieldsOf);
  const noted = flavors.flatMap((flavor) => Object.entries(flavor));
  const packages = noted.flatMap(([key, value]) => {
    const name = Object.hasOwn(FLAVORS, key) ? FLAVORS[key] : undefined;
    // Which build of a library it was, for which processor, says nothing of what can read its files.
    const version = textOf(value)?.split('+', 1)[0] ?? '';
    return name === undefined || parsePythonVersion(version) === undefined ? [] : [{ name, specifier: `==${version}` }];
  });
  return { python: pythonOf(noted.find(([key]) => key === 'python_version')?.[1]), packages, skipped: [] };
}

function pythonOf(value: unknown): string | undefined {
  const text = textOf(value)?.trim();
  return text !== undefined && (parsePythonVersion(text) !== undefined || isRange(text)) ? text : undefined;
}

/**
 * What of `value` has the shape of Dependencies, within its limits: it may have been written by anybody. Undefined when nothing is left.
 * `most` packages are kept.
 */
export function boundDependencies(value: unknown, most = MOST_PACKAGES): Dependencies | undefined {
  const fields = fieldsOf(value);
  const given = listOf(fields['packages']);
  const packages = given.slice(0, most).flatMap((item) => boundDependency(fieldsOf(item)) ?? []);
  const before = fields['omitted'];
  const omitted = (Number.isSafeInteger(before) && (before as number) > 0 ? (before as number) : 0) + given.length - packages.length;
  const notCompared = textsOf(fields['notCompared'])
    .slice(0, MOST_NOTES)
    .map((text) => cleanText(text, LONGEST_TEXT));
  const python = pythonOf(fields['python']);
  if (python === undefined && packages.length === 0 && omitted === 0) return undefined;
  return {
    ...(python === undefined ? {} : { python }),
    ...(packages.length === 0 ? {} : { packages }),
    ...(omitted === 0 ? {} : { omitted: Math.min(omitted, 1_000_000) }),
    ...(notCompared.length === 0 ? {} : { notCompared }),
  };
}

function boundDependency({ name, specifier, marker, optional, from }: Fields): Dependency | undefined {
  const file = DEPENDENCY_FILES.find((known) => known === from);
  if (typeof name !== 'string' || file === undefined || !/^[a-z0-9](?:[a-z0-9-]{0,126}[a-z0-9])?$/.test(name)) return undefined;
  if (specifier !== undefined && (typeof specifier !== 'string' || !isRange(specifier))) return undefined;
  if (marker !== undefined && (typeof marker !== 'string' || marker.length > LONGEST_TEXT)) return undefined;
  return {
    name,
    ...(specifier === undefined ? {} : { specifier }),
    ...(marker === undefined ? {} : { marker: cleanText(marker, LONGEST_TEXT) }),
    from: file,
    ...(optional === true ? { optional } : {}),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textsOf(value: unknown): readonly string[] {
  return listOf(value).filter((item) => typeof item === 'string');
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
