// How an expected failure travels through streams, which can carry nothing but errors. It is turned back into a value at the
// edge of each step; no caller of this folder ever sees it thrown.

import { success } from '../core/version/failure.ts';
import type { Failure, Outcome } from '../core/version/failure.ts';

export class SourceError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure, options?: ErrorOptions) {
    super(failure.message, options);
    this.name = 'SourceError';
    this.failure = failure;
  }
}

/** An error to throw for `outcome`'s failure. */
export function errorOf(outcome: { readonly failure: Failure }, cause?: unknown): SourceError {
  return new SourceError(outcome.failure, { cause });
}

/** The failure that an error carries. Any other error is unexpected and thrown on. */
export function failureOf(error: unknown): { readonly ok: false; readonly failure: Failure } {
  if (error instanceof SourceError) return { ok: false, failure: error.failure };
  throw error;
}

/** The `code` of a Node error ('ENOSPC'), or '' when it has none. */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

/** The path that an error of the file system names, '' if it names none; undefined for any other error. */
export function systemErrorPath(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('errno' in error)) return undefined;
  return 'path' in error && typeof error.path === 'string' ? error.path : '';
}

/** The value of an outcome inside a step that may throw. */
export function valueOf<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw errorOf(outcome);
  return outcome.value;
}

/** Runs a step that may throw SourceErrors. */
export async function caught<T>(step: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return success(await step());
  } catch (error) {
    return failureOf(error);
  }
}
