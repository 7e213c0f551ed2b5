import type { Endpoint } from './endpoint.js';
import type { AgedLoad } from './load-report.js';
import type { ResolutionStep } from './registry.js';
import type { AttemptTimeoutOptions, RetryOptions } from './retry-options.js';

/** A validated result of a lookup. Immutable. */
export interface ResolvedService {
  readonly kind: 'bound' | 'absent';
  /** The requested name. */
  readonly name: string;
  /** Name behind all links. */
  readonly canonical: string;
  /** Empty when the name is absent. */
  readonly endpoints: readonly Endpoint[];
  /** Policy of the service config. */
  readonly policy: string | undefined;
  /** Call timeout of the service config, in ms, above 0. */
  readonly timeoutMs?: number;
  /** Attempt timeout of the service config. */
  readonly attemptTimeoutMs?: number | AttemptTimeoutOptions;
  /** Retries of the service config. */
  readonly retries?: RetryOptions | false;
  /** The steps from the requested to the canonical name. */
  readonly path: readonly ResolutionStep[];
  /** Revision of the result; empty when the registry sent none. */
  readonly revision: string;
  /** Incarnation of the registry; empty when the registry sent none. */
  readonly incarnation: string;
  /** `position` of the result, which a later lookup returns to the registry. */
  readonly position?: string;
  readonly startable?: boolean;
  readonly healthQueried?: readonly string[];
  /** Longest lease of the endpoints, in ms; undefined when unknown. */
  readonly leaseMs?: number;
  /** The reported load of each endpoint, by instance id, with its age at {@link ResolvedService.requestedAt}. */
  readonly loads?: ReadonlyMap<string, AgedLoad>;
  /** Time for which the result may be used, in ms from {@link ResolvedService.requestedAt}. */
  readonly ttlMs: number;
  /**
   * Time for which the registry guarantees the path and the service config, in ms from
   * {@link ResolvedService.requestedAt}. Default 0: no guarantee. @see [C1.2](../../docs/guarantees.md#c1-2)
   */
  readonly guaranteedMs?: number;
  /** When the request was sent, in ms on the monotonic clock. @see [C1.1](../../docs/guarantees.md#c1-1) */
  readonly requestedAt: number;
  /** When the request was sent, in ms since 1970 on the wall clock. @see [C1.3](../../docs/guarantees.md#c1-3) */
  readonly requestedWallAt: number;
  /**
   * Whether the result has expired but is used, because the registry has delivered no newer one. @see
   * [C1.4](../../docs/guarantees.md#c1-4)
   */
  readonly stale: boolean;
}

/** Looks up names and validates the results. Rejects with a `ClerkError` when a lookup fails. */
export interface Resolver {
  resolve(name: string, context: LookupContext): Promise<ResolvedService>;
}

/** Context of a lookup inside the clerk. */
export interface LookupContext {
  /** Instance ids of the endpoints whose failures caused the lookup. */
  readonly suspects: ReadonlySet<string>;
  /** {@link ResolvedService.position} of the last known result. */
  readonly position?: string | undefined;
}

/**
 * Whether a result is younger than `ttlMs` by both clocks. A forward jump of the wall clock can shorten the lifetime.
 * A backward jump or a sleep of the machine cannot extend it. @see [C1.1](../../docs/guarantees.md#c1-1),
 * [C1.3](../../docs/guarantees.md#c1-3)
 */
export function isFresh(resolved: ResolvedService, now: number, wallNow: number): boolean {
  if (resolved.ttlMs === Infinity) return true;
  return now - resolved.requestedAt < resolved.ttlMs && wallNow - resolved.requestedWallAt < resolved.ttlMs;
}
