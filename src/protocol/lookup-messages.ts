/**
 * JSON messages between clerks, services, the command line and the registry. These messages contain durations and never
 * instants, because the clocks of hosts differ. A revision is a decimal string that grows with every durable change,
 * and may exceed the safe integers of JavaScript. Revisions are comparable only within one incarnation.
 *
 * @see [C1.7](../../docs/guarantees.md#c1-7), [C5.2](../../docs/guarantees.md#c5-2)
 */
import type { AddressString } from '../core/address.js';
import type { KeyPin } from '../core/key-pin.js';
import type { Load } from '../core/load-report.js';
import type { ListEntry, ResolutionStep, ScheduledChange } from '../core/registry.js';
import type { AttemptTimeoutOptions, RetryOptions } from '../core/retry-options.js';

/** An endpoint, as the registry states it. */
export interface EndpointMessage {
  /** Instance id. */
  readonly id: string;
  /** Fencing number of the registration. */
  readonly epoch: number;
  /** Addresses, best first. */
  readonly addresses: readonly AddressString[];
  /** The elements of `addresses` that the service found on its network interfaces. Absent if there is none. */
  readonly enumeratedAddresses?: readonly AddressString[];
  /** Whether the endpoint answers an instance check with its instance id. Absent when false. */
  readonly namesInstance?: boolean;
  /** Name of the host; null when unknown. */
  readonly host: string | null;
  /** Boot id and network namespace of the host. Absent when unknown. */
  readonly hostId?: string;
  /** Zone of the host; null when unknown. */
  readonly zone: string | null;
  /** Semver version of the service; null when unknown. */
  readonly version: string | null;
  /** Relative share of the calls, 0 to 1,000. An endpoint with 0 is called only when no other endpoint is available. */
  readonly weight: number;
  /** Attributes, by key. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Key of the endpoint. Absent in a registry that is not secured. */
  readonly key?: KeyPin;
  /** The key before a rotation, for as long as it is valid. */
  readonly formerKey?: KeyPin;
  /** Certificate of the key: DER in base64. */
  readonly cert?: string;
  /** Time for which the endpoint stays registered without a renewal, in ms. */
  readonly leaseMs: number;
  /**
   * `starting`: the endpoint has not accepted a connection yet. A lookup lists such an endpoint in the field `starting`
   * of the response, and not in `endpoints`.
   */
  readonly state: 'up' | 'draining' | 'suspect' | 'starting';
  /** The load that the endpoint reported with its last renewal. Present only in results of lookups. */
  readonly load?: Load;
}

/** The result of a lookup. */
export interface ResolveResponse {
  /** The requested name. */
  readonly name: string;
  /** The name of the entry, after all links. */
  readonly canonical: string;
  /** A `directory` contains names, and a `group` contains principals. Both have no endpoints, and cannot be called. */
  readonly kind: 'service' | 'directory' | 'group';
  /** The entries on the path to the name. */
  readonly path: readonly ResolutionStep[];
  /**
   * Whether names may exist below the canonical name of a service, so that the client must look up a longer name.
   * `false`: no name below exists that the client may know of. Absent for a directory or group.
   */
  readonly namesBelow?: boolean;
  /** The endpoints of the service that accept connections. */
  readonly endpoints: readonly EndpointMessage[];
  /** Endpoints that have registered before they accept connections. Absent if there is none. */
  readonly starting?: readonly EndpointMessage[];
  /** Name of the load-balancing policy; null when each client chooses. */
  readonly policy: string | null;
  /** Call timeout, in ms. Absent for the default of the client. */
  readonly timeoutMs?: number;
  /** Attempt timeout, in ms. Absent for the default of the client. */
  readonly attemptTimeoutMs?: number | AttemptTimeoutOptions;
  /** With `false`, a request that was sent is not retried. */
  readonly retries?: RetryOptions | false;
  /** Whether a launcher can start the service. */
  readonly launchable: boolean;
  /**
   * Endpoints under review. Every client that calls such an endpoint should report whether the endpoint is reachable.
   * Absent if there is none.
   */
  readonly healthQueried?: readonly string[];
  /** Changes of the entries on the path that are scheduled. Absent if there is none. */
  readonly scheduled?: readonly ScheduledChange[];
  /** Decimal number that grows with every change of this incarnation. */
  readonly revision: string;
  /**
   * Proof that the registry has issued the revision. Clients return `<incarnation>:<revision>:<mark>` in the header
   * `clerk-position`. Empty while the registry cannot save changes.
   */
  readonly mark?: string;
  /** Changes when the registry loses its data. */
  readonly incarnation: string;
  /** The shortest guarantee of the entries on the path, in ms from the request. */
  readonly guaranteedMs: number;
  /** Time for which a client may use the response, in ms from the request. */
  readonly ttlMs: number;
  /**
   * Maximum age of the data in the response at the time of the request, in ms. Absent from a registry with one server,
   * whose responses are never older than the request.
   */
  readonly ageMs?: number;
  /**
   * Whether the server has not reached the database that it shares with other servers for more than 1 s. In this case,
   * all guarantees of the response are 0. Absent when false.
   */
  readonly stale?: true;
}

/** One page, in the order of `compareNames`. */
export interface ListResponse {
  readonly entries: readonly ListEntry[];
  /** Value of the query parameter `after` for the next page; null on the last page. */
  readonly next: string | null;
  readonly revision: string;
  readonly mark?: string;
  readonly incarnation: string;
}

/** A service, and the endpoints that a search has found in it. */
export interface SearchMessage {
  /** Name of the service. */
  readonly name: string;
  /** At least one endpoint. */
  readonly endpoints: readonly EndpointMessage[];
}

/** One page, in the order of `compareNames`. A page may be empty although a next page exists. */
export interface SearchResponse {
  readonly entries: readonly SearchMessage[];
  /** Value of the query parameter `after` for the next page; null on the last page. */
  readonly next: string | null;
  readonly revision: string;
  readonly mark?: string;
  readonly incarnation: string;
}

/** Registrations that have the requested address. @see [DEC C12](../../docs/background.md#arch-c12) (back-map) */
export interface WhoisResponse {
  readonly owners: readonly AddressOwner[];
}

/** A registration that has a given address. */
export interface AddressOwner {
  /** Canonical name of the service. */
  readonly name: string;
  /** Instance id. */
  readonly id: string;
  /** Fencing number of the registration. */
  readonly epoch: number;
}
