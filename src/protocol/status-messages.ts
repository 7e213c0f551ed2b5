import type { ScheduledChange } from '../core/registry.js';

/** A part of the server that does not work. */
export interface StatusProblem {
  /**
   * `store`: no change can be saved. `leases`: the removal of expired endpoints is delayed. `audit`: changes cannot be
   * recorded, and are refused.
   */
  readonly part: 'store' | 'leases' | 'audit';
  /** What is wrong and what to do, as text for an operator. */
  readonly message: string;
}

/** Totals over all names. */
export interface StatusTotals {
  /** Number of services. */
  readonly services: number;
  /** Number of endpoints. */
  readonly endpoints: number;
  /** Number of links. */
  readonly links: number;
  /** Number of open watches. */
  readonly watches: number;
  /** The scheduled changes that apply first, at most 100. Absent when there is none. */
  readonly scheduled?: readonly ScheduledChange[];
}

/** The totals are absent for a client of a secured registry without the right `read` on `/`. */
export interface StatusResponse extends Partial<StatusTotals> {
  /** Version of the server. */
  readonly version: string;
  /** Changes when the registry loses its data. */
  readonly incarnation: string;
  /** Decimal number that grows with every change of this incarnation. */
  readonly revision: string;
  /** True while a part of the server does not work. */
  readonly degraded: boolean;
  /** Absent while all parts work. */
  readonly problems?: readonly StatusProblem[];
  /** Instances whose manifest has changed since they were started. Absent when there is none. */
  readonly outdated?: readonly OutdatedInstance[];
}

/** A running instance whose manifest has changed on disk since the instance was started. */
export interface OutdatedInstance {
  /** Canonical name of the service. */
  readonly name: string;
  /** Instance id. */
  readonly id: string;
  /** What has changed, as text for an operator. */
  readonly reason: string;
}
