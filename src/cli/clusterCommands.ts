// Commands that ask a cluster. A new one: a file like explain.ts, and a line below.

import type { ClusterInput } from './cluster.ts';
import { Refusal, REFUSED, type Output } from './command.ts';
import { runExplain, USAGE as EXPLAIN } from './explain.ts';
import { runReplay, USAGE as REPLAY } from './replay.ts';

const COMMANDS = { explain: { usage: EXPLAIN, run: runExplain }, replay: { usage: REPLAY, run: runReplay } } as const;

export type ClusterCommandName = keyof typeof COMMANDS;

/** Runs a command of the terminal. A refusal goes to `complaint`, for the standard error. */
export async function runClusterCommand(
  name: ClusterCommandName,
  words: readonly string[],
  input: ClusterInput,
): Promise<Output & { readonly complaint: string }> {
  const { usage, run } = COMMANDS[name];
  if (words.includes('--help')) return { text: usage, code: 0, complaint: '' };
  try {
    return { ...(await run(words, input)), complaint: '' };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { text: '', code: REFUSED, complaint: `plimsoll ${name}: ${error.message}\n` };
  }
}
