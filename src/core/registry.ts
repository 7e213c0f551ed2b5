import type { AddressString } from './address.js';
import type { Clock } from './clock.js';
import type { EndpointInit } from './endpoint.js';
import type { StartedEndpoint } from './factory.js';

/** Context of a lookup. */
export interface ResolveContext {
  /** Aborted when no caller waits for the lookup any more, or when the lookup takes too long. */
  readonly signal: AbortSignal;
  /** Instance ids of the endpoints whose failed calls are the reason for this lookup; empty for any other lookup. */
  readonly suspects: ReadonlySet<string>;
  /** Clock of the clerk, for timers of the registry. Without a clock, the registry must not use timers. */
  readonly clock?: Clock;
}

/** A name on the path of a lookup. @see [G4](../../docs/background.md#g4) */
export interface ResolutionStep {
  /** The name at this step. */
  readonly name: string;
  /** Kind of the entry with this name. */
  readonly kind: 'service' | 'link' | 'mount' | 'directory';
  /** Time for which the entry is guaranteed not to change, in ms from the sending of the request. */
  readonly guaranteedMs: number;
}

/** Result of a lookup: the service exists. */
export interface BoundResolution {
  /** Discriminant of the union. */
  readonly kind: 'bound';
  /** All endpoints of the service, never only the changed endpoints; may be empty. */
  readonly endpoints: readonly (AddressString | URL | EndpointInit)[];
  /**
   * Time for which the result may be used without another lookup, in ms from the sending of the request; ≥ 0 or
   * `Infinity`. Default: `guaranteedMs`, or 5,000 without a guarantee.
   */
  readonly ttlMs?: number;
  /**
   * Time for which the registry guarantees the result, in ms. The shorter of `guaranteedMs` and `ttlMs` limits the use
   * of the result.
   *
   * @see [G4](../../docs/background.md#g4)
   */
  readonly guaranteedMs?: number;
  /**
   * Number of the registry's state, which grows with every change. The clerk rejects a result whose revision is smaller
   * than that of the previous result.
   */
  readonly revision?: string;
  /**
   * Identity of the registry's data; changes when the registry restarts without its data. Revisions are comparable only
   * within one incarnation.
   */
  readonly incarnation?: string;
  /** The name that remains after all links were followed. Default: the requested name. */
  readonly canonical?: string;
  /** Name of the policy in the service config. */
  readonly policy?: string;
  /**
   * Call timeout of the service config, in ms, above 0 and at most 2^31 − 1. Used for calls without a `timeoutMs` of
   * the program. Default: the timeout of the clerk.
   */
  readonly timeoutMs?: number;
  /**
   * The names that the lookup passed, from the requested name to the canonical name. Default: only the requested name.
   */
  readonly path?: readonly ResolutionStep[];
  /** Whether {@link Registry.start} can start the service while it has no endpoint. Default false. */
  readonly startable?: boolean;
  /**
   * Instance ids of endpoints that a client has reported unreachable. Each clerk that calls such an endpoint reports on
   * the endpoint with {@link Registry.report}. Calls to the endpoint continue. Default: none.
   */
  readonly healthQueried?: readonly string[];
}

/** Result of a lookup: the name is a link to another name. @see [G2](../../docs/background.md#g2) */
export interface LinkResolution {
  /** Discriminant of the union. */
  readonly kind: 'link';
  /** The absolute name that the requested name stands for. */
  readonly target: string;
  /** Same meaning as {@link BoundResolution.ttlMs}. */
  readonly ttlMs?: number;
  /** Same meaning as {@link BoundResolution.guaranteedMs}. */
  readonly guaranteedMs?: number;
}

/** Result of a lookup: the name does not exist. This result is not a failure. */
export interface AbsentResolution {
  /** Discriminant of the union. */
  readonly kind: 'absent';
  /**
   * Time for which the result may be used, in ms, at most 5,000. Default 1,000. @see
   * [C1.5](../../docs/guarantees.md#c1-5)
   */
  readonly ttlMs?: number;
  /** Same meaning as {@link BoundResolution.revision}. */
  readonly revision?: string;
  /** Same meaning as {@link BoundResolution.incarnation}. */
  readonly incarnation?: string;
}

