/**
 * Number of calls of this client in flight from which an endpoint counts as busy. A Node server handles 8 concurrent
 * calls without a slowdown, so moving a call away from fewer would only lose locality or a warm cache.
 */
export const busyPending = 8;
