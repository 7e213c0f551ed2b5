import type { AddressString } from './address.js';
import type { Clock } from './clock.js';
import type { EndpointInit } from './endpoint.js';
import type { StartedEndpoint } from './factory.js';
import type { AttemptTimeoutOptions, RetryOptions } from './retry-options.js';

/** Context of a lookup. */
export interface ResolveContext {
  /** Aborted when the lookup takes too long, or when the clerk closes. */
  readonly signal: AbortSignal;
  /** Instance ids of the endpoints whose failures caused this lookup; empty if the lookup has another cause. */
  readonly suspects: ReadonlySet<string>;
  /** Clock for timers of the registry. If undefined, the registry must not use timers. */
  readonly clock?: Clock;
  /**
   * `position` of the last known result of the name, possibly from an earlier process. With this text, a registry can
   * notice that an older copy has replaced its data.
   */
  readonly position?: string;
}

/** A name on the path of a lookup. @see [G4](../../docs/background.md#g4) */
export interface ResolutionStep {
  /** The name at this step. */
  readonly name: string;
  /** Kind of the entry with this name. */
  readonly kind: 'service' | 'link' | 'mount' | 'directory' | 'group';
  /** Time for which the entry will not change, in ms since the request was sent. */
  readonly guaranteedMs: number;
}

/** A change that waits until the last guarantee of the entry has ended. */
export interface ScheduledChange {
  /** Name of the entry. */
  readonly name: string;
  /** `replace`: another entry replaces this entry. `remove`: the entry is removed. */
  readonly change: 'replace' | 'remove';
  /** Time until the change applies, in ms. */
  readonly appliesInMs: number;
}

/** Result of a lookup: the service exists. */
export interface BoundResolution {
  /** Discriminant of the union. */
  readonly kind: 'bound';
  /** All endpoints of the service, never only the changed endpoints; may be empty. */
  readonly endpoints: readonly (AddressString | URL | EndpointInit)[];
  /**
   * Number of endpoints that have registered before they accept connections. `endpoints` must not contain these
   * endpoints. While `endpoints` is empty, calls wait for one of these endpoints within their deadline. Default 0.
   */
  readonly starting?: number;
  /**
   * Time for which the result may be used, in ms since the request was sent; ≥ 0 or `Infinity`. Default:
   * `guaranteedMs`, or 5,000 without a guarantee.
   */
  readonly ttlMs?: number;
  /**
   * Whether the registry could not verify that the result is still true. The clerk uses such a result, and flags it as
   * stale. Default false.
   */
  readonly stale?: boolean;
  /** Time for which the result will not change, in ms. Limits `ttlMs`. @see [G4](../../docs/background.md#g4) */
  readonly guaranteedMs?: number;
  /**
   * In a snapshot of a watch: when the registry stated the result, in ms on the monotonic clock of the clerk. `ttlMs`
   * and `guaranteedMs` count from then. Default: when the clerk receives the snapshot.
   */
  readonly statedAt?: number;
  /**
   * Decimal number that grows with every change. The clerk rejects a result with a lower number than its last result.
   */
  readonly revision?: string;
  /**
   * Opaque text that stands for `incarnation` and `revision`. The clerk returns it in {@link ResolveContext.position}.
   * Default: none.
   */
  readonly position?: string;
  /** Text that changes when the registry loses its data. Only revisions of the same incarnation are compared. */
  readonly incarnation?: string;
  /** Name to which the links lead. Default: the requested name. */
  readonly canonical?: string;
  /** Name of the policy in the service config. */
  readonly policy?: string;
  /** Call timeout of the service config, in ms, above 0 and at most 2^31 − 1. Default 10,000. */
  readonly timeoutMs?: number;
  /** Attempt timeout of the service config: a number of ms, or bounds. Default: as in {@link AttemptTimeoutOptions}. */
  readonly attemptTimeoutMs?: number | AttemptTimeoutOptions;
  /**
   * Retries of the service config. `false`: a call is not retried after the request was sent. Default: the defaults of
   * {@link RetryOptions}.
   */
  readonly retries?: RetryOptions | false;
  /** The steps from the requested to the canonical name. Default: only the requested name. */
  readonly path?: readonly ResolutionStep[];
  /** Scheduled changes of the entries on the path, which `explain()` of a binding shows. Default: none. */
  readonly scheduled?: readonly ScheduledChange[];
  /** Whether {@link Registry.start} can start the service. Default false. */
  readonly startable?: boolean;
  /**
   * Whether names may lie below the canonical name. With `false`, `clerk.request` sends every path that begins with the
   * name to this service, without further lookups. Valid for as long as the result is valid. Default: unknown, so each
   * longer prefix of a path is looked up.
   */
  readonly namesBelow?: boolean;
  /**
   * Instance ids of endpoints about which the registry asks every clerk for a {@link Registry.report}. Default: none.
   */
  readonly healthQueried?: readonly string[];
}

/** Result of a lookup: the name is a link to another name. @see [G2](../../docs/background.md#g2) */
export interface LinkResolution extends Pick<BoundResolution, 'ttlMs' | 'guaranteedMs' | 'statedAt'> {
  /** Discriminant of the union. */
  readonly kind: 'link';
  /** The absolute name that the requested name stands for. */
  readonly target: string;
}

