// Which command is meant. A new one: a file like simulate.ts, and a line below.

import { ANALYZE } from './analyze.ts';
import { answerCommand, type Answer, type Command, type Input } from './command.ts';
import { SIMULATE } from './simulate.ts';

const COMMANDS = { analyze: ANALYZE, simulate: SIMULATE } as const satisfies Readonly<Record<string, Command>>;

export type CommandName = keyof typeof COMMANDS;

/** Runs a command of the terminal. */
export async function runCommand(name: CommandName, words: readonly string[], input: Input): Promise<Answer> {
  const { usage, run }: Command = COMMANDS[name];
  return await answerCommand(name, words, usage, () => run(words, input));
}
