/** Limits and defaults of the registry's HTTP interface. @see [C8.2](../../docs/guarantees.md#c8-2) */
export const limits = Object.freeze({
  /** Applies to the head of a request. */
  maxHeaderBytes: 16 * 1024,
  /** Applies to a request body, or to one line of an import. */
  maxBodyBytes: 64 * 1024,
  maxJsonDepth: 16,
  minLeaseMs: 1_000,
  maxLeaseMs: 7 * 24 * 3_600_000,
  defaultPort: 4711,
  defaultLeaseMs: 10_000,
  /** A lookup guarantees its result for this time by default. */
  defaultGuaranteedMs: 5_000,
  /** A client without a watch may use a lookup result for this time. */
  lookupTtlMs: 5_000,
  /** Counts services, links and directories. */
  maxNames: 2_000_000,
  maxManifestNameLength: 63,
  /** Per service. */
  maxEndpoints: 10_000,
  /** Per principal: services, links and directories that it has created. */
  maxNamesPerPrincipal: 100_000,
  /** Per principal. Without authentication, all loopback addresses are one principal, and so is each other address. */
  maxRegistrations: 1_000,
  /** Without authentication, the first bits of an address that identify a principal. */
  ipv4PrefixLength: 32,
  ipv6PrefixLength: 64,
  /** Longest time for which a lookup may guarantee an entry. */
  maxGuaranteedMs: 3_600_000,
  /** JSON of one endpoint, attributes included, in bytes. */
  maxEndpointBytes: 8 * 1024,
  /** A name counts once more for each of these bytes of its JSON. */
  bytesPerName: 1024,
  /** JSON of a service with its launch parameters, in bytes. */
  maxEntryBytes: 8 * 1024,
  /**
   * JSON of the endpoints of one service with their loads, in bytes. A clerk reads responses of at most 4 MiB, of which
   * the rest leaves 64 KiB.
   */
  maxServiceBytes: 4 * 1024 * 1024 - 64 * 1024,
  /** Names and endpoints that one move or removal may change, and lines of one import. */
  maxChangedNames: 2_000,
  /** Per principal. */
  maxWatches: 64,
  /** Per watch; counts names too. */
  maxGlobs: 10_000,
  /** Per watch. Each changed name is matched with them. */
  maxWildcardGlobs: 1_000,
  /** A client with a full queue of events receives `resync` and a new snapshot. */
  maxQueuedEvents: 256,
  /** Applies to the same queue. */
  maxQueuedBytes: 64 * 1024,
  heartbeatMs: 5_000,
  maxConnections: 4_096,
  /** Applies to renewals in a request, entries on a page of a listing, and results of a search. */
  maxBatch: 1_000,
  /** Endpoints with one address in a response. */
  maxOwners: 5_000,
  /** 100 endpoint reports with names of maximum length fit into `maxBodyBytes`. */
  maxReports: 100,
  /** Per principal. Further endpoint reports are ignored. */
  maxStoredReports: 10_000,
  /** Of all principals together. */
  maxStoredReportsOfAll: 100_000,
  /** An endpoint report is stored for this time after the last message with the report. */
  reportTtlMs: 10_000,
  maxLinks: 16,
  maxAuditFileBytes: 8 * 1024 * 1024,
  maxAuditFiles: 16,
});

export const defaultRegistryUrl = `http://127.0.0.1:${String(limits.defaultPort)}`;
/** Used by a program with an identity, or with the key of a registry. */
export const defaultSecuredRegistryUrl = `https://127.0.0.1:${String(limits.defaultPort)}`;
