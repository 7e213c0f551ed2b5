/**
 * JSON messages between clerks, services, the command line and the registry. Messages contain durations and never
 * instants, since clocks differ. Revisions are decimal strings, since a revision may exceed the safe integers. The
 * revision grows with every durable change; revisions are comparable only within one incarnation.
 *
 * @see [C1.7](../../docs/guarantees.md#c1-7), [C5.2](../../docs/guarantees.md#c5-2)
 */
import type { AddressString } from '../core/address.js';
import type { Load } from '../core/load-report.js';
import type { ResolutionStep, ListEntry, HealthReport } from '../core/registry.js';
import type { AttemptTimeoutOptions, RetryOptions } from '../core/retry-options.js';

/** A registered endpoint. */
export interface EndpointMessage {
  readonly id: string;
  readonly epoch: number;
  readonly addresses: readonly AddressString[];
  readonly host: string | null;
  readonly zone: string | null;
  readonly version: string | null;
  readonly weight: number;
  readonly attributes: Readonly<Record<string, string>>;
  readonly leaseMs: number;
  readonly state: 'up' | 'draining' | 'suspect';
  /** The last load that the endpoint reported with a renewal. Only in results of lookups. */
  readonly load?: Load;
}

/** How the launcher starts a service. */
export interface LaunchRule {
  /** Name of a manifest on the launcher's host. */
  readonly manifest: string;
  /** Values for the manifest's parameters. */
  readonly params?: Readonly<Record<string, string | number>>;
}

/** Result of a lookup. A defined service may have no endpoints. */
export interface ResolveResponse {
  /** The requested name. */
  readonly name: string;
  /** The name that remains after all links were followed. */
  readonly canonical: string;
  /**
   * Kind of the entry with the canonical name. A `directory` contains names, has no endpoints, and cannot be called.
   */
  readonly kind: 'service' | 'directory';
  /** The names that the lookup passed, from the requested name to the canonical name. */
  readonly path: readonly ResolutionStep[];
  /** All endpoints of the service. */
  readonly endpoints: readonly EndpointMessage[];
  readonly policy: string | null;
  /** Call timeout of the service config, in ms. */
  readonly timeoutMs?: number;
  /** Attempt timeout of the service config: a number of ms, or bounds. */
  readonly attemptTimeoutMs?: number | AttemptTimeoutOptions;
  /** Retries of the service config; false: no retry after the request was sent. */
  readonly retries?: RetryOptions | false;
  /** Whether a launcher can start the service. */
  readonly launchable: boolean;
  /**
   * Instance ids of endpoints that a client has reported unreachable. Every client that calls such an endpoint should
   * report whether the endpoint is reachable. Absent when there are none.
   */
  readonly healthQueried?: readonly string[];
  readonly revision: string;
  readonly incarnation: string;
  /** Shortest guarantee of the names on the path, in ms from the sending of the request. */
  readonly guaranteedMs: number;
  /** Time for which the endpoints may be used without another lookup, in ms. */
  readonly ttlMs: number;
}

/** One page of a listing, ordered by name. */
export interface ListResponse {
  readonly entries: readonly ListEntry[];
  /** Value of the query parameter `after` that requests the next page; null on the last page. */
  readonly next: string | null;
  readonly revision: string;
  readonly incarnation: string;
}

/** Result of a search. @see [N7](../../docs/background.md#n7) */
export interface SearchResponse {
  readonly entries: readonly { readonly name: string; readonly endpoints: readonly EndpointMessage[] }[];
  readonly revision: string;
  readonly incarnation: string;
}

/** The registrations that contain an address. @see [DEC C12](../../docs/background.md#arch-c12) (back-map) */
export interface WhoisResponse {
  readonly owners: readonly { readonly name: string; readonly id: string; readonly epoch: number }[];
}

/** Status of the registry server. */
export interface StatusResponse {
  readonly version: string;
  readonly incarnation: string;
  readonly revision: string;
  readonly services: number;
  readonly endpoints: number;
  readonly links: number;
  readonly watches: number;
  /**
   * True while the server delays the expiry of leases because too many expired at once, or while the server cannot
   * write the store.
   */
  readonly degraded: boolean;
}

/** Fields of all requests that change entries. */
interface ChangeScheduling {
  /**
   * Has an effect when a guarantee forbids the change now. True: the entry is frozen, and the change applies when the
   * guarantee has expired. False or absent: the request fails with `CHANGE_TOO_EARLY`.
   */
  readonly whenExpired?: boolean;
}

/**
 * Defines a service, or changes the service config of an existing service. An absent field of an existing service keeps
 * its value. An absent field of a new service gets its default.
 */
