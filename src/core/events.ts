import type { ClerkError } from './errors.js';
import type { Outcome } from './outcome.js';

/**
 * The events of a clerk and their payloads. The same payloads are published on the diagnostics channels
 * `binding-clerk:<event>`. A listener cannot change or fail a call.
 */
export interface ClerkEventMap {
  /** A lookup succeeded. */
  resolved: {
    /** The requested name. */
    readonly name: string;
    /** Instance ids of all its endpoints. */
    readonly endpoints: readonly string[];
    /** As the registry sent it; empty when it sent none. */
    readonly revision: string;
    /** Duration of the lookup, in ms. */
    readonly durationMs: number;
  };
  /** A lookup failed, and the previous result stays in use. */
  stale: {
    /** The name. */
    readonly name: string;
    /** Age of the result in use, in ms. */
    readonly ageMs: number;
    /** Why the lookup failed. */
    readonly error: ClerkError;
  };
  /** An endpoint was picked for an attempt. */
  picked: {
    /** The service. */
    readonly name: string;
    /** Instance id of the endpoint. */
    readonly endpoint: string;
    /** Why this one: the policy's name, or `failover`. */
    readonly pickReason: string;
    /** Number of the attempt; the first is 1. */
    readonly attempt: number;
  };
  /** An attempt ended. */
  attempt: {
    /** The service. */
    readonly name: string;
    /** Its result. */
    readonly outcome: Outcome;
  };
  /** A call continues at another endpoint. */
  failover: {
    /** The service. */
    readonly name: string;
    /** Instance id of the endpoint that failed. */
    readonly from: string;
    /** Instance id of the next endpoint. */
    readonly to: string;
    /** Result of the failed attempt. */
    readonly outcome: Outcome;
  };
  /** An endpoint was ejected. */
  ejected: {
    /** The service. */
    readonly name: string;
    /** Instance id of the endpoint. */
    readonly endpoint: string;
    /** `refused`, `reset`, `timeout` or `failures`. */
    readonly reason: string;
  };
  /** An ejected endpoint responded and is in use again. */
  revived: {
    /** The service. */
    readonly name: string;
    /** Instance id of the endpoint. */
    readonly endpoint: string;
    /** How long it was unhealthy, in ms. */
    readonly afterMs: number;
  };
  /** A factory started the service. */
  started: {
    /** The service. */
    readonly name: string;
    /** Instance ids of the started endpoints. */
    readonly endpoints: readonly string[];
    /** Duration of the start, in ms. */
    readonly durationMs: number;
  };
  /** An endpoint is suspect: a call of this clerk met hard evidence, or the registry flagged it for all clients. */
  suspect: {
    /** The service. */
    readonly name: string;
    /** Instance id of the endpoint. */
    readonly endpoint: string;
    /** `refused`, `reset` or `timeout`; `registry` for a flag of the registry. */
    readonly reason: string;
  };
}

/** Name of an event. */
export type ClerkEvent = keyof ClerkEventMap;

/** Port through which the parts of a clerk emit events. */
export interface EventSink {
  /** Whether the event has a listener. Cheap, and checked before a payload is built. */
  hasListeners(event: ClerkEvent): boolean;
  /** Calls all listeners; never throws. */
  emit<E extends ClerkEvent>(event: E, payload: ClerkEventMap[E]): void;
}
