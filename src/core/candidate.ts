import type { Endpoint } from './endpoint.js';
import type { LoadReport } from './load-report.js';
import type { Channel } from './transport.js';

/** A period in which an endpoint gets less than its share of calls, because it is new or was just revived. Immutable. */
export interface SlowStart {
  /** When it began, on the monotonic clock. */
  readonly startedAt: number;
  /** Its length, in ms, above 0. */
  readonly windowMs: number;
}

/**
 * An endpoint and what this client has observed of it. Policies only read it; the endpoint table writes it.
 */
export interface Candidate {
  /** The endpoint itself. */
  readonly endpoint: Endpoint;
  /** `open`: calls may be sent there. `closed`: ejected until a probe succeeds. */
  readonly status: 'open' | 'closed';
  /** Attempts of this client in flight. */
  readonly pending: number;
  /** Smoothed response latency, in ms, as of the last response; 0 while unknown. */
  readonly latencyMs: number;
  /** The last load report of the endpoint, if any. Readers judge its age. */
  readonly loadReport: LoadReport | undefined;
  /** The last slow start, also after it has ended; undefined when there was none. */
  readonly slowStart: SlowStart | undefined;
  /** Load: higher is worse. Decays while no call is sent there. */
  load(now: number): number;
}

/** The connections to one endpoint. */
export interface EndpointChannels {
  /** Uses any of the endpoint's addresses. */
  readonly channel: Channel;
  /** Uses only addresses with TLS: `channel` itself when all addresses have TLS, undefined when none has. */
  readonly tlsChannel: Channel | undefined;
}

/** A candidate with its connections: what attempts work with. */
export interface ConnectedCandidate extends Candidate, EndpointChannels {}
