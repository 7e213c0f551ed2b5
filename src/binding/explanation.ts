/** Why a call would go where it would go: a plain record that prints well and serialises as it is. */
import type { Endpoint } from '../core/endpoint.js';
import type { ResolutionStep } from '../core/registry.js';

/** One candidate as it stands. */
export interface ExplainedCandidate {
  /** Who. */
  readonly endpoint: Endpoint;
  /** `open`: may be chosen. `closed`: set aside. */
  readonly status: 'open' | 'closed';
  /** Attempts in flight. */
  readonly pending: number;
  /** Smoothed latency, in ms; 0 while nothing is known. */
  readonly latencyMs: number;
  /** What it last said of its own load, 0 idle to 1 full and above; undefined when it did not. */
  readonly utilization: number | undefined;
  /** What `load-aware` compares: lower is better. */
  readonly score: number;
  /** What the policy says of it: `weighted` its share of the calls, `primary` who it is. Undefined where it says nothing. */
  readonly policyNote: string | undefined;
}

/** One endpoint that cannot be chosen. */
export interface ExcludedEndpoint {
  /** Who. */
  readonly endpoint: Endpoint;
  /** In words. */
  readonly reason: string;
}

/** What {@link Binding.explain} returns. */
export interface Explanation {
  /** The name that was bound. */
  readonly name: string;
  /** The name behind all links; undefined before the first look-up. */
  readonly canonical: string | undefined;
  /** How endpoints are chosen. */
  readonly policy: string;
  /** Those that a call would be chosen from. */
  readonly candidates: readonly ExplainedCandidate[];
  /** The others, and why. */
  readonly leftOut: readonly ExcludedEndpoint[];
  /** Revision of the answer. */
  readonly revision: string | undefined;
  /** The arcs that were followed. */
  readonly path: readonly ResolutionStep[];
  /** Age of the look-up, in ms; undefined before the first one. */
  readonly ageMs: number | undefined;
  /** How long it may be used without asking, in ms from when it was sent. */
  readonly guaranteedMs: number | undefined;
  /** Whether the registry could not be asked again in time. */
  readonly stale: boolean;
  /** Repeats that the retry budget would allow now. */
  readonly retriesLeft: number;
  /** How long a call may take of which the program says nothing more, in ms. */
  readonly timeoutMs: number;
  /** How long a `GET` may take before another endpoint is asked, in ms. */
  readonly attemptTimeoutMs: number;
  /** All of that as a person reads it at one glance, a line an endpoint; Node prints an explanation so. */
  toString(): string;
}
