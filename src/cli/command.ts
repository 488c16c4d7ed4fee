// What a command is: words in, text out. Only main.ts writes to the terminal and ends the process.

/** What a command leaves: text for the standard output and the exit code of the process. */
export interface Output {
  readonly text: string;
  readonly code: number;
}

/** What a command has of the world. */
export interface Input {
  /** The text of a file, or of the standard input when the name is `-`. Throws a Refusal that names the file. */
  readonly read: (file: string) => Promise<string>;
}

export interface Command {
  /** Shown by `--help`, and with every refusal of an argument. */
  readonly usage: string;
  readonly run: (words: readonly string[], input: Input) => Promise<Output> | Output;
}

/** Arguments or data that cannot be used: a sentence that names what was wrong, its value and the way out. */
export class Refusal extends Error {}

/** Exit code of a command that was asked for something that it cannot do. */
export const REFUSED = 2;

/** What the caller prints: `complaint` is for the standard error. */
export type Answer = Output & { readonly complaint: string };

/** Runs a command, or prints its usage. A refusal is an answer, not an error. */
export async function answerCommand(name: string, words: readonly string[], usage: string, run: () => Output | Promise<Output>): Promise<Answer> {
  if (words.includes('--help') || words.includes('-h')) return { text: usage, code: 0, complaint: '' };
  try {
    return { ...(await run()), complaint: '' };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { text: '', code: REFUSED, complaint: `plimsoll ${name}: ${error.message}\n` };
  }
}
