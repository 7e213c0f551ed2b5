import type { Endpoint } from '../core/endpoint.js';
import type { ResolutionStep } from '../core/registry.js';
import type { ResolvedService } from '../core/resolution-result.js';

/** The result of {@link Clerk.resolve}. Plain data. */
export interface Resolved {
  /** The name that was looked up. */
  readonly name: string;
  /** The name after following all links. */
  readonly canonical: string;
  /** The kind of entry behind the name. */
  readonly kind: 'service';
  /** The names passed on the way to the service, each with the time it is guaranteed for. */
  readonly path: readonly ResolutionStep[];
  /** All endpoints; empty when the service has none. */
  readonly endpoints: readonly Endpoint[];
  /** Policy of the service config. */
  readonly policy: string | undefined;
  /** Timeout of the service config in ms; absent when it sets none. Applies where the program sets no timeout. */
  readonly timeoutMs?: number;
  /** Revision, as the registry wrote it. */
  readonly revision: string;
  /** Time for which the result may be used, in ms from the start of the lookup. */
  readonly guaranteedMs: number;
  /** Age in ms, from the start of the lookup. */
  readonly ageMs: number;
  /** Whether the registry was unreachable and this is its previous result. */
  readonly stale: boolean;
}

/** Converts a cached resolution into the public form. */
export function toResolved(resolution: ResolvedService, now: number): Resolved {
  return {
    name: resolution.name,
    canonical: resolution.canonical,
    kind: 'service',
    path: resolution.path,
    endpoints: resolution.endpoints,
    policy: resolution.policy,
    ...(resolution.timeoutMs !== undefined && { timeoutMs: resolution.timeoutMs }),
    revision: resolution.revision,
    guaranteedMs: resolution.ttlMs,
    ageMs: Math.max(0, now - resolution.requestedAt),
    stale: resolution.stale,
  };
}
