/** A stretch of unchanged weight, after its settle time; both ends included, open while `toMs` is absent. */
export interface Window {
  readonly fromMs: number;
  readonly toMs?: number;
}

/** The burst factor looks at so many stable intervals before the release at most. */
export const HISTORY_INTERVALS = 120;

export function contains(window: Window, { atMs }: { readonly atMs: number }): boolean {
  return atMs >= window.fromMs && atMs <= (window.toMs ?? Infinity);
}
