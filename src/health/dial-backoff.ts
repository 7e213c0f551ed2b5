/**
 * Returns how long to wait, in ms, before the next attempt to connect (dial) to an endpoint. The wait is uniformly
 * random between 0 and an upper bound (full jitter). The upper bound is 100 ms after the first failed dial, doubles
 * with each further failed dial, and never exceeds 5 s.
 *
 * @param failedDials - number of consecutive failed dials of the endpoint
 * @param random - random number, uniform in [0, 1)
 * @see [C4.1](../../docs/guarantees.md#c4-1)
 */
export function dialBackoffMs(failedDials: number, random: number): number {
  return random * Math.min(5_000, 100 * 2 ** Math.max(failedDials - 1, 0));
}
