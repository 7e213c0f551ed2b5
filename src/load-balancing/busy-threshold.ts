/**
 * An endpoint with at least this number of calls in flight of this client counts as busy. A Node server handles 8
 * concurrent calls without a slowdown.
 */
export const busyPending = 8;
