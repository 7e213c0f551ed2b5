/** Bounds of the server's interface; each is tested below, at and above. @see promises C8.2 */

/** What both sides of the interface hold to. */
export const limits = Object.freeze({
  /** Most bytes of a request's head. */
  maxHeaderBytes: 16 * 1024,
  /** Most bytes of a request's body; an import is streamed and bounded line by line. */
  maxBodyBytes: 64 * 1024,
  /** Most levels of objects and lists in a body. */
  maxJsonDepth: 16,
  /** Shortest lease, in ms. */
  minLeaseMs: 1_000,
  /** Longest lease and longest promise, in ms: 7 days. */
  maxLeaseMs: 7 * 24 * 3_600_000,
  /** Lease of an endpoint that asks for none, in ms. */
  defaultLeaseMs: 10_000,
  /** Promise on structure where the entry sets none, in ms. */
  defaultGuaranteedMs: 5_000,
  /** For how long an answer may be used without asking again where the watch is silent, in ms. */
  lookupTtlMs: 5_000,
  /** Endpoints of one service. */
  maxEndpoints: 10_000,
  /** Endpoints that one principal may have registered; without principals, all from one address. */
  maxRegistrations: 1_000,
  /** Open watches of one principal; without principals, of one address. */
  maxWatches: 64,
  /** Globs and names of one watch. */
  maxGlobs: 10_000,
  /** Events that wait for a slow watcher; beyond, it is told to begin anew. */
  maxQueuedEvents: 256,
  /** A watch without an event says that it lives this often, in ms. */
  heartbeatMs: 5_000,
  /** Connections of the server. */
  maxConnections: 4_096,
  /** Renewals, or lines of a listing, in one message. */
  maxBatch: 1_000,
  /** Opinions in one report: as many as fit into a body, however long their names. */
  maxReports: 100,
  /** Opinions of one principal that are kept at a time; what comes beyond is not heard. */
  maxStoredReports: 10_000,
  /** An opinion that is not repeated is forgotten after so long, in ms. */
  reportTtlMs: 10_000,
  /** Links followed in one look-up. */
  maxLinks: 16,
});