export interface DefineRequest extends ChangeScheduling {
  readonly name: string;
  /** Name of a load-balancing policy, or null for none. */
  readonly policy?: string | null;
  /** Call timeout, in ms, from 1 ms to 7 days; null for the default of the client. */
  readonly timeoutMs?: number | null;
  /** Attempt timeout, in ms, or its bounds; null for the default of the client. */
  readonly attemptTimeoutMs?: number | AttemptTimeoutOptions | null;
  /** Retries; false: no retry after the request was sent; null for the default of the client. */
  readonly retries?: RetryOptions | false | null;
  /** Time for which a lookup of the entry is guaranteed, in ms, at most 7 days; 0 for no guarantee. Default 5,000. */
  readonly guaranteedMs?: number;
  /** How a launcher starts the service; null when no launcher starts the service. */
  readonly launch?: LaunchRule | null;
}

/** Makes `name` a link to `target`. The target need not exist. @see [G2](../../docs/background.md#g2) */
export interface LinkRequest extends ChangeScheduling {
  readonly name: string;
  readonly target: string;
  readonly guaranteedMs?: number;
}

/** Creates a directory with a permanent identifier. @see [G1](../../docs/background.md#g1) */
export interface DirectoryRequest {
  readonly name: string;
}

/** Identifier of a directory. In names, `#<id>` can be used instead of the name of the directory. */
export interface DirectoryResponse extends ChangeResponse {
  readonly id: string;
}

/** Moves an entry and all entries below it, and leaves a link at the old name. @see [G5](../../docs/background.md#g5) */
export interface MoveRequest {
  readonly from: string;
  readonly to: string;
}

/**
 * Removes an entry. `recursive` must be set when the entry is a service with endpoints, or when other entries are below
 * the entry.
 */
export interface RemoveRequest extends ChangeScheduling {
  readonly name: string;
  readonly recursive?: boolean;
  /** Whether to ignore guarantees. The registry logs a forced removal. */
  readonly force?: boolean;
}

/** Result of a change that was made or scheduled. */
export interface ChangeResponse {
  readonly revision: string;
  readonly incarnation: string;
  /** Time until the change applies, in ms; 0 when the change already applies. */
  readonly appliesInMs: number;
}

/**
 * Registers one endpoint, or changes the registration of an endpoint. Defines the service when the service does not
 * exist.
 */
export interface RegisterRequest {
  readonly name: string;
  /** Instance id, never reused for another instance; 1 to 128 printable ASCII characters without spaces. */
  readonly id: string;
  /**
   * Fencing number to register with: that of an earlier registration of this id, or of the launch of this service.
   * Default: the server assigns the next fencing number.
   */
  readonly epoch?: number;
  readonly addresses: readonly AddressString[];
  /** Requested lease, in ms, from 1 second to 7 days. Default 10,000. */
  readonly leaseMs?: number;
  readonly host?: string | null;
  readonly zone?: string | null;
  readonly version?: string | null;
  readonly weight?: number;
  readonly attributes?: Readonly<Record<string, string>>;
  /** One-time ticket of a launched service. */
  readonly ticket?: string;
}

/** Result of a registration. The registration is durable. */
export interface RegisterResponse {
  readonly epoch: number;
  readonly leaseMs: number;
  readonly revision: string;
  readonly incarnation: string;
  /**
   * Result of `launchProof`, which proves that this registry belongs to the launcher. Present when the request had a
   * ticket. @see [T9](../../docs/background.md#t9)
   */
  readonly proof?: string;
}

/** Renews all leases of a process in one request. @see [DEC C4](../../docs/background.md#arch-c4) */
export interface RenewRequest {
  readonly renewals: readonly Renewal[];
}

/** Renewal of one lease. */
export interface Renewal {
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
  /** Present load of the endpoint. Absent when the endpoint reports no load. */
  readonly load?: Load;
  /**
   * Whether a suspect endpoint claims to be healthy. The registry then discards the reports that the endpoint is
   * unreachable.
   */
  readonly claimsHealthy?: boolean;
}

/**
 * One result per renewal, in the order of the request. `lost`: the registration no longer exists, and the service must
 * register the endpoint again. `fenced`: a newer registration of the instance exists.
 */
export interface RenewResponse {
  readonly results: readonly ('renewed' | 'lost' | 'fenced')[];
  /** Indexes, from 0, of the renewals whose endpoints are suspect. Absent when there are none. */
  readonly suspects?: readonly number[];
  readonly incarnation: string;
}

/**
 * Endpoint reports of one clerk: 1 to 100, each stored for 10 s. A report about an unknown endpoint is ignored without
 * an error, so the response does not reveal which endpoints exist.
 */
