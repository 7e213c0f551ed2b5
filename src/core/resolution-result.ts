import type { Endpoint } from './endpoint.js';
import type { AgedLoad } from './load-report.js';
import type { ResolutionStep, ScheduledChange } from './registry.js';
import type { AttemptTimeoutOptions, RetryOptions } from './retry-options.js';

export interface ResolvedService {
  readonly kind: 'bound' | 'absent';
  readonly name: string;
  readonly canonical: string;
  readonly endpoints: readonly Endpoint[];
  /** Number of further endpoints that do not accept connections yet; undefined when there is none. */
  readonly starting?: number;
  /** This and the next three fields come from the service config. */
  readonly policy: string | undefined;
  readonly timeoutMs?: number;
  readonly attemptTimeoutMs?: number | AttemptTimeoutOptions;
  readonly retries?: RetryOptions | false;
  readonly path: readonly ResolutionStep[];
  /** Not empty. `appliesInMs` counts from {@link ResolvedService.requestedAt}. */
  readonly scheduled?: readonly ScheduledChange[];
  /** Empty when the registry sent none. */
  readonly revision: string;
  /** Empty when the registry sent none. */
  readonly incarnation: string;
  /** The next lookup passes this text to the registry. */
  readonly position?: string;
  readonly startable?: boolean;
  /** Whether names may lie below the name; undefined when unknown. */
  readonly namesBelow?: boolean;
  readonly healthQueried?: readonly string[];
  readonly leaseMs?: number;
  /** By instance id. `ageMs` is the age at {@link ResolvedService.requestedAt}. */
  readonly loads?: ReadonlyMap<string, AgedLoad>;
  /** Lifetime of the result, in ms, from {@link ResolvedService.requestedAt}. */
  readonly ttlMs: number;
  /**
   * Time for which the registry guarantees the path and the service config, from {@link ResolvedService.requestedAt}.
   * Default 0. @see [C1.2](../../docs/guarantees.md#c1-2)
   */
  readonly guaranteedMs?: number;
  /** When the lookup was requested, in ms on the monotonic clock. @see [C1.1](../../docs/guarantees.md#c1-1) */
  readonly requestedAt: number;
  /** When the lookup was requested, on the wall clock, in ms since 1970. @see [C1.3](../../docs/guarantees.md#c1-3) */
  readonly requestedWallAt: number;
  /**
   * Whether the result has expired, and is used because the registry has delivered no newer result. @see
   * [C1.4](../../docs/guarantees.md#c1-4)
   */
  readonly stale: boolean;
}

/** Rejects with a `ClerkError` when a lookup fails. */
export interface Resolver {
  resolve(name: string, context: LookupContext): Promise<ResolvedService>;
}

export interface LookupContext {
  readonly suspects: ReadonlySet<string>;
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
