/**
 * JSON messages between clerks, services, the command line and the registry. Messages contain durations and never
 * instants, because the clocks of hosts differ. A revision is a decimal string that grows with every durable change,
 * and may exceed the safe integers of JavaScript. Revisions are comparable only within one incarnation.
 *
 * @see [C1.7](../../docs/guarantees.md#c1-7), [C5.2](../../docs/guarantees.md#c5-2)
 */
import type { KeyPin } from '../core/key-pin.js';
import type { AccessEntry, GroupRequest } from './identity-messages.js';
import type { AddressString } from '../core/address.js';
import type { CallActivity } from '../core/call-activity.js';
import type { Load } from '../core/load-report.js';
import type { ResolutionStep, ListEntry, HealthReport } from '../core/registry.js';
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

export interface LaunchRule {
  readonly manifest: string;
  readonly params?: Readonly<Record<string, string | number>>;
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

export interface StatusProblem {
  /**
   * `store`: no change can be saved. `leases`: the removal of expired endpoints is delayed. `audit`: changes cannot be
   * recorded, and are refused.
   */
  readonly part: 'store' | 'leases' | 'audit';
  readonly message: string;
}

export interface StatusResponse {
  readonly version: string;
  readonly incarnation: string;
  readonly revision: string;
  readonly services: number;
  readonly endpoints: number;
  readonly links: number;
  readonly watches: number;
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

interface ChangeScheduling {
  /**
   * Whether a change during a guarantee is scheduled for the end of the guarantee. The entry is frozen until then.
   * Default false: such a change fails with `CHANGE_TOO_EARLY`.
   */
  readonly whenExpired?: boolean;
}

/** A field that is absent keeps its value. */
export interface DefineRequest extends ChangeScheduling {
  readonly name: string;
  readonly policy?: string | null;
  /** At most 7 days. Null: the default of the client. */
  readonly timeoutMs?: number | null;
  readonly attemptTimeoutMs?: number | AttemptTimeoutOptions | null;
  /** Null: the default of the client. With `false`, a request that was sent is not retried. */
  readonly retries?: RetryOptions | false | null;
  /**
   * A lookup guarantees for this time that the entry does not change; at most 7 days, 0 for no guarantee. Default
   * 5,000.
   */
  readonly guaranteedMs?: number;
  /** Null: no launcher starts the service. */
  readonly launch?: LaunchRule | null;
}

/** The target need not exist. @see [G2](../../docs/background.md#g2) */
export interface LinkRequest extends ChangeScheduling {
  readonly name: string;
  readonly target: string;
  readonly guaranteedMs?: number;
}

/** @see [G1](../../docs/background.md#g1) */
export interface DirectoryRequest {
  readonly name: string;
}

/** In names, `#<id>` can be used instead of the name of the directory. */
export interface DirectoryResponse extends ChangeResponse {
  readonly id: string;
}

/** Moves an entry and all entries below it, and leaves a link at the old name. @see [G5](../../docs/background.md#g5) */
export interface MoveRequest {
  readonly from: string;
  readonly to: string;
}

export interface RemoveRequest extends ChangeScheduling {
  readonly name: string;
  /** Must be true if the entry has endpoints, or if other entries are below it. */
  readonly recursive?: boolean;
  /** Whether to ignore guarantees. The registry logs a forced removal. */
  readonly force?: boolean;
}

export interface ChangeResponse {
  readonly revision: string;
  readonly incarnation: string;
  /** 0 when the change already applies. */
  readonly appliesInMs: number;
}

/** Registers an endpoint, or changes its registration. Also defines a missing service. */
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
  /** Whether the endpoint names its instance when a client asks. Default false. */
  readonly namesInstance?: boolean;
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
  /** From the response to the registration. */
  readonly secret?: string;
  readonly load?: Load;
  /**
   * Calls of the process of a launched service. A process that does not state its calls is never stopped for being
   * idle. @see [C6.6](../../docs/guarantees.md#c6-6)
   */
  readonly activity?: CallActivity;
  /** Whether a suspect endpoint claims to be healthy. The registry then discards the unreachable reports about it. */
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
  readonly incarnation: string;
}

/** Each report is stored for 10 s. Reports on unknown endpoints are ignored. */
export type ReportRequest = HealthReport;

/**
 * Makes an endpoint `draining`. The endpoint is removed when no client can still use an earlier lookup result; with
 * `now`, at once.
 */
export interface WithdrawRequest {
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
  readonly secret?: string;
  readonly now?: boolean;
}

export interface WatchRequest {
  readonly globs: readonly string[];
  /** Position at which the watch resumes. Without a recent position, the watch begins with a snapshot. */
  readonly since?: { readonly incarnation: string; readonly revision: string };
}

/** Changes the globs of a watch. The event stream continues with a snapshot of the added globs. */
export interface WatchEditRequest {
  readonly watch: string;
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
}

/**
 * Server-sent events of a watch: `event` is the type, `id` is `<incarnation>:<revision>:<mark>`. A snapshot begins
 * with `resync`, or with an `open` whose `resumed` is false. A snapshot ends with the next `current`. A snapshot has
 * one `put` for every existing name. If a link is itself in the list of globs, its name gets the resolution of the
 * target.
 */
export type WatchEvent =
  | {
      readonly type: 'open';
      readonly watch: string;
      readonly resumed: boolean;
      readonly heartbeatMs: number;
      readonly incarnation: string;
      /** When the registry had received the request, in ms on the monotonic clock of the registry. */
      readonly statedAt: number;
    }
  | {
      readonly type: 'put';
      readonly name: string;
      readonly entry: WatchEntry;
      /**
       * When the registry read the entry, in ms on the monotonic clock of the registry. Guarantees count from this
       * time. `statedAt` minus the `statedAt` of `open` is the time since the request, whatever the delay of the
       * stream.
       */
      readonly statedAt: number;
    }
  | { readonly type: 'delete'; readonly name: string }
  | { readonly type: 'resync'; readonly reason: string }
  /**
   * The snapshot of `globs` is complete. After an edit of the watch, `globs` are the added globs. Otherwise `globs`
   * are all globs of the watch.
   */
  | { readonly type: 'current'; readonly globs: readonly string[] }
  /** All changes up to the revision in `id` were sent. */
  | { readonly type: 'heartbeat' };

export type WatchEntry =
  | ResolveResponse
  | {
      readonly kind: 'link';
      readonly name: string;
      readonly target: string;
      readonly guaranteedMs: number;
      readonly revision: string;
      readonly mark?: string;
      readonly incarnation: string;
    };

/** Starts a service that has no endpoints. The registry responds when the service can be called. */
export interface LaunchRequest {
  readonly name: string;
  /** Maximum time until the registry responds, in ms. A start that is unfinished by then continues. */
  readonly waitMs?: number;
}

export interface LaunchResponse {
  readonly name: string;
  readonly endpoints: readonly EndpointMessage[];
  /** False if the service was running, or another request had started it. */
  readonly started: boolean;
}

/** Stops the processes that the launcher has started for a service. @see [T7](../../docs/background.md#t7) */
export interface StopRequest {
  readonly name: string;
}

/** Starts a service again, with its manifest as it is on disk. */
export interface ResetRequest {
  readonly name: string;
  /**
   * Whether running instances are replaced one by one, each after its calls have ended. Default false: all instances are
   * stopped first.
   */
  readonly rolling?: boolean;
}

export interface StopResponse {
  readonly stopped: number;
}

/** One line of an export or import. Endpoints are not exported, since their processes register again. */
export type ExportLine =
  | ({ readonly kind: 'service' } & Omit<DefineRequest, 'whenExpired'>)
  | ({ readonly kind: 'link' } & Omit<LinkRequest, 'whenExpired'>)
  | { readonly kind: 'directory'; readonly name: string; readonly id: string }
  | ({ readonly kind: 'group' } & Omit<GroupRequest, 'whenExpired'>)
  | ({ readonly kind: 'access' } & AccessEntry);

/** An import applies all lines or none. */
export interface ImportResponse {
  readonly entries: number;
  readonly revision: string;
}

export interface ErrorEnvelope {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly remainingMs?: number;
  };
}

/** The line that a launched service reads from standard input. @see [T6](../../docs/background.md#t6), [T9](../../docs/background.md#t9) */
export interface LaunchHandshake {
  readonly v: 1;
  readonly registry: readonly string[];
  readonly name: string;
  readonly instance: string;
  readonly epoch: number;
  readonly ticket: string;
  /** The registry computes the proof of its identity from this key. In a secured registry, the pin of its key. */
  readonly registryKey: string;
}
