/**
 * An endpoint with fewer calls of this client in flight is never considered busy. A Node server handles 8 concurrent
 * calls without a slowdown; moving a call away earlier would only cost locality or a warm cache.
 */
export const busyPending = 8;
