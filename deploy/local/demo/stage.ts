// What every part of the demo works with.
import type { Errands, Teardown } from './interruption.ts';
import type { Narrator } from './narrator.ts';

export interface Stage {
  readonly narrator: Narrator;
  readonly errands: Errands;
  readonly teardown: Teardown;
  /** Wall-clock milliseconds. */
  readonly now: () => number;
}
