// Versions of Python packages and the ranges that name them, as https://packaging.python.org/en/latest/specifications/version-specifiers/
// has it. Pre-releases count like all others: the question here is whether what is installed fits, not what to install.

const NUMBER = '[0-9]{1,15}';
const WHOLE = new RegExp(
  `^v?(?:(${NUMBER})!)?(${NUMBER}(?:\\.${NUMBER})*)` +
    `(?:[-_.]?(alpha|beta|preview|pre|rc|a|b|c)[-_.]?(${NUMBER})?)?` +
    `(?:-(${NUMBER})|[-_.]?(?:post|rev|r)[-_.]?(${NUMBER})?(?![0-9])|())` +
    `(?:[-_.]?(dev)[-_.]?(${NUMBER})?)?` +
    '(?:\\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$',
);
const CLAUSE = /^(===|~=|==|!=|<=|>=|<|>)\s*(\S+)$/;
/** Longer texts are not looked at: no version or range that people write comes near it. */
const LONGEST = 256;

export interface PythonVersion {
  readonly epoch: number;
  readonly release: readonly number[];
  /** Undefined for none, else its letter's rank (a 0, b 1, rc 2) and number. */
  readonly pre: readonly [number, number] | undefined;
  readonly post: number | undefined;
  readonly dev: number | undefined;
  readonly local: readonly (string | number)[];
}

/** The version that a text is; undefined when it is none. */
export function parsePythonVersion(text: string): PythonVersion | undefined {
  const match = text.length <= LONGEST ? WHOLE.exec(text.trim().toLowerCase()) : null;
  if (match === null) return undefined;
  const [, epoch = '0', release = '', letter, pre = '0', implicitPost, post = '0', noPost, dev, devNumber = '0', local] = match;
  return {
    epoch: Number(epoch),
    release: release.split('.').map(Number),
    pre: letter === undefined ? undefined : [RANK[letter] ?? 2, Number(pre)],
    post: noPost === undefined ? Number(implicitPost ?? post) : undefined,
    dev: dev === undefined ? undefined : Number(devNumber),
    local: local === undefined ? [] : local.split(/[-_.]/).map((part) => (/^[0-9]+$/.test(part) ? Number(part) : part)),
  };
}

const RANK: Readonly<Record<string, number>> = { a: 0, alpha: 0, b: 1, beta: 1, c: 2, rc: 2, pre: 2, preview: 2 };

/** Less than 0 when `left` comes before `right`. */
export function comparePythonVersions(left: PythonVersion, right: PythonVersion): number {
  return firstDifference([
    left.epoch - right.epoch,
    compareReleases(left.release, right.release),
    compareNumbers(preOf(left), preOf(right)),
    compareNumbers([left.post ?? -Infinity], [right.post ?? -Infinity]),
    compareNumbers([left.dev ?? Infinity], [right.dev ?? Infinity]),
    compareLocals(left.local, right.local),
  ]);
}

/**
 * Whether a version is in a range such as `>=1.2,<2`; an empty one holds all. Undefined when either of them cannot be read, as a version of
 * another system (`1.1.1w`) or a range of a kind that nobody writes (`==1.0rc1.*`).
 */
export function satisfies(version: string, range: string): boolean | undefined {
  const parsed = parsePythonVersion(version);
  const clauses = range.length <= LONGEST ? clausesOf(range) : [undefined];
  const results = clauses.map((clause) => (parsed && clause ? holds(parsed, version, clause) : undefined));
  if (parsed === undefined || results.includes(undefined)) return undefined;
  return results.every((result) => result === true);
}

/** Whether a text is a range that `satisfies` can answer for. */
export function isRange(text: string): boolean {
  return satisfies('1', text) !== undefined;
}

interface Clause {
  readonly operator: string;
  readonly text: string;
}

function clausesOf(range: string): readonly (Clause | undefined)[] {
  const parts = range.split(',').map((part) => part.trim());
  return parts
    .filter((part) => part !== '')
    .map((part) => {
      const [, operator, text] = CLAUSE.exec(part) ?? [];
      return operator === undefined || text === undefined ? undefined : { operator, text };
    });
}

function holds(version: PythonVersion, written: string, { operator, text }: Clause): boolean | undefined {
  if (operator === '===') return written.trim().toLowerCase() === text.toLowerCase();
  const isPrefix = text.endsWith('.*');
  const wanted = parsePythonVersion(isPrefix ? text.slice(0, -2) : text);
  const isEquality = operator === '==' || operator === '!=';
  if (wanted === undefined || (!isEquality && (isPrefix || wanted.local.length > 0))) return undefined;
  if (isPrefix) {
    if (isPreRelease(wanted) || wanted.post !== undefined || wanted.local.length > 0) return undefined;
    return isWithin(version, wanted.epoch, wanted.release) === (operator === '==');
  }
  const open = wanted.local.length > 0 ? version : withoutLocal(version);
  const order = comparePythonVersions(open, wanted);
  switch (operator) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<=':
      return order <= 0;
    case '>=':
      return order >= 0;
    case '<':
      // A pre-release of 2.0 is before 2.0, and yet nobody who writes <2.0 means it.
      return comparePythonVersions(open, isPreRelease(wanted) ? wanted : { ...wanted, dev: 0 }) < 0;
    case '>':
      return order > 0 && !isPostReleaseOf(version, wanted);
    default:
      if (wanted.release.length < 2) return undefined;
      return order >= 0 && isWithin(version, wanted.epoch, wanted.release.slice(0, -1));
  }
}

function isPreRelease({ pre, dev }: PythonVersion): boolean {
  return pre !== undefined || dev !== undefined;
}

/** Likewise 2.0.post1 is after 2.0, and nobody who writes >2.0 means it. */
function isPostReleaseOf(version: PythonVersion, wanted: PythonVersion): boolean {
  if (wanted.dev !== undefined || wanted.post !== undefined || version.post === undefined) return false;
  return comparePythonVersions({ ...version, post: undefined, dev: undefined, local: [] }, wanted) === 0;
}

function withoutLocal(version: PythonVersion): PythonVersion {
  return { ...version, local: [] };
}

function isWithin(version: PythonVersion, epoch: number, release: readonly number[]): boolean {
  return version.epoch === epoch && release.every((number, index) => (version.release[index] ?? 0) === number);
}

/** A development release without anything else comes before all pre-releases; a version without a pre-release after them. */
function preOf({ pre, post, dev }: PythonVersion): readonly number[] {
  return pre ?? (post === undefined && dev !== undefined ? [-Infinity] : [Infinity]);
}

function compareReleases(left: readonly number[], right: readonly number[]): number {
  const length = Math.max(left.length, right.length);
  const padded = (release: readonly number[]): readonly number[] => Array.from({ length }, (_, index) => release[index] ?? 0);
  return compareNumbers(padded(left), padded(right));
}

function compareNumbers(left: readonly number[], right: readonly number[]): number {
  return firstDifference(left.map((number, index) => (number === right[index] ? 0 : number - (right[index] ?? 0))));
}

/** Numbers come after words, and more parts after fewer. */
function compareLocals(left: PythonVersion['local'], right: PythonVersion['local']): number {
  const parts = left.slice(0, right.length).map((part, index) => {
    const other = right[index];
    if (part === other) return 0;
    if (typeof part === typeof other) return part < (other ?? '') ? -1 : 1;
    return typeof part === 'number' ? 1 : -1;
  });
  return firstDifference([...parts, left.length - right.length]);
}

function firstDifference(differences: readonly number[]): number {
  return differences.find((difference) => difference !== 0) ?? 0;
}
