/**
 * Waiting times that another program asks for, as with `Retry-After`. These times are limited, because a wrong or
 * hostile answer must not cause requests without a pause.
 */

/** Minimum wait before a request is repeated, in ms, even if the other program asks for a shorter wait. */
export const minRemoteWaitMs = 100;

/**
 * Limits a wait to the range from 100 ms to `maxMs`. A missing wait, or a wait that is not a number, becomes 100 ms.
 */
export function clampWaitMs(askedMs: number | undefined, maxMs: number): number {
  if (askedMs === undefined || Number.isNaN(askedMs)) return minRemoteWaitMs;
  return Math.max(minRemoteWaitMs, Math.min(askedMs, maxMs));
}

export interface RetryDelay {
  /** The wait that the other program asks for, in ms; any number. */
  readonly askedMs?: number | undefined;
  readonly maxAskedMs: number;
  /** Maximum of the random part, in ms. */
  readonly backoffMs: number;
}

/**
 * Returns the delay before a request is repeated, in ms: the clamped wait, and a random part that spreads the requests
 * of many programs. Without `askedMs`, the delay is uniform from 100 ms to `backoffMs`.
 *
 * @param random - uniform in [0, 1)
 */
export function retryDelayMs(random: number, { askedMs, maxAskedMs, backoffMs }: RetryDelay): number {
  return clampWaitMs(askedMs, maxAskedMs) + random * Math.max(0, backoffMs - minRemoteWaitMs);
}
