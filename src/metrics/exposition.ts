// Reads the text format in which servers show their metrics (https://prometheus.io/docs/instrumenting/exposition_formats/).
import { readNumber } from './prometheusAnswer.ts';
import type { Sample } from './selection.ts';

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|(?=\}))/y;
const VALUE = /^\s*(\S+)(?:\s+-?[0-9.]+)?(?:\s+#.*)?\s*$/;

/**
 * All series of these metrics, with `added` among their labels in place of labels of the same names. Throws a sentence where one of them
 * cannot be read, or the page ends within a line: what is left out would look like what has not happened.
 */
export function readExposition(text: string, metrics: ReadonlySet<string>, added: Readonly<Record<string, string>>): readonly Sample[] {
  if (text !== '' && !text.endsWith('\n')) throw new Error('The metrics end within a line.');
  return text.split('\n').flatMap((line) => {
    const name = NAME.exec(line)?.[0];
    if (name === undefined || !metrics.has(name)) return [];
    const sample = readSample(line, name);
    if (sample === undefined) throw new Error(`A line of ${name} cannot be read.`);
    return [{ labels: { ...sample.labels, ...added, __name__: name }, value: sample.value }];
  });
}

function readSample(line: string, name: string): Sample | undefined {
  const labels = readLabels(line, name.length);
  if (labels === undefined) return undefined;
  const [, number = ''] = VALUE.exec(line.slice(labels.end)) ?? [];
  const value = readNumber(number);
  return value === undefined ? undefined : { labels: labels.found, value };
}

/** Labels in braces after the name, and where what follows them begins. */
function readLabels(line: string, from: number): { readonly found: Readonly<Record<string, string>>; readonly end: number } | undefined {
  const found: Record<string, string> = {};
  if (line[from] !== '{') return { found, end: from };
  let end = from + 1;
  while (!/^\s*\}/.test(line.slice(end, end + 3))) {
    LABEL.lastIndex = end;
    const [, label, value] = LABEL.exec(line) ?? [];
    if (label === undefined || value === undefined) return undefined;
    found[label] = value.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
    end = LABEL.lastIndex;
  }
  return { found, end: line.indexOf('}', end) + 1 };
}
