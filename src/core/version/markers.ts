// Environment markers: the part of a requirement after its semicolon, which says where it holds
// (https://packaging.python.org/en/latest/specifications/dependency-specifiers/). `python_version >= "3.9" and sys_platform == "linux"`.

import { isRange, satisfies } from './pep440.ts';

/** What of an environment a marker can ask for, by its name there. */
export type MarkerEnvironment = Readonly<Record<string, string>>;

const TOKEN = /\s*(\(|\)|===|<=|>=|==|!=|~=|<|>|and\b|or\b|not\s+in\b|in\b|"[^"]*"|'[^']*'|[a-z_][a-z0-9_.]*)/y;
const COMPARISON = /^(===|~=|==|!=|<=|>=|<|>|in|not\s+in)$/;
/** Brackets in brackets, and words in all; longer markers are not read. */
const DEEPEST = 16;
const MOST_TOKENS = 256;

/** The environment of a Python on Linux, as markers name it. */
export function markerEnvironment(python: string, machine: string): MarkerEnvironment {
  return {
    python_version: python.split('.').slice(0, 2).join('.'),
    python_full_version: python,
    platform_machine: machine,
    platform_system: 'Linux',
    sys_platform: 'linux',
    os_name: 'posix',
    implementation_name: 'cpython',
    platform_python_implementation: 'CPython',
    // What is asked for with extras is part of another requirement.
    extra: '',
  };
}

/** Whether a requirement with this marker holds there; undefined when the marker cannot be read, or asks for what is not known. */
export function markerHolds(marker: string, environment: MarkerEnvironment): boolean | undefined {
  const tokens = tokensOf(marker);
  if (tokens === undefined) return undefined;
  const reader = { tokens, at: 0, environment };
  const holds = either(reader, 0);
  return reader.at === tokens.length ? holds : undefined;
}

interface Reader {
  readonly tokens: readonly string[];
  at: number;
  readonly environment: MarkerEnvironment;
}

function tokensOf(marker: string): readonly string[] | undefined {
  const text = marker.trim();
  const tokens: string[] = [];
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[1];
    if (token === undefined || tokens.length >= MOST_TOKENS) return undefined;
    tokens.push(token);
  }
  return tokens;
}

function either(reader: Reader, depth: number): boolean | undefined {
  let holds = both(reader, depth);
  while (reader.tokens[reader.at] === 'or') {
    reader.at += 1;
    const other = both(reader, depth);
    holds = holds === undefined || other === undefined ? undefined : holds || other;
  }
  return holds;
}

function both(reader: Reader, depth: number): boolean | undefined {
  let holds = single(reader, depth);
  while (reader.tokens[reader.at] === 'and') {
    reader.at += 1;
    const other = single(reader, depth);
    holds = holds === undefined || other === undefined ? undefined : holds && other;
  }
  return holds;
}

function single(reader: Reader, depth: number): boolean | undefined {
  if (reader.tokens[reader.at] === '(') {
    if (depth >= DEEPEST) return undefined;
    reader.at += 1;
    const holds = either(reader, depth + 1);
    if (reader.tokens[reader.at] !== ')') return undefined;
    reader.at += 1;
    return holds;
  }
  const [left, operator, right] = reader.tokens.slice(reader.at, reader.at + 3);
  if (left === undefined || right === undefined || operator === undefined || !COMPARISON.test(operator)) return undefined;
  reader.at += 3;
  return compare(valueOf(left, reader.environment), operator, valueOf(right, reader.environment));
}

function valueOf(token: string, environment: MarkerEnvironment): string | undefined {
  return /^["']/.test(token) ? token.slice(1, -1) : Object.hasOwn(environment, token) ? environment[token] : undefined;
}

/** As versions where both sides are such, else letter by letter. */
function compare(left: string | undefined, operator: string, right: string | undefined): boolean | undefined {
  if (left === undefined || right === undefined) return undefined;
  if (operator === 'in') return right.includes(left);
  if (operator.startsWith('not')) return !right.includes(left);
  const range = `${operator}${right}`;
  const asVersions = isRange(range) ? satisfies(left, range) : undefined;
  if (asVersions !== undefined) return asVersions;
  switch (operator) {
    case '==':
    case '===':
      return left === right;
    case '!=':
      return left !== right;
    default:
      return undefined;
  }
}
