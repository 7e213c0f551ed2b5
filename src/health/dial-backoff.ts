/**
 * Backoff before the next dial of an endpoint that cannot be connected to, in ms: uniformly random between 0 and an
 * upper bound (full jitter). The upper bound is 100 ms after the first failed dial, doubles with each further one and
 * is 5 s at most.
 *
 * @param failedDials - number of failed dials in a row
 * @param random - uniform in [0, 1)
 * @see [C4.1](../../docs/guarantees.md#c4-1)
 */
export function dialBackoffMs(failedDials: number, random: number): number {
  return random * Math.min(5_000, 100 * 2 ** Math.max(failedDials - 1, 0));
}
