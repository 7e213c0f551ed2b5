export interface StatusProblem {
  /**
   * `store`: no change can be saved. `leases`: the removal of expired endpoints is delayed. `audit`: changes cannot be
   * recorded, and are refused.
   */
  readonly part: 'store' | 'leases' | 'audit';
  readonly message: string;
}

/** Totals over all names. */
export interface StatusTotals {
  readonly services: number;
  readonly endpoints: number;
  readonly links: number;
  readonly watches: number;
}

/** The totals are absent for a client of a secured registry without the right `read` on `/`. */
export interface StatusResponse extends Partial<StatusTotals> {
  readonly version: string;
  readonly incarnation: string;
  readonly revision: string;
  /** True while the server cannot write the store, and while the removal of expired endpoints is delayed. */
  readonly degraded: boolean;
  /** Absent while all parts work. */
  readonly problems?: readonly StatusProblem[];
  /** Instances whose manifest has changed since they were started. Absent when there is none. */
  readonly outdated?: readonly OutdatedInstance[];
}

/** A running instance that was started with another manifest than the one on disk. */
export interface OutdatedInstance {
  /** Canonical name of the service. */
  readonly name: string;
  /** Instance id. */
  readonly id: string;
  /** What has changed, as text for an operator. */
  readonly reason: string;
}
