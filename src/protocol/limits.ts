/** Limits and defaults of the registry's HTTP interface. @see [C8.2](../../docs/guarantees.md#c8-2) */
export const limits = Object.freeze({
  /** Maximum size of the head of a request, in bytes. */
  maxHeaderBytes: 16 * 1024,
  /** Maximum size of a request body, in bytes. For an import, the maximum size of a line. */
  maxBodyBytes: 64 * 1024,
  /** Maximum nesting depth of objects and lists in a request body. */
  maxJsonDepth: 16,
  minLeaseMs: 1_000,
  /** Longest lease and longest guarantee, in ms: 7 days. */
  maxLeaseMs: 7 * 24 * 3_600_000,
  defaultPort: 4711,
  defaultLeaseMs: 10_000,
  /** Default time for which a lookup result is guaranteed, in ms. */
  defaultGuaranteedMs: 5_000,
  /** A client without a watch may use a lookup result for this time, in ms. */
  lookupTtlMs: 5_000,
  /** Maximum number of names of a registry: services, links and directories. */
  maxNames: 2_000_000,
  /** Maximum length of the name of a manifest. */
  maxManifestNameLength: 63,
  /** Maximum number of endpoints of a service. */
  maxEndpoints: 10_000,
  /** Maximum number of registrations per principal. Without authentication, each client address is a principal. */
  maxRegistrations: 1_000,
  /** Maximum number of watches per principal. Without authentication, each client address is a principal. */
  maxWatches: 64,
  /** Maximum number of globs and names per watch. */
  maxGlobs: 10_000,
  /**
   * Maximum number of queued events of a slow client. A client with a full queue receives `resync` and a new
   * snapshot.
   */
  maxQueuedEvents: 256,
  /** Interval between heartbeats on an idle watch, in ms. */
  heartbeatMs: 5_000,
  maxConnections: 4_096,
  /** Maximum number of renewals in a request, of entries on a page of a listing, and of results of a search. */
  maxBatch: 1_000,
  /**
   * Maximum number of endpoint reports in a request. 100 reports with names of maximum length fit into
   * `maxBodyBytes`.
   */
  maxReports: 100,
  /** Maximum number of stored endpoint reports per principal. Further endpoint reports are ignored. */
  maxStoredReports: 10_000,
  /** An endpoint report is stored for this time after the last message with the report, in ms. */
  reportTtlMs: 10_000,
  /** Maximum number of links that are followed in one lookup. */
  maxLinks: 16,
});

/** URL at which the bundled registry server listens by default. */
export const defaultRegistryUrl = `http://127.0.0.1:${String(limits.defaultPort)}`;
