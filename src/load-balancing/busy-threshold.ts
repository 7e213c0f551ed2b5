/**
 * An endpoint is busy if this client has at least this number of calls in flight at the endpoint. A Node server handles
 * 8 concurrent calls without a slowdown.
 */
export const busyPending = 8;