/** The result of a lookup. A registry that cannot determine the complete result rejects. */
export type Resolution = BoundResolution | LinkResolution | AbsentResolution;

/** One entry of a listing. */
export interface ListEntry {
  /** The full name. */
  readonly name: string;
  /** Kind of the entry. */
  readonly kind: 'service' | 'link' | 'mount' | 'directory';
  /** Number of endpoints; absent when unknown. */
  readonly endpoints?: number;
  /** Number of suspect endpoints; absent when there is none. */
  readonly suspects?: number;
  /** Name that a link points to; absent for other entries. */
  readonly target?: string;
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
   * `unreachable`: the endpoint refused a connection, reset a connection or did not respond, and nothing was received
   * from the endpoint since. `reachable`: the endpoint responded recently.
   */
  readonly verdict: 'unreachable' | 'reachable';
}

/** The endpoint reports of one client at one moment. */
export interface HealthReport {
  /** Random id of the reporting clerk. A registry counts several reports of one clerk about one endpoint as one. */
  readonly clerk: string;
  /** The reports, 1 to 100, at most one per endpoint. */
  readonly reports: readonly EndpointReport[];
}

/** The resolutions of all names that a watch matches, at one moment. */
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
   * Looks up one name. Resolves to `absent` for an unknown name; rejects when the result cannot be determined. A clerk
   * has at most one lookup of a name in flight. The lookup must settle soon after `context.signal` aborts, since the
   * clerk then stops waiting.
   */
  resolve(name: string, context: ResolveContext): Promise<Resolution> | Resolution;
  /** Lists the names that match a glob. */
  list?(glob: string, context: { readonly signal: AbortSignal }): Promise<readonly ListEntry[]>;
  /**
   * Finds the services that match a glob and have endpoints that match a filter. An endpoint matches when all
   * attributes, the zone, the host and the version in the filter are equal.
   */
  search?(
    glob: string,
    filter: Readonly<Record<string, string>>,
    context: { readonly signal: AbortSignal },
  ): Promise<readonly SearchEntry[]>;
  /**
   * Watches the names that match a glob, and returns a function that stops the watch. `onSnapshot` receives complete
   * snapshots: first the present snapshot, then a new snapshot after every change. Neither callback is called before
   * `watch` has returned, nor after the watch was stopped. The watch must not keep the process alive. `onError` reports
   * that snapshots are interrupted; snapshots may resume later.
   */
  watch?(
    glob: string,
    onSnapshot: (snapshot: Snapshot) => void,
    onError?: (error: unknown) => void,
  ): () => void;
  /**
   * Starts a service whose resolution is `startable`. Resolves to the started endpoints when the service can be called.
   * Later resolutions must include the started endpoints, since the clerk calls only endpoints of the last resolution.
   * One call of `start` serves all concurrent callers; `start` is called only while the service has no endpoint.
   * Rejects with `START_FAILED` and the reason. With `remainingMs` in the error, the next start can succeed only after
   * that time.
   *
   * @see [C6.1](../../docs/guarantees.md#c6-1)
   */
  start?(name: string, context: { readonly signal: AbortSignal }): Promise<readonly StartedEndpoint[]>;
  /**
   * Receives reports about endpoints that this clerk cannot reach, and about endpoints that this clerk can reach, when
   * the endpoints are suspect or in {@link BoundResolution.healthQueried}. Called in the background, once a second or
   * less often, and never while another report is in flight. The clerk repeats a report every few seconds while the
   * report is true, so the registry may expire older reports. A rejection has no effect. The call must settle soon
   * after the signal aborts, and must not keep the process alive.
   *
   * @see [B8](../../docs/background.md#b8)
   */
  report?(report: HealthReport, context: { readonly signal: AbortSignal }): Promise<void> | void;
  /** Closes the registry. Called once, when the clerk is closed. */
  close?(): Promise<void> | void;
}
