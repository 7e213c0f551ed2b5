import type { AddressString } from './address.js';
import type { Clock } from './clock.js';
import type { EndpointInit } from './endpoint.js';
import type { StartedEndpoint } from './factory.js';

/** Context of a lookup. */
export interface ResolveContext {
  /** Aborted when no caller waits any more, or when the lookup took too long. */
  readonly signal: AbortSignal;
  /** Instance ids that just failed a call of this clerk; empty for an ordinary lookup. */
  readonly suspects: ReadonlySet<string>;
  /** The clerk's clock, for a registry that waits. Without one, the registry must not wait. */
  readonly clock?: Clock;
}

/** A name on the path of a lookup. @see [G4](../../docs/background.md#g4) */
export interface ResolutionStep {
  /** The name at this step. */
  readonly name: string;
  /** Kind of the entry there. */
  readonly kind: 'service' | 'link' | 'mount' | 'directory';
  /** How long the entry is guaranteed not to change, in ms from when the request was sent. */
  readonly guaranteedMs: number;
}

/** The service exists. */
export interface BoundResolution {
  /** Discriminant. */
  readonly kind: 'bound';
  /** The complete set, never a difference; may be empty. */
  readonly endpoints: readonly (AddressString | URL | EndpointInit)[];
  /**
   * How long the result may be used without another lookup, in ms from when the request was sent; ≥ 0, `Infinity`
   * allowed. Default 5,000.
   */
  readonly ttlMs?: number;
  /**
   * How long the registry guarantees the result, in ms. The shorter of this and `ttlMs` applies.
   *
   * @see [G4](../../docs/background.md#g4)
   */
  readonly guaranteedMs?: number;
  /** Grows with every change. A result with a smaller revision than the last one is rejected. */
  readonly revision?: string;
  /** Changes when the registry restarts without its data. Revisions are comparable only within one incarnation. */
  readonly incarnation?: string;
  /** The name after all links. Default: the requested name. */
  readonly canonical?: string;
  /** Name of the policy in the service config. */
  readonly policy?: string;
  /**
   * Call timeout of the service config, in ms, above 0 and at most 2^31 − 1. Used where the program has set no `timeoutMs`.
   * Default: the clerk's.
   */
  readonly timeoutMs?: number;
  /** The names passed on the way to the canonical name. Default: the name itself. */
  readonly path?: readonly ResolutionStep[];
  /** Whether {@link Registry.start} can start the service while it has no endpoint. Default false. */
  readonly startable?: boolean;
  /**
   * Instance ids that a client has reported unreachable. The registry requests {@link Registry.report} about them from
   * all clients that call them. Otherwise they are used as before. Default: none.
   */
  readonly healthQueried?: readonly string[];
}

/** The name stands for another name. @see [G2](../../docs/background.md#g2) */
export interface LinkResolution {
  /** Discriminant. */
  readonly kind: 'link';
  /** The other name, absolute. */
  readonly target: string;
  /** As in {@link BoundResolution}. Default 5,000. */
  readonly ttlMs?: number;
  /** As in {@link BoundResolution}. */
  readonly guaranteedMs?: number;
}

/** There is no such name. This is a result, not a failure. */
export interface AbsentResolution {
  /** Discriminant. */
  readonly kind: 'absent';
  /** How long the result may be used, in ms, at most 5,000. Default 1,000. @see [C1.5](../../docs/guarantees.md#c1-5) */
  readonly ttlMs?: number;
  /** As in {@link BoundResolution}. */
  readonly revision?: string;
  /** As in {@link BoundResolution}. */
  readonly incarnation?: string;
}

/** The result of a lookup. A registry that cannot determine it rejects, and never returns an incomplete set. */
export type Resolution = BoundResolution | LinkResolution | AbsentResolution;

/** One entry of a listing. */
export interface ListEntry {
  /** The full name. */
  readonly name: string;
  /** Kind of the entry. */
  readonly kind: 'service' | 'link' | 'mount' | 'directory';
  /** Number of endpoints, when known. */
  readonly endpoints?: number;
  /** Number of suspect endpoints; absent when there is none. */
  readonly suspects?: number;
  /** Target of a link. */
  readonly target?: string;
}

/** One result of a search. @see [N7](../../docs/background.md#n7) */
export interface SearchEntry {
  /** The full name of the service. */
  readonly name: string;
  /** Its endpoints that match the filter. */
  readonly endpoints: readonly EndpointInit[];
}

/** Whether one client can reach one endpoint. */
export interface EndpointReport {
  /** The canonical name of the service. */
  readonly name: string;
  /** Instance id. */
  readonly id: string;
  /** Fencing number. The report applies only to this registration of the instance. */
  readonly epoch: number;
  /**
   * `unreachable`: the endpoint refused, reset or did not respond, and nothing was received since. `reachable`: it
   * responded recently.
   */
  readonly verdict: 'unreachable' | 'reachable';
}

/** The endpoint reports of one client at one moment. */
export interface HealthReport {
  /** Random id of the clerk. Several reports of one clerk count once. */
  readonly clerk: string;
  /** 1 to 100 reports, at most one per endpoint. */
  readonly reports: readonly EndpointReport[];
}

/** The complete result of a watch at one moment. */
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
   * Looks up one name. A clerk has at most one lookup of a name in flight. Rejects when the result cannot be determined;
   * absent is a result. Must settle soon after `context.signal` aborts; the clerk stops waiting for it then.
   */
  resolve(name: string, context: ResolveContext): Promise<Resolution> | Resolution;
  /** Lists the names that match a glob. */
  list?(glob: string, context: { readonly signal: AbortSignal }): Promise<readonly ListEntry[]>;
  /** Finds services with endpoints whose attributes, zone, host or version equal the filter's. */
  search?(
    glob: string,
    filter: Readonly<Record<string, string>>,
    context: { readonly signal: AbortSignal },
  ): Promise<readonly SearchEntry[]>;
  /**
   * Calls back with the complete snapshot, first the present one and then one after every change, until the returned
   * function is called. Never calls back synchronously from `watch`, nor after the returned function was called. Must not
   * keep the process alive. `onError` reports that snapshots are interrupted; they may resume later.
   */
  watch?(
    glob: string,
    onSnapshot: (snapshot: Snapshot) => void,
    onError?: (error: unknown) => void,
  ): () => void;
  /**
   * Starts a service that a resolution calls `startable`. Resolves to its endpoints when it can be called. Later
   * resolutions must include them: an endpoint that a later resolution lacks is no longer called. Called once for any
   * number of concurrent callers, and only while the service has no endpoint. Rejects with `START_FAILED` and the reason,
   * and with `remainingMs` when it is too early for another start.
   *
   * @see [C6.1](../../docs/guarantees.md#c6-1)
   */
  start?(name: string, context: { readonly signal: AbortSignal }): Promise<readonly StartedEndpoint[]>;
  /**
   * Receives the endpoints that this clerk cannot reach, and which of the suspect or queried ones it can. Called in the
   * background, at most once a second, and never while an earlier report is in flight. A report is repeated every few
   * seconds while it holds, so the registry may expire older ones. A rejection has no effect. Must settle soon after the
   * signal aborts, and must not keep the process alive.
   *
   * @see [B8](../../docs/background.md#b8)
   */
  report?(report: HealthReport, context: { readonly signal: AbortSignal }): Promise<void> | void;
  /** Called once, when the clerk is closed. */
  close?(): Promise<void> | void;
}
