/**
 * Waiting times between tries, in ms. The bound of the wait doubles with each failure in a row, up to `maxMs`. The wait
 * itself follows one of these rules:
 *
 * - Full jitter, {@link backoffMs}: uniform from 0 to the bound. The default.
 * - Full jitter after a minimum, `retryDelayMs` in `server-requested-delay.ts`, and `RegistryRetries`: for a program that
 *   must not get two requests without a pause.
 * - Equal jitter, {@link equalJitterMs}: uniform from half the bound to the bound. For a server or database that needs
 *   time to recover.
 * - No jitter, {@link backoffBoundMs}: for tries on the same host, which no other program makes at the same time.
 *
 * Intervals that do not double, such as that between two renewals of a lease, are spread around their mean instead.
 */
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

/**
 * Returns a wait in ms: uniform from half the bound to the bound (equal jitter).
 *
 * @param random - uniform in [0, 1)
 */
export function equalJitterMs(boundMs: number, random: number): number {
  return (boundMs * (1 + random)) / 2;
}
