// What `npm run demo -- ...` was asked for.
import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm run demo -- [--once] [--report FILE]
  --once          take everything down as soon as the releases are over, and end with code 1 unless all went as described
  --report FILE   write the figures as JSON, also when something failed
Without --once everything stays up until Ctrl-C.`;

export interface DemoOptions {
  /** Nobody is there: do not wait for Ctrl-C. */
  readonly once: boolean;
  /** File for the figures, as it was written. */
  readonly report: string | undefined;
}

export type ParsedArguments =
  | { readonly kind: 'run'; readonly options: DemoOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'refused'; readonly message: string };

/** Reads the arguments that follow the script's name. */
export function parseArguments(argv: readonly string[]): ParsedArguments {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { once: { type: 'boolean' }, report: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help === true) return { kind: 'help' };
    if (values.report === '') return { kind: 'refused', message: `--report needs the name of a file.\n${USAGE}` };
    return { kind: 'run', options: { once: values.once ?? false, report: values.report } };
  } catch (error) {
    return { kind: 'refused', message: `${error instanceof Error ? error.message : String(error)}\n${USAGE}` };
  }
}
