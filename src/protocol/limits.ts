/** Limits of the registry's HTTP interface, for clients and servers. @see [C8.2](../../docs/guarantees.md#c8-2) */
export const limits = Object.freeze({
  /** Size of a request's head, in bytes. */
  maxHeaderBytes: 16 * 1024,
  /** Size of a request body, in bytes. An import is streamed; the limit applies to each line. */
  maxBodyBytes: 64 * 1024,
  /** Nesting of objects and lists in a body. */
  maxJsonDepth: 16,
  /** Shortest lease, in ms. */
  minLeaseMs: 1_000,
  /** Longest lease and longest guarantee: 7 days, in ms. */
  maxLeaseMs: 7 * 24 * 3_600_000,
  /** Default lease of an endpoint, in ms. */
  defaultLeaseMs: 10_000,
  /** Default guaranteed time of an entry, in ms. */
  defaultGuaranteedMs: 5_000,
  /** How long a lookup result may be used without a watch, in ms. */
  lookupTtlMs: 5_000,
  /** Endpoints per service. */
  maxEndpoints: 10_000,
  /** Registrations per principal; without authentication, per client address. */
  maxRegistrations: 1_000,
  /** Open watches per principal; without authentication, per client address. */
  maxWatches: 64,
  /** Globs and names per watch. */
  maxGlobs: 10_000,
  /** Events queued for a slow client; beyond that it receives `resync` and a new snapshot. */
  maxQueuedEvents: 256,
  /** Interval of heartbeats on an idle watch, in ms. */
  heartbeatMs: 5_000,
  /** Connections of the server. */
  maxConnections: 4_096,
  /** Renewals, or lines of a listing, per message. */
  maxBatch: 1_000,
  /** Endpoint reports per health report, so that it fits into a body with names of any length. */
  maxReports: 100,
  /** Endpoint reports stored per principal; further ones are ignored. */
  maxStoredReports: 10_000,
  /** How long an endpoint report is stored unless it is repeated, in ms. */
  reportTtlMs: 10_000,
  /** Links followed in one lookup. */
  maxLinks: 16,
});
