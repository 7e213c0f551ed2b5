import type { ClerkError } from './errors.js';
import type { Outcome } from './outcome.js';

/**
 * The events of a clerk and their payloads. The diagnostics channels `binding-clerk:<event>` get the same payloads.
 * An exception of a listener does not fail a call.
 */
export interface ClerkEventMap {
  /** A lookup succeeded. */
  resolved: {
    /** Name of the service. */
    readonly name: string;
    /** Instance ids of all endpoints in the result. */
    readonly endpoints: readonly string[];
    /** Revision of the result; empty when the registry sent no revision. */
    readonly revision: string;
    /** Duration of the lookup, in ms. */
    readonly durationMs: number;
  };
  /** A lookup failed, and the clerk continues to use the previous result. */
  stale: {
    /** Name of the service. */
    readonly name: string;
    /** Age of the previous result, in ms. */
    readonly ageMs: number;
    /** Error of the failed lookup. */
    readonly error: ClerkError;
  };
  /** An endpoint was picked for an attempt. */
  picked: {
    /** Name of the service. */
    readonly name: string;
    /** Instance id of the endpoint. */
    readonly endpoint: string;
    /** Why the endpoint was picked, as in {@link Outcome.pickReason}. */
    readonly pickReason: string;
    /** Number of the attempt within the call, from 1. */
    readonly attempt: number;
  };
  /** An attempt ended. */
  attempt: {
    /** Name of the service. */
    readonly name: string;
    /** Record of the attempt. */
    readonly outcome: Outcome;
  };
  /** An attempt failed, and the call continues at another endpoint. */
  failover: {
    /** Name of the service. */
    readonly name: string;
    /** Instance id of the endpoint that failed. */
    readonly from: string;
    /** Instance id of the next endpoint. */
    readonly to: string;
    /** Record of the failed attempt. */
    readonly outcome: Outcome;
  };
  /** An endpoint was ejected. */
  ejected: {
    /** Name of the service. */
    readonly name: string;
    /** Instance id of the endpoint. */
    readonly endpoint: string;
    /** `refused`, `reset` or `timeout`: unreachable. `failures`: too many failure responses of the endpoint. */
    readonly reason: string;
  };
  /** An ejected endpoint gets calls again: the endpoint has responded, or the time of the ejection has ended. */
  revived: {
    /** Name of the service. */
    readonly name: string;
    /** Instance id of the endpoint. */
    readonly endpoint: string;
    /** Time since the endpoint became suspect or was ejected, in ms. */
    readonly afterMs: number;
  };
  /** A factory or the registry started the service. */
  started: {
    /** Name of the service. */
    readonly name: string;
    /** Instance ids of the started endpoints. */
    readonly endpoints: readonly string[];
    /** Duration of the start, in ms. */
    readonly durationMs: number;
  };
  /** An endpoint became suspect: it seems to be unreachable, or the registry flagged it for all clients. */
  suspect: {
    /** Name of the service. */
    readonly name: string;
    /** Instance id of the endpoint. */
    readonly endpoint: string;
    /** `refused`, `reset` or `timeout`: what this client observed. `registry`: the registry flagged the endpoint. */
    readonly reason: string;
  };
}

/** Name of an event. */
export type ClerkEvent = keyof ClerkEventMap;

export interface EventSink {
  hasListeners(event: ClerkEvent): boolean;
  /** Never throws. */
  emit<E extends ClerkEvent>(event: E, payload: ClerkEventMap[E]): void;
}
