import type { AddressString } from '../core/address.js';
import type { CallActivity } from '../core/call-activity.js';
import type { Load } from '../core/load-report.js';
import type { HealthReport } from '../core/registry.js';

/** Registers an endpoint, or changes its registration. Creates an implicit service if the service does not exist. */
export interface RegisterRequest {
  readonly name: string;
  /** Instance id, never reused for another instance; 1 to 128 printable ASCII characters without spaces. */
  readonly id: string;
  /**
   * Fencing number of the last registration of this id, or of the launch of this service. Must be a number that the
   * registry has given to this id. Default: the next fencing number.
   */
  readonly epoch?: number;
  /** Secret from the response to the registration with `epoch`. Needed to change or to resume that registration. */
  readonly secret?: string;
  readonly addresses: readonly AddressString[];
  /** Requested lease, from 1 second to 7 days. Default 10,000. */
  readonly leaseMs?: number;
  /** The elements of `addresses` that the service found on its network interfaces. Default: none. */
  readonly enumeratedAddresses?: readonly AddressString[];
  /** Whether the endpoint answers an instance check with its instance id. Default false. */
  readonly namesInstance?: boolean;
  /** Whether renewals will state `servedAgoMs`. Default false. */
  readonly countsCalls?: boolean;
  /** `starting`: the endpoint does not accept connections yet, so clients do not call it. Default `up`. */
  readonly state?: 'up' | 'starting';
  readonly host?: string | null;
  /** Identity of the host: boot id and network namespace. Default: unknown. */
  readonly hostId?: string;
  readonly zone?: string | null;
  readonly version?: string | null;
  readonly weight?: number;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly ticket?: string;
}

export interface RegisterResponse {
  readonly epoch: number;
  /**
   * Secret of the registration, for renewals, changes and the withdrawal. The registry stores only its digest. A new
   * epoch has a new secret.
   */
  readonly secret: string;
  readonly leaseMs: number;
  readonly revision: string;
  readonly incarnation: string;
  /** The present name, when the service was moved away from the name of the request. */
  readonly name?: string;
  /** Result of `launchProof`. Present when the request had a ticket. @see [T9](../../docs/background.md#t9) */
  readonly proof?: string;
}

/** Renews all leases of a process in one request. @see [DEC C4](../../docs/background.md#arch-c4) */
export interface RenewRequest {
  readonly renewals: readonly Renewal[];
}

export interface Renewal {
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
  /** Secret from the response to the registration. */
  readonly secret?: string;
  readonly load?: Load;
  /**
   * Calls of the process of a launched service. A process that does not state its calls is never stopped for being
   * idle. @see [C6.6](../../docs/guarantees.md#c6-6)
   */
  readonly activity?: CallActivity;
  /**
   * Time since the endpoint last answered a call, in ms. Before the first call, time since the endpoint began to count
   * calls. Absent if the service does not count calls.
   */
  readonly servedAgoMs?: number;
  /**
   * Whether a suspect endpoint claims to be healthy. The registry then discards the unreachable reports about the
   * endpoint.
   */
  readonly claimsHealthy?: boolean;
}

export interface RenewResponse {
  /**
   * One result per renewal, in the order of the request. `lost`: the endpoint must be registered again. `fenced`: the
   * registration was withdrawn or replaced by a higher epoch, or the secret is wrong.
   */
  readonly results: readonly ('renewed' | 'lost' | 'fenced')[];
  /** Indexes, from 0, of the renewals whose endpoints are suspect. Absent when no endpoint is suspect. */
  readonly suspects?: readonly number[];
  /**
   * Present names of the services that were moved away from the names of their renewals. Absent when there is none.
   * Later requests should use the present name.
   */
  readonly moved?: readonly MovedRenewal[];
  readonly incarnation: string;
}

export interface MovedRenewal {
  /** Index of the renewal, from 0. */
  readonly index: number;
  readonly name: string;
}

/** Each report is stored for 10 s. Reports on unknown endpoints are ignored. */
export type ReportRequest = HealthReport;

/**
 * Makes an endpoint `draining`. The endpoint is removed when no client can still use an earlier lookup result. With
 * `now`, the endpoint is removed at once.
 */
export interface WithdrawRequest {
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
  readonly secret?: string;
  readonly now?: boolean;
}
