/** An endpoint as one clerk sees it: the immutable endpoint and what this clerk has learned of it. */
import type { Endpoint } from './endpoint.js';
import type { LoadReport } from './load-report.js';
import type { Channel } from './transport.js';

/** A time in which an endpoint gets less than its share, because it is new or has just come back. Immutable. */
export interface SlowStart {
  /** When it began, on the monotonic clock. */
  readonly startedAt: number;
  /** How long it takes, in ms, above 0. */
  readonly windowMs: number;
}

/**
 * What choosing reads. Health writes it, selection only reads it.
 */
export interface Candidate {
  /** The endpoint itself. */
  readonly endpoint: Endpoint;
  /** `open`: calls may go there. `closed`: set aside until a probe succeeds. */
  readonly status: 'open' | 'closed';
  /** Attempts in flight from this clerk. */
  readonly pending: number;
  /** Smoothed latency of answers, in ms, as of the last one; 0 while nothing is known. */
  readonly latencyMs: number;
  /** What it last said of its own load, if it did. How old it is, its reader judges. */
  readonly loadReport: LoadReport | undefined;
  /** Its slow start, also after that is over; undefined when it needs none. */
  readonly slowStart: SlowStart | undefined;
  /** Load: higher is worse. Falls with time while nothing is sent there. */
  load(now: number): number;
}

/** The connections to one endpoint. */
export interface EndpointChannels {
  /** Over any of its addresses. */
  readonly channel: Channel;
  /** Over those with TLS alone: the same, where all of them have it; undefined where none has. */
  readonly tlsChannel: Channel | undefined;
}

/** A candidate with the connections to it: what calling works with. */
export interface ConnectedCandidate extends Candidate, EndpointChannels {}
