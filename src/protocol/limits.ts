/**
 * Limits and defaults of the registry's HTTP interface, for clients and servers. @see
 * [C8.2](../../docs/guarantees.md#c8-2)
 */
export const limits = Object.freeze({
  /** Maximum size of the head of a request, in bytes. */
  maxHeaderBytes: 16 * 1024,
  /**
   * Maximum size of a request body, in bytes. The body of an import may be longer; the limit then applies to each line.
   */
  maxBodyBytes: 64 * 1024,
  /** Maximum nesting depth of objects and lists in a request body. */
  maxJsonDepth: 16,
  /** Shortest lease, in ms. */
  minLeaseMs: 1_000,
  /** Longest lease and longest guarantee, in ms: 7 days. */
  maxLeaseMs: 7 * 24 * 3_600_000,
  /** Default lease of an endpoint, in ms. */
  defaultLeaseMs: 10_000,
  /** Default time for which a lookup of an entry is guaranteed, in ms. */
  defaultGuaranteedMs: 5_000,
  /** Time for which a client that has no watch may use a lookup result, in ms. */
  lookupTtlMs: 5_000,
  /** Maximum number of endpoints per service. */
  maxEndpoints: 10_000,
  /** Maximum number of registrations per principal; without authentication, per client address. */
  maxRegistrations: 1_000,
  /** Maximum number of open watches per principal; without authentication, per client address. */
  maxWatches: 64,
  /** Maximum number of globs and names per watch. */
  maxGlobs: 10_000,
  /**
   * Maximum number of events queued for a slow client. When the queue is full, the client receives `resync` and a new
   * snapshot.
   */
  maxQueuedEvents: 256,
  /** Interval between heartbeats on an idle watch, in ms. */
  heartbeatMs: 5_000,
  /** Maximum number of connections of the server. */
  maxConnections: 4_096,
  /** Maximum number of renewals in a request, of entries on a page of a listing, and of results of a search. */
  maxBatch: 1_000,
  /**
   * Maximum number of endpoint reports per health report. With this maximum, a health report fits into a request body
   * even when all names have the maximum length.
   */
  maxReports: 100,
  /**
   * Maximum number of stored endpoint reports per principal. When a principal has this many, new endpoint reports of
   * the principal are ignored.
   */
  maxStoredReports: 10_000,
  /** Time for which an endpoint report is stored after the client sent the report last, in ms. */
  reportTtlMs: 10_000,
  /** Maximum number of links followed in one lookup. */
  maxLinks: 16,
});
