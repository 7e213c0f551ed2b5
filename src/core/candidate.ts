import type { Endpoint } from './endpoint.js';
import type { LoadReport } from './load-report.js';
import type { Channel } from './transport.js';

/** A period in which an endpoint gets less than its share of calls, because it is new or was ejected. Immutable. */
export interface SlowStart {
  /** When the slow start began, in ms on the monotonic clock. */
  readonly startedAt: number;
  /** Length of the slow start, in ms, above 0. */
  readonly windowMs: number;
}

/** An endpoint and this client's observations of the endpoint. A policy must not modify a candidate. */
export interface Candidate {
  /** The observed endpoint. */
  readonly endpoint: Endpoint;
  /** `closed`: the endpoint is ejected. `open`: the endpoint is not ejected, but may be suspect. */
  readonly status: 'open' | 'closed';
  /** Number of attempts of this client in flight at the endpoint. */
  readonly pending: number;
  /**
   * Number of pending attempts whose response has begun but not ended, such as a WebSocket, an event stream or a long
   * body.
   */
  readonly held: number;
  /** Moving average of the endpoint's response latency, in ms; 0 before the first response. */
  readonly latencyMs: number;
  /** The newest load report of the endpoint, however old; undefined when none was received. */
  readonly loadReport: LoadReport | undefined;
  /** The last slow start, even if it has ended; undefined when the endpoint had none. */
  readonly slowStart: SlowStart | undefined;
  /**
   * Returns the load of the endpoint; lower is better. The load falls while the endpoint gets no calls.
   *
   * @param now - time for which the load is computed, in ms on the monotonic clock
   */
  load(now: number): number;
}

export interface EndpointChannels {
  readonly channel: Channel;
  /** Channel over the addresses with TLS. Equals `channel` if all addresses have TLS; undefined if none has. */
  readonly tlsChannel: Channel | undefined;
}

export interface ConnectedCandidate extends Candidate, EndpointChannels {
  /**
   * Whether the endpoint is ejected or suspect. If this endpoint does not respond within 20 ms, the call starts a
   * second attempt at another endpoint.
   */
  readonly isTrial: boolean;
  /**
   * Whether the endpoint fails too often, but was not ejected because too many endpoints are ejected already. Such an
   * endpoint gets fewer calls than its share.
   */
  readonly isFailing: boolean;
  /**
   * Whether the endpoint has returned from an ejection for failure responses, and has given fewer than five good
   * responses since. Retries then go to other endpoints.
   */
  readonly isOnProbation: boolean;
  /** Whether the endpoint's last failure response is newer than its last good one. Retries prefer other endpoints. */
  readonly hasFailedLast: boolean;
  /**
   * Whether a failure response may be the fault of the endpoint, and not of the call. A repeatable call is then
   * retried at another endpoint after any failure status.
   */
  readonly isDoubted: boolean;
}
