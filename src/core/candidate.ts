import type { Endpoint } from './endpoint.js';
import type { LoadReport } from './load-report.js';
import type { Channel } from './transport.js';

/**
 * A period in which an endpoint gets less than its share of calls, because the endpoint is new, or was ejected and has
 * responded again. Immutable.
 */
export interface SlowStart {
  /** When the slow start began, in ms on the monotonic clock. */
  readonly startedAt: number;
  /** Length of the slow start, in ms, above 0. */
  readonly windowMs: number;
}

/**
 * An endpoint and this client's observations of that endpoint. The endpoint table writes a candidate; policies only
 * read candidates.
 */
export interface Candidate {
  /** The observed endpoint. */
  readonly endpoint: Endpoint;
  /** `open`: calls may be sent to the endpoint. `closed`: the endpoint is ejected until a probe succeeds. */
  readonly status: 'open' | 'closed';
  /** Number of attempts of this client in flight at the endpoint. */
  readonly pending: number;
  /** Moving average of the endpoint's response latency, in ms; 0 before the first response. */
  readonly latencyMs: number;
  /** The load report that was received last from the endpoint, however old; undefined when none was received. */
  readonly loadReport: LoadReport | undefined;
  /** The slow start that began last, even if it has ended; undefined when the endpoint had no slow start. */
  readonly slowStart: SlowStart | undefined;
  /**
   * Returns the load of the endpoint at the time `now`, in ms on the monotonic clock. Of two endpoints, the endpoint
   * with the lower load should get the call. The load decays while no call is sent to the endpoint.
   */
  load(now: number): number;
}

/** The connections to one endpoint. */
export interface EndpointChannels {
  /** Channel over all addresses of the endpoint. */
  readonly channel: Channel;
  /**
   * Channel over the addresses with TLS. Equals `channel` when all addresses have TLS; undefined when no address has
   * TLS.
   */
  readonly tlsChannel: Channel | undefined;
}

/** A candidate together with the channels to its endpoint. */
export interface ConnectedCandidate extends Candidate, EndpointChannels {}
