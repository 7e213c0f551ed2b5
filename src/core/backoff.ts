/** Waiting times between tries, in ms. The bound of the wait doubles with each failure in a row, up to `maxMs`. */
export interface Backoff {
  /** Bound of the wait after the first failure. */
  readonly firstMs: number;
  /** Maximum of the bound. */
  readonly maxMs: number;
}

/** Returns the bound of the wait after a number of failures in a row, in ms: 0 without a failure. */
export function backoffBoundMs({ firstMs, maxMs }: Backoff, failures: number): number {
  return failures <= 0 ? 0 : Math.min(maxMs, firstMs * 2 ** (failures - 1));
}

/**
 * Returns the wait before the next try, in ms: uniform from 0 to the bound (full jitter). Programs that fail together
 * therefore do not try again together.
 *
 * @param random - uniform in [0, 1)
 */
export function backoffMs(backoff: Backoff, failures: number, random: number): number {
  return random * backoffBoundMs(backoff, failures);
}
