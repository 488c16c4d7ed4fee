// What keeps a short program small beside the limit of the old generation, which its container gives (SMALL_HEAP in template.ts). The
// container is part of a revision that stands for good; this is not.

import { setFlagsFromString } from 'node:v8';

/**
 * Changes V8 in this process. The young generation stays at its first size: left to grow, it takes so much of the 64 MiB that V8 does
 * little else than collect the old one. And one of the compilers takes 20 MiB while it works, more than the whole heap.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--no-maglev');
}
