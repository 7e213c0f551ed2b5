/** A registry's resolution after it was checked: what the rest of the clerk works with. */
import type { Endpoint } from './endpoint.js';
import type { AgedLoad } from './load-report.js';
import type { ResolutionStep } from './registry.js';

/** A checked answer. Immutable. */
export interface ResolvedService {
  /** `bound`: the service exists. `absent`: it does not, says the registry. */
  readonly kind: 'bound' | 'absent';
  /** The name that was asked for. */
  readonly name: string;
  /** The name behind all links. */
  readonly canonical: string;
  /** The complete set; empty when absent. */
  readonly endpoints: readonly Endpoint[];
  /** The service's own rule for choosing, if it has one. */
  readonly policy: string | undefined;
  /** How long a call may take, in ms, > 0, says the service, where the program says nothing. */
  readonly timeoutMs?: number;
  /** The arcs followed. */
  readonly path: readonly ResolutionStep[];
  /** As the registry wrote it; empty when it wrote none. */
  readonly revision: string;
  /** As the registry wrote it; empty when it wrote none. */
  readonly incarnation: string;
  /** Whether the registry can have it started when nobody runs it. */
  readonly startable?: boolean;
  /** Instance ids that the registry asks about. */
  readonly healthQueried?: readonly string[];
  /** The longest lease of its endpoints, in ms, where the registry says it. */
  readonly leaseMs?: number;
  /** How loaded its endpoints were as of {@link ResolvedService.requestedAt}, by instance id, as far as the registry says it. */
  readonly loads?: ReadonlyMap<string, AgedLoad>;
  /** For how long it may be used, in ms from {@link ResolvedService.requestedAt}. */
  readonly ttlMs: number;
  /** When the question was sent, on `Runtime.now()`'s scale. @see promises C1.1 */
  readonly requestedAt: number;
  /** When the question was sent, on the wall clock. @see promises C1.3 */
  readonly requestedWallAt: number;
  /** True when the registry could not be asked again in time and this is what it last said. @see promises C1.4 */
  readonly stale: boolean;
}

/** Answers names, after checking. Rejects with a `ClerkError` when it cannot tell. */
export interface Resolver {
  resolve(name: string, context: { readonly suspects: ReadonlySet<string> }): Promise<ResolvedService>;
}

/**
 * Whether an answer may still be used without asking: both clocks must agree, so a jump of either or a sleep of the
 * machine shortens trust and never lengthens it.
 *
 * @see promises C1.1, C1.3
 */
export function isFresh(resolved: ResolvedService, now: number, wallNow: number): boolean {
  if (resolved.ttlMs === Infinity) return true;
  return now - resolved.requestedAt < resolved.ttlMs && wallNow - resolved.requestedWallAt < resolved.ttlMs;
}
