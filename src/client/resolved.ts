/** What `clerk.resolve` returns: an answer as programs and people read it. */
import type { ResolvedService } from '../core/resolution-result.js';
import type { Endpoint } from '../core/endpoint.js';
import type { ResolutionStep } from '../core/registry.js';

/** A look-up's answer. */
export interface Resolved {
  /** The name that was asked for. */
  readonly name: string;
  /** The name behind all links. */
  readonly canonical: string;
  /** What it is. */
  readonly kind: 'service';
  /** The arcs that were followed. */
  readonly path: readonly ResolutionStep[];
  /** All endpoints; empty when nobody runs the service. */
  readonly endpoints: readonly Endpoint[];
  /** The service's own rule for choosing. */
  readonly policy: string | undefined;
  /** How long a call may take, in ms, where the program says nothing; left out where the service does not either. */
  readonly timeoutMs?: number;
  /** As the registry wrote it. */
  readonly revision: string;
  /** How long the answer may be used, in ms from when the question was sent. */
  readonly guaranteedMs: number;
  /** How old it is, in ms since the question was sent. */
  readonly ageMs: number;
  /** Whether the registry could not be asked and this is what it last said. */
  readonly stale: boolean;
}

/** Reads an answer. */
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
