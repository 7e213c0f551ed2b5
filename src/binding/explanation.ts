import type { Endpoint } from '../core/endpoint.js';
import type { ResolutionStep } from '../core/registry.js';

/** The state of one candidate. */
export interface ExplainedCandidate {
  /** The endpoint. */
  readonly endpoint: Endpoint;
  /** `open`: may be picked. `closed`: ejected. */
  readonly status: 'open' | 'closed';
  /** Attempts in flight. */
  readonly pending: number;
  /** Smoothed latency in ms; 0 while unknown. */
  readonly latencyMs: number;
  /** Last utilization the endpoint reported: 0 idle, 1 full, above 1 overloaded; undefined when it reported none. */
  readonly utilization: number | undefined;
  /** The score that `load-aware` compares; lower is better. */
  readonly score: number;
  /** Note of the policy, such as the share of calls under `weighted`; undefined when the policy adds none. */
  readonly policyNote: string | undefined;
}

/** An endpoint that is not picked. */
export interface ExcludedEndpoint {
  /** The endpoint. */
  readonly endpoint: Endpoint;
  /** Why it is not picked, in words. */
  readonly reason: string;
}

/** The result of {@link Binding.explain}. Plain data that serialises as it is. */
export interface Explanation {
  /** The name that was bound. */
  readonly name: string;
  /** The name after following all links; undefined before the first lookup. */
  readonly canonical: string | undefined;
  /** Name of the policy. */
  readonly policy: string;
  /** The endpoints a call is picked from. */
  readonly candidates: readonly ExplainedCandidate[];
  /** The other endpoints, each with the reason. */
  readonly leftOut: readonly ExcludedEndpoint[];
  /** Revision of the resolution. */
  readonly revision: string | undefined;
  /** The names passed on the way to the service. */
  readonly path: readonly ResolutionStep[];
  /** Age of the resolution in ms; undefined before the first lookup. */
  readonly ageMs: number | undefined;
  /** Time for which the resolution may be used, in ms from the start of the lookup. */
  readonly guaranteedMs: number | undefined;
  /** Whether the registry was unreachable and this is its previous result. */
  readonly stale: boolean;
  /** Retries that the retry budget would allow now. */
  readonly retriesLeft: number;
  /** Timeout in ms of a call that sets none itself. */
  readonly timeoutMs: number;
  /** Time after which a `GET` attempt fails over to another endpoint, in ms. */
  readonly attemptTimeoutMs: number;
  /** The explanation as text, one line per endpoint. Node's `inspect` prints it too. */
  toString(): string;
}
