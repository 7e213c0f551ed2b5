/** When an endpoint that a rule prefers has so much to do that another may take the call. */

/**
 * Calls of this clerk in flight below which an endpoint is never called busy. A Node server handles eight at once
 * without noticing; below that, moving a call away costs nearness or a warm cache and wins nothing.
 */
export const busyPending = 8;

/**
 * How many times lower the load of a farther endpoint must be to take the call of a busy nearer one. The load is a
 * latency times calls in flight, so a farther one that answers as fast is used once the nearer queue is four times as
 * long, and one whose latency is doubled by the way once it is eight times as long.
 */
export const spilloverLoadRatio = 4;
