import type { Endpoint } from './endpoint.js';
import type { AgedLoad } from './load-report.js';
import type { ResolutionStep } from './registry.js';

/** A validated lookup result. Immutable. */
export interface ResolvedService {
  /** `bound`: the service exists. `absent`: the registry has no such name. */
  readonly kind: 'bound' | 'absent';
  /** The requested name. */
  readonly name: string;
  /** The name after all links. */
  readonly canonical: string;
  /** The complete set; empty when absent. */
  readonly endpoints: readonly Endpoint[];
  /** The policy of the service config, if it has one. */
  readonly policy: string | undefined;
  /** The service config's call timeout, in ms, > 0. Used where the program sets none. */
  readonly timeoutMs?: number;
  /** The names passed on the way to the canonical name. */
  readonly path: readonly ResolutionStep[];
  /** As the registry sent it; empty when it sent none. */
  readonly revision: string;
  /** As the registry sent it; empty when it sent none. */
  readonly incarnation: string;
  /** Whether the registry can start the service while it has no endpoint. */
  readonly startable?: boolean;
  /** Instance ids for which the registry requests health reports. */
  readonly healthQueried?: readonly string[];
  /** The longest lease of its endpoints, in ms, when known. */
  readonly leaseMs?: number;
  /** Loads of its endpoints by instance id, as of {@link ResolvedService.requestedAt}, when known. */
  readonly loads?: ReadonlyMap<string, AgedLoad>;
  /** How long the result may be used, in ms from {@link ResolvedService.requestedAt}. */
  readonly ttlMs: number;
  /** When the request was sent, on `Runtime.now()`'s scale. @see [C1.1](../../docs/guarantees.md#c1-1) */
  readonly requestedAt: number;
  /** When the request was sent, on the wall clock. @see [C1.3](../../docs/guarantees.md#c1-3) */
  readonly requestedWallAt: number;
  /** True when a refresh failed and this is the previous result. @see [C1.4](../../docs/guarantees.md#c1-4) */
  readonly stale: boolean;
}

/** Looks up and validates names. Rejects with a `ClerkError` when the registry cannot be reached. */
export interface Resolver {
  resolve(name: string, context: { readonly suspects: ReadonlySet<string> }): Promise<ResolvedService>;
}

/**
 * Whether a result may still be used without another lookup. Both clocks must agree. A jump of either clock, or a sleep of
 * the machine, can therefore only shorten the lifetime.
 *
 * @see [C1.1](../../docs/guarantees.md#c1-1), [C1.3](../../docs/guarantees.md#c1-3)
 */
export function isFresh(resolved: ResolvedService, now: number, wallNow: number): boolean {
  if (resolved.ttlMs === Infinity) return true;
  return now - resolved.requestedAt < resolved.ttlMs && wallNow - resolved.requestedWallAt < resolved.ttlMs;
}
