/**
 * JSON messages between clerks, services, the command line and the registry. They contain durations and never instants,
 * since clocks differ. Revisions are decimal strings, since they exceed the range of numbers. A revision grows with every
 * durable change and is comparable only within one incarnation.
 *
 * @see [C1.7](../../docs/guarantees.md#c1-7), [C5.2](../../docs/guarantees.md#c5-2)
 */
import type { AddressString } from '../core/address.js';
import type { Load } from '../core/load-report.js';
import type { ResolutionStep, ListEntry, HealthReport } from '../core/registry.js';

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
  /** The last load that it reported with a renewal. In lookups only. */
  readonly load?: Load;
}

/** How the launcher starts a service that has no endpoint. */
export interface LaunchRule {
  /** Name of a manifest on the launcher's host. */
  readonly manifest: string;
  /** Values for the manifest's parameters. */
  readonly params?: Readonly<Record<string, string | number>>;
}

/** Result of a lookup. The endpoints of a defined service may be empty. */
export interface ResolveResponse {
  /** The requested name. */
  readonly name: string;
  /** The name after all links. */
  readonly canonical: string;
  /** `directory`: the name has only names below it and cannot be called. */
  readonly kind: 'service' | 'directory';
  /** The names passed on the way to the canonical name. */
  readonly path: readonly ResolutionStep[];
  /** The complete set. */
  readonly endpoints: readonly EndpointMessage[];
  readonly policy: string | null;
  /** Call timeout of the service config, in ms. Absent when it has none. */
  readonly timeoutMs?: number;
  /** Whether a launcher can start the service. */
  readonly launchable: boolean;
  /** Instance ids that a client reported unreachable: other clients should report on them. Absent when there are none. */
  readonly healthQueried?: readonly string[];
  readonly revision: string;
  readonly incarnation: string;
  /** Shortest guarantee on the path, in ms from when the request was sent. */
  readonly guaranteedMs: number;
  /** How long the endpoints may be used without another lookup, in ms. */
  readonly ttlMs: number;
}

/** One page of a listing, ordered by name. */
export interface ListResponse {
  readonly entries: readonly ListEntry[];
  /** Value of `after` for the next page; null on the last page. */
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

/** The registrations with an address. @see [DEC C12](../../docs/background.md#arch-c12) (back-map) */
export interface WhoisResponse {
  readonly owners: readonly { readonly name: string; readonly id: string; readonly epoch: number }[];
}

/** Status of the server. */
export interface StatusResponse {
  readonly version: string;
  readonly incarnation: string;
  readonly revision: string;
  readonly services: number;
  readonly endpoints: number;
  readonly links: number;
  readonly watches: number;
  /** True while mass expiry is slowed down, or the store cannot be written. */
  readonly degraded: boolean;
}

/** Common to all changes of entries. */
interface ChangeScheduling {
  /** When a guarantee forbids the change now: freeze the entry and apply the change when the guarantee has expired. */
  readonly whenExpired?: boolean;
}

/** Defines a service, or changes its service config. An absent field keeps its value, or gets its default. */
export interface DefineRequest extends ChangeScheduling {
  readonly name: string;
  /** Name of a policy, or null for none. */
  readonly policy?: string | null;
  /** Call timeout, from 1 ms to 7 days, in ms; or null for the client's default. */
  readonly timeoutMs?: number | null;
  /** How long a lookup of this entry is guaranteed, in ms; 0 for none, at most 7 days. Default 5,000. */
  readonly guaranteedMs?: number;
  /** How a launcher starts it, or null for not at all. */
  readonly launch?: LaunchRule | null;
}

/** Makes a name stand for another. The target need not exist. @see [G2](../../docs/background.md#g2) */
export interface LinkRequest extends ChangeScheduling {
  readonly name: string;
  readonly target: string;
  readonly guaranteedMs?: number;
}

/** Creates a directory with a permanent identifier. @see [G1](../../docs/background.md#g1) */
export interface DirectoryRequest {
  readonly name: string;
}

/** Identifier of a directory: `#<id>` can be used instead of its name. */
export interface DirectoryResponse extends ChangeResponse {
  readonly id: string;
}

/** Moves an entry and all entries below it, and leaves a link at the old name. @see [G5](../../docs/background.md#g5) */
export interface MoveRequest {
  readonly from: string;
  readonly to: string;
}

/** Removes an entry. A service with endpoints, or a name with names below it, needs `recursive`. */
export interface RemoveRequest extends ChangeScheduling {
  readonly name: string;
  readonly recursive?: boolean;
  /** Ignore guarantees. The registry logs it. */
  readonly force?: boolean;
}

/** A change was made or scheduled. */
export interface ChangeResponse {
  readonly revision: string;
  readonly incarnation: string;
  /** When the change applies, in ms from now; 0 when it already does. */
  readonly appliesInMs: number;
}

/** Registers one endpoint, or changes its registration. Defines the service when it does not exist. */
export interface RegisterRequest {
  readonly name: string;
  /** Instance id, never reused by another; 1–128 printable ASCII characters without spaces. */
  readonly id: string;
  /** Fencing number of an earlier registration of this id, or of a launch. Default: the server assigns the next one. */
  readonly epoch?: number;
  readonly addresses: readonly AddressString[];
  /** From 1 second to 7 days, in ms. Default 10,000. */
  readonly leaseMs?: number;
  readonly host?: string | null;
  readonly zone?: string | null;
  readonly version?: string | null;
  readonly weight?: number;
  readonly attributes?: Readonly<Record<string, string>>;
  /** One-time ticket of a launched service. */
  readonly ticket?: string;
}

/** The registration is durable. */
export interface RegisterResponse {
  readonly epoch: number;
  readonly leaseMs: number;
  readonly revision: string;
  readonly incarnation: string;
  /** Result of `launchProof` when a ticket was given: proves that this is the launcher's registry. @see [T9](../../docs/background.md#t9) */
  readonly proof?: string;
}

/** Renews all leases of a process in one message. @see [DEC C4](../../docs/background.md#arch-c4) */
export interface RenewRequest {
  readonly renewals: readonly Renewal[];
}

/** Renews one lease. */
export interface Renewal {
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
  /** Present load. Absent: it reports none. */
  readonly load?: Load;
  /** The endpoint knows that it is suspect and reports that it is healthy: earlier unreachable reports are discarded. */
  readonly claimsHealthy?: boolean;
}

/** One result per renewal, in order. `lost`: register again. `fenced`: a newer registration has taken its place. */
export interface RenewResponse {
  readonly results: readonly ('renewed' | 'lost' | 'fenced')[];
  /** Indexes of the suspect ones, from 0. Absent when there are none. */
  readonly suspects?: readonly number[];
  readonly incarnation: string;
}

/**
 * Endpoint reports of one clerk: 1 to 100, each stored for 10 s. Unknown endpoints are ignored without an error, so a report
 * reveals nothing.
 */
export type ReportRequest = HealthReport;

/**
 * Withdraws an endpoint. It becomes `draining` at once, and is removed when no client can still use an earlier lookup; with
 * `now` it is removed at once.
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
  /** Position to resume from. Absent or too old: the watch begins with a snapshot. */
  readonly since?: { readonly incarnation: string; readonly revision: string };
}

