// Commands that ask a cluster. A new one: a file like explain.ts, and a line below.

import type { ClusterInput } from './cluster.ts';
import { answerCommand, type Answer } from './command.ts';
import { runExplain, USAGE as EXPLAIN } from './explain.ts';
import { runReplay, USAGE as REPLAY } from './replay.ts';

const COMMANDS = { explain: { usage: EXPLAIN, run: runExplain }, replay: { usage: REPLAY, run: runReplay } } as const;

export type ClusterCommandName = keyof typeof COMMANDS;

/** Runs a command beside a cluster. */
export async function runClusterCommand(name: ClusterCommandName, words: readonly string[], input: ClusterInput): Promise<Answer> {
  const { usage, run } = COMMANDS[name];
  return await answerCommand(name, words, usage, () => run(words, input));
}
