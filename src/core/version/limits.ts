// How much of the outside world is let in. Every number can be raised in the job's options; none is absent.

/** Bounds on what a source may deliver. `ratio` is unpacked to packed bytes of an archive. */
export interface Limits {
  readonly files: number;
  readonly bytes: number;
  readonly ratio: number;
}

/**
 * Time allowed, in milliseconds: `connect` to reach a server, `idle` without a byte, `total` for the whole job, `retry` from a
 * step's first failure to its last new try.
 */
export interface Timeouts {
  readonly connectMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
  readonly retryMs: number;
}

/** 10,000 files and 200 GiB hold every published open-weights model; gzip of real weights stays under 20:1, zeros reach 1032:1. */
export const DEFAULT_LIMITS: Limits = { files: 10_000, bytes: 200 * 1024 ** 3, ratio: 200 };

/** The total lies ten minutes below the deadline of the resolve Job, so that the job itself can say why it ends. */
export const DEFAULT_TIMEOUTS: Timeouts = { connectMs: 10_000, idleMs: 30_000, totalMs: 350 * 60_000, retryMs: 120_000 };

/** Small archives of text compress well and harm nobody: the ratio is looked at beyond this many unpacked bytes. */
export const RATIO_FREE_BYTES = 64 * 1024 ** 2;

/** Longest path of a file inside a version, in bytes of UTF-8: leaves room for the mount point below Linux's PATH_MAX of 4096. */
export const MAX_PATH_BYTES = 1024;

/** Longest segment of such a path, in bytes: NAME_MAX of every usual Linux file system. */
export const MAX_SEGMENT_BYTES = 255;

/** Deepest nesting of such a path, in segments. */
export const MAX_DEPTH = 32;
