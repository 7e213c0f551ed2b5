/**
 * Number of calls in flight from which an endpoint counts as busy. Only calls of this client count. A Node server
 * handles 8 concurrent calls without a slowdown. Moving a call away from an endpoint with fewer calls would only lose
 * locality or a warm cache.
 */
export const busyPending = 8;
