// Which command is meant. A new one: a file like simulate.ts, and a line below.

import { Refusal, REFUSED, type Command, type Input, type Output } from './command.ts';
import { ANALYZE } from './analyze.ts';
import { SIMULATE } from './simulate.ts';

const COMMANDS = { analyze: ANALYZE, simulate: SIMULATE } as const satisfies Readonly<Record<string, Command>>;

export type CommandName = keyof typeof COMMANDS;

/** Runs a command of the terminal. A refusal goes to `complaint`, for the standard error. */
export async function runCommand(
  name: CommandName,
  words: readonly string[],
  input: Input,
): Promise<Output & { readonly complaint: string }> {
  const command: Command = COMMANDS[name];
  if (words.includes('--help')) return { text: command.usage, code: 0, complaint: '' };
  try {
    return { ...(await command.run(words, input)), complaint: '' };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { text: '', code: REFUSED, complaint: `plimsoll ${name}: ${error.message}\n` };
  }
}
