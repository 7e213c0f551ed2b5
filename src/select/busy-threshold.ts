/**
 * An endpoint counts as busy if this client has at least this number of calls in flight there. A Node server handles 8
 * concurrent calls without a slowdown. To move a call away from an endpoint that is not busy would only lose locality
 * or a warm cache.
 */
export const busyPending = 8;
