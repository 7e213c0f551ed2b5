/** What a clerk tells those who watch. Events may only watch: a listener can never change or fail a call. */
import type { ClerkError } from './errors.js';
import type { Outcome } from './outcome.js';

/** Typed events, each with one payload. The same payloads go to the diagnostics channels `binding-clerk:<event>`. */
export interface ClerkEventMap {
  /** A look-up answered. */
  resolved: {
    /** The name that was looked up. */
    readonly name: string;
    /** Instance ids of all its endpoints. */
    readonly endpoints: readonly string[];
    /** As the registry wrote it; empty when it wrote none. */
    readonly revision: string;
    /** How long the look-up took, in ms. */
    readonly durationMs: number;
  };
  /** The registry could not be asked; what it last said goes on being used. */
  stale: {
    /** The name. */
    readonly name: string;
    /** How old the answer is that is used, in ms. */
    readonly ageMs: number;
    /** Why the registry could not be asked. */
    readonly error: ClerkError;
  };
  /** An endpoint was chosen for an attempt. */
  picked: {
    /** The service. */
    readonly name: string;
    /** Instance id of the endpoint. */
    readonly endpoint: string;
    /** Why this one: the policy, or `failover`. */
    readonly pickReason: string;
    /** Number of the attempt; the first is 1. */
    readonly attempt: number;
  };
  /** An attempt ended. */
  attempt: {
    /** The service. */
    readonly name: string;
    /** What became of it. */
    readonly outcome: Outcome;
  };
  /** A call goes on at another endpoint. */
  failover: {
    /** The service. */
    readonly name: string;
    /** Instance id of the endpoint that failed. */
    readonly from: string;
    /** Instance id of the one that is asked now. */
    readonly to: string;
    /** What became of the attempt that failed. */
    readonly outcome: Outcome;
  };
  /** An endpoint was set aside. */
  ejected: {
    /** The service. */
    readonly name: string;
    /** Instance id of the endpoint. */
    readonly endpoint: string;
    /** `refused`, `reset`, `timeout` or `failures`. */
    readonly reason: string;
  };
  /** An endpoint that was set aside gave a sign of life and is used again. */
  revived: {
    /** The service. */
    readonly name: string;
    /** Instance id of the endpoint. */
    readonly endpoint: string;
    /** How long it was away, in ms. */
    readonly afterMs: number;
  };
  /** A factory started the service. */
  started: {
    /** The service. */
    readonly name: string;
    /** Instance ids of what it brought up. */
    readonly endpoints: readonly string[];
    /** How long it took, in ms. */
    readonly durationMs: number;
  };
  /** An endpoint is suspected: hard evidence was seen against it here, or the registry marks it for all clerks. */
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

/** Where the parts of a clerk report to. `wants` is cheap and asked before a payload is made. */
export interface EventSink {
  /** Whether anybody would see it. */
  hasListeners(event: ClerkEvent): boolean;
  /** Tells everybody; never throws. */
  emit<E extends ClerkEvent>(event: E, payload: ClerkEventMap[E]): void;
}
