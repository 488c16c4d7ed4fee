// kubectl, as the person at the terminal would call it.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Stage } from './stage.ts';

export interface Kubectl {
  /** Shows the command and what it prints. `instead`: what is really run, where the command that is shown depends on the folder. */
  readonly show: (args: readonly string[], instead?: readonly string[]) => Promise<string>;
  readonly quietly: (args: readonly string[], input?: string) => Promise<string>;
  /** Not left behind by Ctrl-C: for taking things down. */
  readonly atTheEnd: (args: readonly string[]) => Promise<string>;
}

/** `program` runs kubectl on the cluster that is meant. */
export function createKubectl(
  { narrator, errands }: Pick<Stage, 'narrator' | 'errands'>,
  folder: string,
  program: (args: readonly string[], input?: string) => Promise<string>,
): Kubectl {
  // A folder of its own, since kubectl does not see a kind that is younger than what it keeps in the usual one.
  const cache = join(folder, 'kubectl-cache');
  rmSync(cache, { recursive: true, force: true });
  const atTheEnd = async (args: readonly string[], input?: string): Promise<string> =>
    await program(['--cache-dir', cache, ...args], input);
  const quietly = async (args: readonly string[], input?: string): Promise<string> => await errands.run(atTheEnd(args, input));
  return {
    atTheEnd,
    quietly,
    show: async (args, instead = args) => {
      narrator.tell(`$ kubectl ${args.map(quote).join(' ')}`);
      const output = await quietly(instead);
      for (const line of output.trimEnd().split('\n')) narrator.tell(line, 'dim');
      return output;
    },
  };
}

/** An argument as one would write it in a shell. */
function quote(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}
