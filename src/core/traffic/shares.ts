// Shares of the requests by the number of pods: what can be had where no gateway weighs.

/** Per cent that the candidate gets when each pod gets as much as any other. */
export function shareOf(candidatePods: number, stablePods: number): number {
  const all = candidatePods + stablePods;
  return all === 0 ? 0 : (100 * candidatePods) / all;
}

/**
 * Pods of a candidate whose share beside `size` stable ones comes nearest to `weight` per cent: at least one, at most as many as stable has,
 * since stable is never scaled to make a ratio. All of the traffic needs a full set.
 */
export function podsForShare(weight: number, size: number): number {
  if (weight >= 100) return size;
  let best = 1;
  for (let pods = 2; pods <= size; pods += 1) {
    if (Math.abs(shareOf(pods, size) - weight) < Math.abs(shareOf(best, size) - weight)) best = pods;
  }
  return best;
}

/** What these weights become with `size` pods, in words; undefined when each can be met to the per cent. */
export function sayShares(weights: readonly number[], size: number): string | undefined {
  const changed = weights.flatMap((weight) => {
    const had = weight >= 100 ? 100 : Math.round(shareOf(podsForShare(weight, size), size));
    return had === weight ? [] : [`${weight} % becomes ${had} %`];
  });
  return changed.length === 0 ? undefined : `${size} replica${size === 1 ? '' : 's'}: ${changed.join(', ')}`;
}
