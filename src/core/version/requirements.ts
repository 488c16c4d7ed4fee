// What pip reads: requirement specifiers (PEP 508) and the lines of a requirements.txt around them.

import { isRange } from './pep440.ts';
import { cleanText } from './text.ts';

/** A package by its normalised name, in the versions of `specifier`: all where there is none. `marker` says where it is needed at all. */
export interface Requirement {
  readonly name: string;
  readonly specifier?: string;
  readonly marker?: string;
}

/** What a file asks for, and the lines of it that nothing can be compared with, in words that hold no address and so no credentials. */
export interface Requirements {
  readonly packages: readonly Requirement[];
  readonly skipped: readonly string[];
}

const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,126}[a-z0-9])?(?![a-z0-9._-])/i;
const EXTRAS = /^\[[^\]]*\]/;
const LONGEST_LINE = 1024;
/** Options of a line, such as --hash. */
const LINE_OPTIONS = /\s--[a-z].*$/s;
const PLACE = /^(?:[a-z][a-z0-9+.-]*:|\.{0,2}\/|[^\s[=<>!~;@]+\.(?:whl|zip|tar\.gz)(?:\s|$))/i;

/** The normalised form of a package's name: PyYAML, pyyaml and Py_YAML are one (PEP 503). */
export function normalizeName(name: string): string {
  return name.replace(/[-_.]+/g, '-').toLowerCase();
}

/** A requirement, without its extras; undefined when it is none. What is needed from an address is needed by its name alone. */
export function parseRequirement(text: string): Requirement | undefined {
  const line = text.trim();
  const name = line.length <= LONGEST_LINE ? NAME.exec(line)?.[0] : undefined;
  if (name === undefined) return undefined;
  const rest = line.slice(name.length).trimStart().replace(EXTRAS, '').trimStart();
  const isAddress = rest.startsWith('@');
  // An address may hold semicolons: there the marker stands behind a space.
  const end = isAddress ? rest.search(/\s;/) : rest.indexOf(';');
  const [range, marker] = end < 0 ? [rest, ''] : [rest.slice(0, end), rest.slice(rest.indexOf(';', end) + 1)];
  const specifier = isAddress ? '' : withoutSpaces(/^\((.*)\)$/.exec(range.trim())?.[1] ?? range);
  if (!isRange(specifier)) return undefined;
  return {
    name: normalizeName(name),
    ...(specifier === '' ? {} : { specifier }),
    ...(marker.trim() === '' ? {} : { marker: marker.trim().replace(/\s+/g, ' ') }),
  };
}

function withoutSpaces(range: string): string {
  return range
    .split(',')
    .map((part) => part.trim().replace(/^([=<>!~]+)\s+/, '$1'))
    .filter((part) => part !== '')
    .join(',');
}

/** The lines of a requirements.txt. `known` are files beside it that are read anyway: to name them leaves nothing out. */
export function parseRequirements(text: string, known: readonly string[] = []): Requirements {
  return gather(linesOf(text), known);
}

/** A list of requirements, as conda.yaml and python_env.yaml have it; lines of a requirements.txt may stand in it. */
export function gather(lines: readonly string[], known: readonly string[] = []): Requirements {
  const packages: Requirement[] = [];
  const skipped: string[] = [];
  for (const line of lines) {
    const read = readLine(line.trim(), known);
    if (typeof read === 'object') packages.push(read);
    else if (read !== undefined) skipped.push(read);
  }
  return { packages, skipped };
}

/** A backslash at the end of a line joins the next to it; a comment begins a line or follows a space. */
function linesOf(text: string): readonly string[] {
  return text
    .replace(/\\\r?\n/g, ' ')
    .split(/\r?\n/)
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '');
}

/** A requirement; a sentence's part for what is left out; undefined for what asks for nothing. */
function readLine(line: string, known: readonly string[]): Requirement | string | undefined {
  if (line === '') return undefined;
  if (line.startsWith('-')) return readOption(line, known);
  if (PLACE.test(line)) return 'a package by its address';
  return parseRequirement(line.replace(LINE_OPTIONS, '')) ?? cleanText(line, 80);
}

function readOption(line: string, known: readonly string[]): string | undefined {
  const [, option = '', value = ''] = /^(--?[a-z-]+)[\s=]*(.*)$/is.exec(line) ?? [];
  switch (option) {
    case '-r':
    case '--requirement':
      return known.includes(value) ? undefined : 'another file of requirements (-r)';
    case '-c':
    case '--constraint':
      return 'a file of constraints (-c)';
    case '-e':
    case '--editable':
      return 'an editable package (-e)';
    default:
      // Where to install from is of no interest, and may hold a password.
      return undefined;
  }
}
