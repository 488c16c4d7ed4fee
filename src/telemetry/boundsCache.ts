// Confidence bounds for metrics: they cost too much to be computed at every pass.

import type { BoundsView, DeploymentView } from './deploymentView.ts';

/** Bounds by check. */
type KnownBounds = ReadonlyMap<string, BoundsView>;

export interface BoundsCache {
  /** The newest view of an object, whose bounds are wanted. */
  readonly record: (object: string, view: DeploymentView) => void;
  readonly forget: (object: string) => void;
  /** Bounds of its checks that were computed last. */
  readonly known: (object: string) => KnownBounds;
  /** Computes the bounds of those that have waited longest, and gives the views whose bounds are new. */
  readonly refresh: () => readonly DeploymentView[];
}

/** Time of a scrape that goes into bounds; at least one release gets its own. */
const BOUNDS_MS = 50;
/** Views hold all rows of a release until their bounds are known: beyond so many they would be a burden. */
const MOST_WAITING = 200;

/**
 * Bounds are computed at most once for each look, at a scrape, and with many releases in turn: all at once would hold up everything.
 * `monotonicMs` never goes back.
 */
export function createBoundsCache(monotonicMs: () => number): BoundsCache {
  const waiting = new Map<string, DeploymentView>();
  const known = new Map<string, KnownBounds>();
  const forget = (object: string): void => {
    waiting.delete(object);
    known.delete(object);
  };
  return {
    record: (object, view) => {
      if (!view.checks.some(({ bounds }) => bounds)) forget(object);
      else if (waiting.has(object) || waiting.size < MOST_WAITING) waiting.set(object, view);
    },
    forget,
    known: (object) => known.get(object) ?? new Map<string, BoundsView>(),
    refresh: () => {
      const untilMs = monotonicMs() + BOUNDS_MS;
      const refreshed: DeploymentView[] = [];
      for (const [object, view] of waiting) {
        if (refreshed.length > 0 && monotonicMs() >= untilMs) break;
        waiting.delete(object);
        known.set(object, boundsOf(view));
        refreshed.push(view);
      }
      return refreshed;
    },
  };
}

function boundsOf({ checks }: DeploymentView): KnownBounds {
  return new Map(
    checks.flatMap(({ check, bounds }) => {
      const found = bounds?.();
      // Bounds are computed as they are read: all are, here.
      return found ? [[check, { ...found }] as const] : [];
    }),
  );
}
