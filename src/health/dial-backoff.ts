/**
 * Backoff before the next dial of an endpoint that cannot be connected to, in ms: full jitter over 100 ms, doubled
 * with each failed dial, up to 5 s.
 *
 * @param failedDials - failed dials in a row
 * @param random - uniform in [0, 1)
 * @see [C4.1](../../docs/guarantees.md#c4-1)
 */
export function dialBackoffMs(failedDials: number, random: number): number {
  return random * Math.min(5_000, 100 * 2 ** Math.max(failedDials - 1, 0));
}
