/**
 * JSON messages between clerks, services, the command line and the registry. Messages contain durations and never
 * instants, because the clocks of hosts differ. A revision is a decimal string that grows with every durable change,
 * and may exceed the safe integers of JavaScript. Revisions are comparable only within one incarnation.
 *
 * @see [C1.7](../../docs/guarantees.md#c1-7), [C5.2](../../docs/guarantees.md#c5-2)
 */
import type { AddressString } from '../core/address.js';
import type { KeyPin } from '../core/key-pin.js';
import type { Load } from '../core/load-report.js';
import type { ResolutionStep, ListEntry } from '../core/registry.js';
import type { AttemptTimeoutOptions, RetryOptions } from '../core/retry-options.js';

export interface EndpointMessage {
  readonly id: string;
  readonly epoch: number;
  readonly addresses: readonly AddressString[];
  /** The elements of `addresses` that the service found on its network interfaces. Absent if there is none. */
  readonly enumeratedAddresses?: readonly AddressString[];
  /** Whether the endpoint names its instance when a client asks. Absent when false. */
  readonly namesInstance?: boolean;
  readonly host: string | null;
  /** Boot id and network namespace of the host. Absent when unknown. */
  readonly hostId?: string;
  readonly zone: string | null;
  readonly version: string | null;
  readonly weight: number;
  readonly attributes: Readonly<Record<string, string>>;
  /** Key of the endpoint. Absent in a registry that is not secured. */
  readonly key?: KeyPin;
  /** The key before a rotation, for as long as it is valid. */
  readonly formerKey?: KeyPin;
  /** Certificate of the key: DER in base64. */
  readonly cert?: string;
  readonly leaseMs: number;
  /** `starting`: the endpoint has not accepted a connection yet. Lookups list it only in `starting`. */
  readonly state: 'up' | 'draining' | 'suspect' | 'starting';
  /** Reported with the last renewal. Present only in results of lookups. */
  readonly load?: Load;
}

export interface ResolveResponse {
  readonly name: string;
  readonly canonical: string;
  /** A `directory` contains names, and a `group` contains principals. Both have no endpoints, and cannot be called. */
  readonly kind: 'service' | 'directory' | 'group';
  readonly path: readonly ResolutionStep[];
  readonly endpoints: readonly EndpointMessage[];
  /** Endpoints that have registered before they accept connections. Absent if there is none. */
  readonly starting?: readonly EndpointMessage[];
  readonly policy: string | null;
  readonly timeoutMs?: number;
  readonly attemptTimeoutMs?: number | AttemptTimeoutOptions;
  /** With `false`, a request that was sent is not retried. */
  readonly retries?: RetryOptions | false;
  readonly launchable: boolean;
  /**
   * Endpoints under review. Every client that calls such an endpoint should report whether it is reachable. Absent if
   * there is none.
   */
  readonly healthQueried?: readonly string[];
  readonly revision: string;
  /**
   * Mark of the revision. Clients return `<incarnation>:<revision>:<mark>` in the header `clerk-position`. Empty
   * while the registry cannot save changes.
   */
  readonly mark?: string;
  readonly incarnation: string;
  /** The shortest guarantee of the names on the path. Counts from the request. */
  readonly guaranteedMs: number;
  readonly ttlMs: number;
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

export interface SearchResponse {
  readonly entries: readonly { readonly name: string; readonly endpoints: readonly EndpointMessage[] }[];
  readonly revision: string;
  readonly mark?: string;
  readonly incarnation: string;
}

/** Registrations that have the requested address. @see [DEC C12](../../docs/background.md#arch-c12) (back-map) */
export interface WhoisResponse {
  readonly owners: readonly { readonly name: string; readonly id: string; readonly epoch: number }[];
}