/** Changes the globs of a watch. Its stream continues with a snapshot of the added ones. */
export interface WatchEditRequest {
  /** Id from the stream's `open` event. */
  readonly watch: string;
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
}

/**
 * Events of a watch, as server-sent events: `event` is the type, `id` is `<incarnation>:<revision>`. A snapshot lasts from
 * `resync`, or from an `open` that is not resumed, to the next `current`. It has a `put` for every existing name; all other
 * names do not exist. A link that the watch names without wildcards is sent resolved, under the watched name.
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
  /** The snapshot is complete. `globs` are the added ones, or all after the opening. */
  | { readonly type: 'current'; readonly globs: readonly string[] }
  /** Nothing has changed up to the revision in `id`. */
  | { readonly type: 'heartbeat' };

/** An entry in a watch. */
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

/** Starts a service that has no endpoint; the response comes when it can be called. @see [C6.1](../../docs/guarantees.md#c6-1) */
export interface LaunchRequest {
  readonly name: string;
  /** How long the client waits, in ms. The start itself continues. */
  readonly waitMs?: number;
}

/** The service has endpoints. */
export interface LaunchResponse {
  readonly name: string;
  readonly endpoints: readonly EndpointMessage[];
  /** Whether this request started it. False: it was running, or another request was starting it. */
  readonly started: boolean;
}

/** Stops all processes that the launcher has started for a service. @see [T7](../../docs/background.md#t7) */
export interface StopRequest {
  readonly name: string;
}

/** Number of process groups that were stopped. */
export interface StopResponse {
  readonly stopped: number;
}

/** One entry as `export` writes and `import` reads it. Endpoints are not exported, since leases keep them. */
export type ExportLine =
  | ({ readonly kind: 'service' } & Omit<DefineRequest, 'whenExpired'>)
  | ({ readonly kind: 'link' } & Omit<LinkRequest, 'whenExpired'>)
  | { readonly kind: 'directory'; readonly name: string; readonly id: string };

/** Number of imported lines. An import applies all lines or none. */
export interface ImportResponse {
  readonly entries: number;
  readonly revision: string;
}

/** Body of every error response. */
export interface ErrorEnvelope {
  readonly error: {
    /** A `ClerkErrorCode`. */
    readonly code: string;
    /** Sentence case, with what to do about it. */
    readonly message: string;
    /** With `CHANGE_TOO_EARLY` and `LIMIT_EXCEEDED`: when a retry can succeed, in ms from now. */
    readonly remainingMs?: number;
  };
}

/** The line that a launched service reads from standard input. @see [T6](../../docs/background.md#t6), [T9](../../docs/background.md#t9) */
export interface LaunchHandshake {
  readonly v: 1;
  /** Addresses of the registry. */
  readonly registry: readonly string[];
  readonly name: string;
  readonly instance: string;
  readonly epoch: number;
  /** One-time ticket of the service, presented when it registers. */
  readonly ticket: string;
  /** Key with which the registry proves its identity. */
  readonly registryKey: string;
}