export type ReportRequest = HealthReport;

/**
 * Withdraws an endpoint. The endpoint becomes `draining` at once, and is removed when no client can still use a lookup
 * result from before the withdrawal. With `now`, the endpoint is removed at once.
 */
export interface WithdrawRequest {
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
  readonly now?: boolean;
}

/** Opens a watch on names and globs. */
export interface WatchRequest {
  readonly globs: readonly string[];
  /**
   * Revision up to which the client has received all changes, with its incarnation. The watch resumes after this
   * revision. When `since` is absent or too old, the watch begins with a snapshot.
   */
  readonly since?: { readonly incarnation: string; readonly revision: string };
}

/** Changes the globs of a watch. The event stream of the watch continues with a snapshot of the added globs. */
export interface WatchEditRequest {
  /** Id of the watch, from the `open` event of the stream. */
  readonly watch: string;
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
}

/**
 * Events of a watch, as server-sent events: `event` is the type, `id` is `<incarnation>:<revision>`. A snapshot begins
 * with `resync`, or with an `open` that does not resume, and ends with the next `current`. A snapshot has one `put` for
 * every existing name; a name without a `put` does not exist. A link that equals a glob of the watch is sent as the
 * resolution of its target, under the name of the link.
 */
export type WatchEvent =
  | {
      readonly type: 'open';
      readonly watch: string;
      readonly resumed: boolean;
      readonly heartbeatMs: number;
      readonly incarnation: string;
    }
  | { readonly type: 'put'; readonly name: string; readonly entry: WatchEntry }
  | { readonly type: 'delete'; readonly name: string }
  | { readonly type: 'resync'; readonly reason: string }
  /**
   * The snapshot of `globs` is complete. After a watch edit, `globs` are the added globs; otherwise, all globs of the
   * watch.
   */
  | { readonly type: 'current'; readonly globs: readonly string[] }
  /** The revision in `id` is current for the watch: all changes up to this revision were sent. */
  | { readonly type: 'heartbeat' };

/** An entry in an event of a watch. */
export type WatchEntry =
  | ResolveResponse
  | {
      readonly kind: 'link';
      readonly name: string;
      readonly target: string;
      readonly guaranteedMs: number;
      readonly revision: string;
      readonly incarnation: string;
    };

/**
 * Starts a service that has no endpoint. The response is sent when the service can be called. @see
 * [C6.1](../../docs/guarantees.md#c6-1)
 */
export interface LaunchRequest {
  readonly name: string;
  /** Maximum time from the request to the response, in ms. The start continues after that time. */
  readonly waitMs?: number;
}

/** Result of a launch: the service has endpoints. */
export interface LaunchResponse {
  readonly name: string;
  readonly endpoints: readonly EndpointMessage[];
  /**
   * Whether this request started the service. False when the service was already running, or was already being started
   * for another request.
   */
  readonly started: boolean;
}

/** Stops all processes that the launcher has started for a service. @see [T7](../../docs/background.md#t7) */
export interface StopRequest {
  readonly name: string;
}

/** Result of a stop, with the number of process groups that were stopped. */
export interface StopResponse {
  readonly stopped: number;
}

/**
 * One line of an export or import: an entry without endpoints. Endpoints are not exported, since their processes
 * register again.
 */
export type ExportLine =
  | ({ readonly kind: 'service' } & Omit<DefineRequest, 'whenExpired'>)
  | ({ readonly kind: 'link' } & Omit<LinkRequest, 'whenExpired'>)
  | { readonly kind: 'directory'; readonly name: string; readonly id: string };

/** Result of an import, with the number of imported lines. An import applies all lines or none. */
export interface ImportResponse {
  readonly entries: number;
  readonly revision: string;
}

/** Body of every error response. */
export interface ErrorEnvelope {
  readonly error: {
    /** Code of the error: a `ClerkErrorCode`. */
    readonly code: string;
    /** Message for the reader, with what the reader should do. */
    readonly message: string;
    /**
     * Time until a retry can succeed, in ms, with the codes `CHANGE_TOO_EARLY`, `LIMIT_EXCEEDED` and `START_FAILED`.
     */
    readonly remainingMs?: number;
  };
}

/** The line that a launched service reads from standard input. @see [T6](../../docs/background.md#t6), [T9](../../docs/background.md#t9) */
export interface LaunchHandshake {
  readonly v: 1;
  /** Addresses of the registry servers. */
  readonly registry: readonly string[];
  readonly name: string;
  readonly instance: string;
  readonly epoch: number;
  /** One-time ticket, which the service presents at its registration. */
  readonly ticket: string;
  /** Key from which the registry computes the proof of its identity. */
  readonly registryKey: string;
}
