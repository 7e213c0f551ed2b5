import { definedFields } from '../core/defined-fields.js';
import type { Endpoint } from '../core/endpoint.js';
import type { ResolutionStep } from '../core/registry.js';
import type { ResolvedService } from '../core/resolution-result.js';
import type { AttemptTimeoutOptions, RetryOptions } from '../core/retry-options.js';

/** The result of {@link Clerk.resolve}. Plain data. */
export interface Resolved {
  /** The name that was looked up. */
  readonly name: string;
  /** Name behind all links. */
  readonly canonical: string;
  /** Kind of the entry with the name `canonical`. */
  readonly kind: 'service';
  /** The names that the lookup followed, from `name` to `canonical`. */
  readonly path: readonly ResolutionStep[];
  /** All endpoints; empty when the service has no endpoint. */
  readonly endpoints: readonly Endpoint[];
  /**
   * Number of endpoints that have registered and do not accept connections yet. `endpoints` omits these endpoints.
   * Absent when the number is 0.
   */
  readonly starting?: number;
  /** Load-balancing policy of the service config; undefined when the service config sets no policy. */
  readonly policy: string | undefined;
  /** Call timeout of the service config, in ms. Applies if neither the call nor its binding sets a timeout. */
  readonly timeoutMs?: number;
  /** Attempt timeout of the service config: a number of ms, or bounds. */
  readonly attemptTimeoutMs?: number | AttemptTimeoutOptions;
  /** Retries of the service config. `false`: a call is not retried after the request was sent. */
  readonly retries?: RetryOptions | false;
  /** Revision of the result, unchanged from the registry. */
  readonly revision: string;
  /**
   * Time from the start of the lookup, in ms, for which the registry guarantees the path and the service config. 0
   * without a guarantee. @see [C1.2](../../docs/guarantees.md#c1-2)
   */
  readonly guaranteedMs: number;
  /** Time from the start of the lookup, in ms, in which the result may be used without another lookup. */
  readonly usableMs: number;
  /** Time since the start of the lookup, in ms. */
  readonly ageMs: number;
  /** Whether the result is used although it has expired, because the registry has delivered no newer result. */
  readonly stale: boolean;
}

export function toResolved(resolution: ResolvedService, now: number): Resolved {
  const { name, canonical, path, endpoints, starting, policy, timeoutMs, attemptTimeoutMs, retries } =
    resolution;
  return {
    ...{ name, canonical, kind: 'service', path, endpoints, policy },
    ...definedFields({ starting, timeoutMs, attemptTimeoutMs, retries }),
    revision: resolution.revision,
    guaranteedMs: resolution.guaranteedMs ?? 0,
    usableMs: resolution.ttlMs,
    ageMs: Math.max(0, now - resolution.requestedAt),
    stale: resolution.stale,
  };
}
