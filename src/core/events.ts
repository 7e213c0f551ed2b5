/** What a clerk tells those who watch. Events may only watch: a listener can never change or fail a call. */
import type { ClerkError } from './errors.js';
import type { Outcome } from './outcome.js';

/** Typed events, each with one payload. The same payloads go to the diagnostics channels `binding-clerk:<event>`. */
export interface ClerkEventMap {
  /** A look-up answered. */
  resolved: {
    readonly name: string;
    readonly endpoints: readonly string[];
    readonly revision: string;
    readonly ms: number;
  };
  /** The registry could not be asked; what it last said goes on being used. */
  stale: { readonly name: string; readonly ageMs: number; readonly error: ClerkError };
  /** An endpoint was chosen for an attempt. */
  picked: {
    readonly name: string;
    readonly endpoint: string;
    readonly chosen: string;
    readonly number: number;
  };
  /** An attempt ended. */
  attempt: { readonly name: string; readonly outcome: Outcome };
  /** A call goes on at another endpoint. */
  failover: { readonly name: string; readonly from: string; readonly to: string; readonly outcome: Outcome };
  /** An endpoint was set aside. */
  ejected: { readonly name: string; readonly endpoint: string; readonly reason: string };
  /** An endpoint that was set aside gave a sign of life and is used again. */
  revived: { readonly name: string; readonly endpoint: string; readonly afterMs: number };
  /** A factory started the service. */
  started: { readonly name: string; readonly endpoints: readonly string[]; readonly ms: number };
  /** An endpoint is suspected: hard evidence was seen against it. */
  suspect: { readonly name: string; readonly endpoint: string; readonly reason: string };
}

/** Name of an event. */
export type ClerkEvent = keyof ClerkEventMap;

/** Where the parts of a clerk report to. `wants` is cheap and asked before a payload is made. */
export interface Reporter {
  /** Whether anybody would see it. */
  wants(event: ClerkEvent): boolean;
  /** Tells everybody; never throws. */
  report<E extends ClerkEvent>(event: E, payload: ClerkEventMap[E]): void;
}
