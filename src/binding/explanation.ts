import type { Endpoint } from '../core/endpoint.js';
import type { KeyPin } from '../core/key-pin.js';
import type { ResolutionStep, ScheduledChange } from '../core/registry.js';
import type { ProbeRequest } from '../core/transport.js';

/** An endpoint that the policy may pick for a call. */
export interface ExplainedCandidate {
  /** The endpoint. */
  readonly endpoint: Endpoint;
  /** Key that the endpoint must prove; undefined without a key. */
  readonly key: KeyPin | undefined;
  /** `closed` if the endpoint is ejected, otherwise `open`. */
  readonly status: 'open' | 'closed';
  /** Number of attempts of this clerk that are in flight at the endpoint. */
  readonly pending: number;
  /** Smoothed latency of the responses of the endpoint, in ms; 0 before the first response. */
  readonly latencyMs: number;
  /** Fraction of the capacity in use, from the last load report: 0 is idle, 1 is full; undefined without a report. */
  readonly utilization: number | undefined;
  /** Load of the endpoint as the policy `load-aware` computes it; lower is better. */
  readonly score: number;
  /** Note of the policy, such as the share of the calls under `weighted`; undefined without a note. */
  readonly policyNote: string | undefined;
}

/** An endpoint of the service that is not a candidate at present. */
export interface ExcludedEndpoint {
  /** The endpoint. */
  readonly endpoint: Endpoint;
  /** Why the endpoint is not a candidate, as text. */
  readonly reason: string;
}

/** The retry settings that apply to calls without the option `retries`. */
export interface ExplainedRetries {
  /** Maximum number of retries of one call. */
  readonly max: number;
  /** Response statuses after which a safe or idempotent call is retried. */
  readonly statuses: readonly number[];
  /** Limits for the retries of all calls to the service. */
  readonly budget: {
    /** Average number of allowed retries per call, 0 … 1. */
    readonly ratio: number;
    /** Retries per second that are allowed in addition to `ratio`. */
    readonly minPerSecond: number;
  };
}

/** The attempt timeout that was learned for the requests of one HTTP method and one route class. */
export interface LearnedAttemptTimeout {
  /** HTTP method of the requests. */
  readonly method: string;
  /** Route class of the requests: the value of `routeOf`, by default the first segment of the path. */
  readonly route: string;
  /** Attempt timeout, in ms. */
  readonly timeoutMs: number;
}

/** Settings of calls that set none of these options. They come from the binding, the service config or the defaults. */
export interface ExplainedSettings {
  /** Lower bound of the attempt timeout, in ms. */
  readonly minAttemptTimeoutMs: number;
  /**
   * Upper bound of the attempt timeout, in ms. If no bound is set, the attempt timeout of a route class with fewer
   * than 20 recorded responses is at most 1,000 ms.
   */
  readonly maxAttemptTimeoutMs: number;
  /** Retries of a call. `false`: a call is not retried after the request was sent. */
  readonly retries: ExplainedRetries | false;
  /** Request that checks whether an ejected endpoint responds again. `false`: no such request is sent. */
  readonly probe: ProbeRequest | false;
}

/** The result of {@link Binding.explain}. Can be serialised as JSON. */
export interface Explanation {
  /** The name that was bound. */
  readonly name: string;
  /** Name behind all links; undefined before the first lookup. */
  readonly canonical: string | undefined;
  /** Name of the policy. */
  readonly policy: string;
  /** Whether every candidate must prove its key before a byte of a request is sent. False without a candidate. */
  readonly proved: boolean;
  /**
   * Name that this clerk proves to the registry and to endpoints; undefined before the first lookup and without an
   * identity.
   */
  readonly identity: string | undefined;
  /** Ticket that requests carry; undefined without a valid ticket. */
  readonly ticket:
    | {
        /** Time until the ticket expires, in ms. The clerk renews the ticket earlier. */
        readonly expiresInMs: number;
      }
    | undefined;
  /** The endpoints among which the policy picks. */
  readonly candidates: readonly ExplainedCandidate[];
  /** The endpoints that are not candidates, each with the reason. */
  readonly leftOut: readonly ExcludedEndpoint[];
  /**
   * Number of endpoints that have registered and do not accept connections yet. `candidates` and `leftOut` omit these
   * endpoints. Absent when the number is 0.
   */
  readonly starting?: number;
  /** Revision of the resolution; undefined before the first lookup. */
  readonly revision: string | undefined;
  /** The names that the lookup followed to reach the service; empty before the first lookup. */
  readonly path: readonly ResolutionStep[];
  /**
   * Scheduled changes of the names on the path. The registry applies a change when the guaranteed time of the name has
   * ended. `clerk cancel` and `cancel` of `binding-clerk/admin` cancel a change. Absent when no change is scheduled.
   */
  readonly scheduled?: readonly ScheduledChange[];
  /** Time since the start of the last lookup, in ms; undefined before the first lookup. */
  readonly ageMs: number | undefined;
  /**
   * Time from the start of the lookup, in ms, for which the registry guarantees the path and the service config. 0
   * without a guarantee; undefined before the first lookup.
   */
  readonly guaranteedMs: number | undefined;
  /**
   * Time from the start of the lookup, in ms, in which the resolution may be used; undefined before the first lookup.
   */
  readonly usableMs: number | undefined;
  /** Whether the resolution is used although it has expired, because the registry has delivered no newer resolution. */
  readonly stale: boolean;
  /** Number of retries that the retry budget of the service allows now. */
  readonly retriesLeft: number;
  /** Timeout, in ms, of a call of this binding that sets no `timeoutMs`. */
  readonly timeoutMs: number;
  /**
   * Attempt timeout of `GET` requests to `/`, in ms. After this time without a response, a second attempt may start
   * at another endpoint.
   */
  readonly attemptTimeoutMs: number;
  /** Attempt timeout, in ms, of a route class with fewer than 10 recent responses. */
  readonly initialAttemptTimeoutMs: number;
  /** The learned attempt timeouts: one for each HTTP method and route class with at least 10 recent responses. */
  readonly learnedAttemptTimeouts: readonly LearnedAttemptTimeout[];
  /** Settings for retries, attempt timeouts and probes. */
  readonly settings: ExplainedSettings;
  /** Formats the explanation as text, one line per endpoint. Node's `util.inspect` prints the same text. */
  toString(): string;
}