/** Result of a lookup: the name does not exist. */
export interface AbsentResolution extends Pick<BoundResolution, 'revision' | 'incarnation' | 'position'> {
  /** Discriminant of the union. */
  readonly kind: 'absent';
  /** Lifetime of the result, in ms, at most 5,000. Default 1,000. @see [C1.5](../../docs/guarantees.md#c1-5) */
  readonly ttlMs?: number;
}

/** The complete result of a lookup. */
export type Resolution = BoundResolution | LinkResolution | AbsentResolution;

/** One entry of a listing. */
export interface ListEntry {
  /** The full name. */
  readonly name: string;
  /** Kind of the entry. */
  readonly kind: 'service' | 'link' | 'mount' | 'directory' | 'group';
  /** Number of endpoints; absent when unknown. */
  readonly endpoints?: number;
  /** Number of suspect endpoints; absent when there is none. */
  readonly suspects?: number;
  /** Number of endpoints that do not accept connections yet; absent when there is none. */
  readonly starting?: number;
  /** Number of endpoints whose manifest has changed since their start; absent when there is none. */
  readonly outdated?: number;
  /** Target of a link. */
  readonly target?: string;
  /** Number of members of a group. */
  readonly members?: number;
  /** The scheduled replacement or removal of the entry; absent when there is none. */
  readonly scheduled?: {
    /** `replace`: another entry replaces this entry. `remove`: the entry is removed. */
    readonly change: 'replace' | 'remove';
    /** Time until the change applies, in ms. */
    readonly appliesInMs: number;
  };
}

/** One result of a search. @see [N7](../../docs/background.md#n7) */
export interface SearchEntry {
  /** The full name of the service. */
  readonly name: string;
  /** The endpoints of the service that match the filter. */
  readonly endpoints: readonly EndpointInit[];
}

/** Whether one client can reach one endpoint. */
export interface EndpointReport {
  /** The canonical name of the service. */
  readonly name: string;
  /** Instance id of the endpoint. */
  readonly id: string;
  /** Fencing number of the registration that the report is about. */
  readonly epoch: number;
  /**
   * `unreachable`: the endpoint refused or reset a connection or did not respond, and has sent nothing since.
   * `reachable`: the endpoint responded recently.
   */
  readonly verdict: 'unreachable' | 'reachable';
}

/** The endpoint reports of one client at one moment. */
export interface HealthReport {
  /** Random id of the reporting clerk. Several reports of one clerk about one endpoint count as one report. */
  readonly clerk: string;
  /** The reports, 1 to 100, at most one per endpoint. */
  readonly reports: readonly EndpointReport[];
}

/** The resolutions of all names that a watch matches. */
export type Snapshot = ReadonlyMap<string, Resolution> | Readonly<Record<string, Resolution>>;

/**
 * The port that a registry implements. Only `resolve` is required.
 *
 * @example
 * ```ts
 * const port: Registry = { resolve: async (name) => name === '/shop/orders'
 *   ? { kind: 'bound', endpoints: ['http://127.0.0.1:3001'], ttlMs: 2_000 } : { kind: 'absent' } };
 * ```
 */
export interface Registry {
  /**
   * Looks up one name. Resolves to `absent` for an unknown name. Rejects if the complete result cannot be determined.
   * A clerk has at most one lookup of each name in flight. The lookup must settle soon after `context.signal` aborts.
   */
  resolve(name: string, context: ResolveContext): Promise<Resolution> | Resolution;
  /** Lists the names that match a glob. */
  list?(glob: string, context: { readonly signal: AbortSignal }): Promise<readonly ListEntry[]>;
  /**
   * Finds endpoints of the services whose names match a glob. Each key of the filter is `zone`, `host`, `version` or
   * the key of an attribute. The endpoint must have the value that the filter states for the key.
   */
  search?(
    glob: string,
    filter: Readonly<Record<string, string>>,
    context: { readonly signal: AbortSignal },
  ): Promise<readonly SearchEntry[]>;
  /**
   * Watches the names that match a glob, and returns a function that stops the watch. `onSnapshot` receives complete
   * snapshots: the present snapshot, then a snapshot after every change. Callbacks are called only after `watch` has
   * returned and before the watch is stopped. The watch must not keep the process alive. More snapshots may follow
   * after `onError`. The clerk logs and ignores invalid snapshots.
   */
  watch?(
    glob: string,
    onSnapshot: (snapshot: Snapshot) => void,
    onError?: (error: unknown) => void,
  ): () => void;
  /**
   * Starts a `startable` service that has no endpoint, once for all concurrent callers. Resolves to the started
   * endpoints when the service can be called. Later lookups of `name` must include these endpoints. Rejects with
   * `START_FAILED` if the start fails; `remainingMs` of the error is the time until the next start can succeed. @see
   * [C6.1](../../docs/guarantees.md#c6-1)
   */
  start?(name: string, context: { readonly signal: AbortSignal }): Promise<readonly StartedEndpoint[]>;
  /**
   * Receives reports about endpoints that this clerk cannot reach, and about suspect and
   * {@link BoundResolution.healthQueried} endpoints that this clerk can reach. Called at most once a second, and never
   * while an earlier call runs. A report is repeated every few seconds while it is true. A rejection has no effect. The
   * call must settle soon after the signal aborts, and must not keep the process alive. @see
   * [B8](../../docs/background.md#b8)
   */
  report?(report: HealthReport, context: { readonly signal: AbortSignal }): Promise<void> | void;
  /** Called once, when the clerk is closed. */
  close?(): Promise<void> | void;
}
