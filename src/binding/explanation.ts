import type { Endpoint } from '../core/endpoint.js';
import type { ResolutionStep } from '../core/registry.js';

/** One endpoint from which a call is picked, with its state. */
export interface ExplainedCandidate {
  /** The endpoint. */
  readonly endpoint: Endpoint;
  /** `open`: calls may go to the endpoint. `closed`: the endpoint is ejected. */
  readonly status: 'open' | 'closed';
  /** Number of attempts of this clerk in flight. */
  readonly pending: number;
  /** Smoothed response latency, in ms; 0 while unknown. */
  readonly latencyMs: number;
  /**
   * Utilization in the last load report of the endpoint: 0 idle, 1 full, above 1 overloaded; undefined without a
   * report.
   */
  readonly utilization: number | undefined;
  /** Load of the endpoint, which `load-aware` compares; lower is better. */
  readonly score: number;
  /**
   * Note of the policy on the endpoint, such as its share of the calls under `weighted`; undefined when the policy
   * adds none.
   */
  readonly policyNote: string | undefined;
}

/** An endpoint to which no call goes at present. */
export interface ExcludedEndpoint {
  /** The endpoint. */
  readonly endpoint: Endpoint;
  /** Why no call goes to the endpoint, in words. */
  readonly reason: string;
}

/** The result of {@link Binding.explain}. Plain data that can be serialised as JSON. */
export interface Explanation {
  /** The name that was bound. */
  readonly name: string;
  /** The name after following all links; undefined before the first lookup. */
  readonly canonical: string | undefined;
  /** Name of the policy. */
  readonly policy: string;
  /** The endpoints from which a call is picked. */
  readonly candidates: readonly ExplainedCandidate[];
  /** The endpoints from which no call is picked, each with the reason. */
  readonly leftOut: readonly ExcludedEndpoint[];
  /** Revision of the resolution; undefined before the first lookup. */
  readonly revision: string | undefined;
  /** The names that the lookup followed to reach the service; empty before the first lookup. */
  readonly path: readonly ResolutionStep[];
  /** Age of the resolution in ms; undefined before the first lookup. */
  readonly ageMs: number | undefined;
  /**
   * Time in ms, from the start of the lookup, for which the resolution may be used; undefined before the first
   * lookup.
   */
  readonly guaranteedMs: number | undefined;
  /**
   * Whether the resolution has expired and is still used, because the registry has not delivered a newer resolution.
   */
  readonly stale: boolean;
  /** Number of retries that the retry budget allows now. */
  readonly retriesLeft: number;
  /** Timeout, in ms, of a call that sets no `timeoutMs`. */
  readonly timeoutMs: number;
  /** Time, in ms, after which an unanswered `GET` attempt is replaced by an attempt at another endpoint. */
  readonly attemptTimeoutMs: number;
  /** Formats the explanation as text, one line per endpoint. Node's `util.inspect` prints the same text. */
  toString(): string;
}
