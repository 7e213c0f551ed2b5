import type { Endpoint } from './endpoint.js';
import type { AgedLoad } from './load-report.js';
import type { ResolutionStep } from './registry.js';

/** A validated result of a lookup. Immutable. */
export interface ResolvedService {
  /** `bound`: the service exists. `absent`: the registry has no such name. */
  readonly kind: 'bound' | 'absent';
  /** The requested name. */
  readonly name: string;
  /** The name that remains after all links were followed. */
  readonly canonical: string;
  /** All endpoints of the service; empty when the name is absent. */
  readonly endpoints: readonly Endpoint[];
  /** Name of the policy in the service config; undefined when the service config has none. */
  readonly policy: string | undefined;
  /** Call timeout of the service config, in ms, above 0. Used for calls without a `timeoutMs` of the program. */
  readonly timeoutMs?: number;
  /** The names that the lookup passed, from the requested name to the canonical name. */
  readonly path: readonly ResolutionStep[];
  /** As received from the registry; empty when the registry sent none. */
  readonly revision: string;
  /** As received from the registry; empty when the registry sent none. */
  readonly incarnation: string;
  /** Whether the registry can start the service while it has no endpoint. */
  readonly startable?: boolean;
  /** Instance ids of the endpoints for which the registry requests health reports. */
  readonly healthQueried?: readonly string[];
  /** Longest lease of the endpoints, in ms; undefined when unknown. */
  readonly leaseMs?: number;
  /**
   * Loads of the endpoints by instance id; undefined when unknown. The ages of the loads are those at {@link
   * ResolvedService.requestedAt}.
   */
  readonly loads?: ReadonlyMap<string, AgedLoad>;
  /** Time for which the result may be used, in ms from {@link ResolvedService.requestedAt}. */
  readonly ttlMs: number;
  /** When the request was sent, in ms on the monotonic clock. @see [C1.1](../../docs/guarantees.md#c1-1) */
  readonly requestedAt: number;
  /** When the request was sent, in ms on the wall clock. @see [C1.3](../../docs/guarantees.md#c1-3) */
  readonly requestedWallAt: number;
  /** Whether a refresh of this result has failed. @see [C1.4](../../docs/guarantees.md#c1-4) */
  readonly stale: boolean;
}

/** Looks up names and validates the results. Rejects with a `ClerkError` when the registry cannot be reached. */
export interface Resolver {
  resolve(name: string, context: { readonly suspects: ReadonlySet<string> }): Promise<ResolvedService>;
}

/**
 * Whether a result may still be used without another lookup: by the monotonic clock and by the wall clock, the result
 * is younger than `ttlMs`. A forward jump of the wall clock can shorten the lifetime of a result. A backward jump, or a
 * sleep of the machine, cannot extend the lifetime.
 *
 * @see [C1.1](../../docs/guarantees.md#c1-1), [C1.3](../../docs/guarantees.md#c1-3)
 */
export function isFresh(resolved: ResolvedService, now: number, wallNow: number): boolean {
  if (resolved.ttlMs === Infinity) return true;
  return now - resolved.requestedAt < resolved.ttlMs && wallNow - resolved.requestedWallAt < resolved.ttlMs;
}
