/** Limits and defaults of the registry's HTTP interface. @see [C8.2](../../docs/guarantees.md#c8-2) */
export const limits = Object.freeze({
  /** Maximum size of the head of a request. */
  maxHeaderBytes: 16 * 1024,
  /** Maximum size of a request body, or of one line of an import. */
  maxBodyBytes: 64 * 1024,
  maxJsonDepth: 16,
  minLeaseMs: 1_000,
  maxLeaseMs: 7 * 24 * 3_600_000,
  defaultPort: 4711,
  defaultLeaseMs: 10_000,
  /** Default of the time for which a lookup guarantees its result. */
  defaultGuaranteedMs: 5_000,
  /** A client without a watch may use a lookup result for this time. */
  lookupTtlMs: 5_000,
  /** Maximum number of services, links and directories of all principals together. */
  maxNames: 2_000_000,
  maxManifestNameLength: 63,
  /** Maximum number of endpoints of one service. */
  maxEndpoints: 10_000,
  /** Maximum number of services, links and directories that one principal has created and that still exist. */
  maxNamesPerPrincipal: 100_000,
  /**
   * Maximum number of registrations of one principal. Without authentication, all loopback addresses together are one
   * principal, and each other address is a principal of its own.
   */
  maxRegistrations: 1_000,
  /** Without authentication, number of leading bits of an address that identify a principal. */
  ipv4PrefixLength: 32,
  ipv6PrefixLength: 64,
  /** Longest time for which a lookup may guarantee an entry. */
  maxGuaranteedMs: 3_600_000,
  /** Maximum size of the JSON of one endpoint, including its attributes, in bytes. */
  maxEndpointBytes: 8 * 1024,
  /** For each such number of bytes in its JSON, an entry counts as one additional name in the limit of its creator. */
  bytesPerName: 1024,
  /** Maximum size of the JSON of a service with its launch parameters, in bytes. */
  maxEntryBytes: 8 * 1024,
  /**
   * Maximum size of the JSON of all endpoints of one service with their loads, in bytes. A clerk reads responses of at
   * most 4 MiB, and 64 KiB are reserved for the other fields of a response.
   */
  maxServiceBytes: 4 * 1024 * 1024 - 64 * 1024,
  /** Maximum number of names and endpoints that one move or removal changes, and of lines in one import. */
  maxChangedNames: 2_000,
  /** Maximum size of the lines that a client sends as one import, in bytes. The server accepts twice as much. */
  maxImportPartBytes: 8 * 1024 * 1024,
  /** Former names of a moved service that its launcher and its program know. */
  maxFormerNames: 16,
  /** Maximum number of watches of one principal. */
  maxWatches: 64,
  /** Maximum number of names and globs of one watch. */
  maxGlobs: 10_000,
  /** Maximum number of globs of one watch that have wildcards. Each changed name is matched with each such glob. */
  maxWildcardGlobs: 1_000,
  /** Maximum number of characters in the names and globs of all watches of one principal together. */
  maxGlobBytes: 16 * 2 ** 20,
  /** Maximum number of characters in the names and globs of all watches of all principals together. */
  maxGlobBytesOfAll: 128 * 2 ** 20,
  /**
   * Maximum number of events in the queue of a watch. If the queue is full, the client receives `resync` and a new
   * snapshot.
   */
  maxQueuedEvents: 256,
  /** Maximum size of the queue of a watch. */
  maxQueuedBytes: 64 * 1024,
  heartbeatMs: 5_000,
  maxConnections: 4_096,
  /** Maximum number of renewals in a request, and of entries on a page of a listing or search. */
  maxBatch: 1_000,
  /** Maximum number of registrations in the response to a `whois` request. */
  maxOwners: 5_000,
  /**
   * Maximum number of endpoint reports in a request. 100 reports with names of maximum length fit into `maxBodyBytes`.
   */
  maxReports: 100,
  /** Maximum number of stored endpoint reports of one principal. Further reports are ignored. */
  maxStoredReports: 10_000,
  /** Maximum number of stored endpoint reports of all principals together. */
  maxStoredReportsOfAll: 100_000,
  /** An endpoint report is stored for this time after the last request that contains the report. */
  reportTtlMs: 10_000,
  /** Maximum number of ended instances whose last epochs are stored, of all principals together. */
  maxFences: 100_000,
  maxLinks: 16,
  maxAuditFileBytes: 8 * 1024 * 1024,
  maxAuditFiles: 16,
});

export const defaultRegistryUrl = `http://127.0.0.1:${String(limits.defaultPort)}`;
/** Default registry address of a program that has an identity or the key of a registry. */
export const defaultSecuredRegistryUrl = `https://127.0.0.1:${String(limits.defaultPort)}`;
