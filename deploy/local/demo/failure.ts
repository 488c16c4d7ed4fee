// What can go wrong in ways that were foreseen.
import { ClusterError } from '../cluster/index.ts';

/** Its message is for the person at the keyboard: a sentence with the way out, shown without a stack. */
export class DemoError extends Error {
  override readonly name = 'DemoError';
}

/** What to show for an error: a sentence for what was foreseen, everything for what was not. */
export function sayError(error: unknown): string {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (each instanceof DemoError || each instanceof ClusterError) return each.message;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
