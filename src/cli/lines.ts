// Paragraphs for a terminal.

/** Of a terminal that shows them without breaking lines. */
export const WIDTH = 100;

/** `text` in lines of at most `WIDTH`, each behind `indent` spaces; a word that is longer has a line of its own. */
export function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  for (const word of text.split(' ').filter(Boolean)) {
    const line = lines.at(-1);
    if (line !== undefined && indent + line.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.map((line) => `${' '.repeat(indent)}${line}\n`).join('');
}

/** A text from the cluster: nothing in it moves the cursor. */
export { cleanText as clean } from '../core/version/text.ts';
