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
  /** Time for which a lookup result may be used without a watch, in ms. */
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
  /** Maximum number of renewals in a request, and of entries on a page of a listing. */
  maxBatch: 1_000,
  /**
   * Maximum number of endpoint reports per health report. A health report thus fits into a request body with names of
   * any length.
   */
  maxReports: 100,
  /** Maximum number of stored endpoint reports per principal; further endpoint reports are ignored. */
  maxStoredReports: 10_000,
  /** Time for which an endpoint report is stored after the last repetition, in ms. */
  reportTtlMs: 10_000,
  /** Maximum number of links followed in one lookup. */
  maxLinks: 16,
});
