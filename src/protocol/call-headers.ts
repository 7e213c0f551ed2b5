/**
 * What a clerk and a service tell each other in the headers of a call. All are optional: a service that knows none of
 * them serves a clerk as well as before, and a client that sends none is served like any other.
 */
import type { TransportRequest } from '../core/transport.js';

/** Headers of a request, lower case. */
export const callHeaders = Object.freeze({
  /** Time left for the call when it was sent, in whole ms ≥ 1. @see promises C2.2 */
  timeoutMs: 'clerk-timeout-ms',
  /** Which attempt of its call this is, where it is not the first: 2, 3 … @see promises C4.3 */
  attemptCount: 'clerk-attempt-count',
  /** Id of a call that must run at most once: see {@link callIdPattern}. The same over all attempts. @see promises C3.6 */
  callId: 'clerk-call-id',
  /** The instance the call is meant for, `<instance id> <epoch>`. @see promises C3.7 */
  instance: 'clerk-instance',
} as const);

/** Headers of an answer, lower case. */
export const responseHeaders = Object.freeze({
  /** `1`: the service certainly did not run the call. @see promises C3.5 */
  notExecuted: 'clerk-not-executed',
  /** What a service that runs calls at most once has to say of this one: an {@link IdempotencyStatus}. */
  idempotency: 'clerk-idempotency',
  /** How loaded the service is, in the text form of ORCA: `TEXT application_utilization=0.4, rps_fractional=120`. */
  load: 'endpoint-load-metrics',
} as const);

/** Form of a call's id: when it was made, in ms since 1970, and 128 random bits as hex. */
export const callIdPattern = /^([0-9]{13,14})-([0-9a-f]{32})$/;

/**
 * - `replayed` it ran before, and this is the answer it gave then
 * - `running` it is running now: ask again later
 * - `unknown` it began once and nobody knows how it ended
 * - `mismatch` another call has this id
 * - `expired` its id is older than the service remembers, or lies in the future
 * - `elsewhere` it is meant for another instance, or an earlier life of this one
 */
export type IdempotencyStatus = 'replayed' | 'running' | 'unknown' | 'mismatch' | 'expired' | 'elsewhere';

/**
 * The attribute by which an endpoint says that it runs calls at most once, and where it remembers them: its own
 * instance id, or a name that all who share one memory have in common.
 */
export const atMostOnceAttribute = 'at-most-once';

/** Headers to add to a request: lower-case name and value. */
export type HeaderPairs = readonly (readonly [name: string, value: string])[];

/**
 * A copy of a request with these headers added. Headers that the application set take precedence. The request itself is not
 * changed, since other attempts send it with other headers.
 */
export function addHeaders(request: TransportRequest, pairs: HeaderPairs): TransportRequest {
  return { ...request, headers: mergeHeaders(request.headers, pairs) };
}

/** Keeps the form of the existing headers: a flat list of names and values, an iterable of pairs, or a record. */
function mergeHeaders(headers: unknown, added: HeaderPairs): unknown {
  if (typeof headers !== 'object' || headers === null) return Object.fromEntries(added);
  if (Array.isArray(headers)) {
    const names = headers.filter((_, i) => i % 2 === 0).map((name) => String(name).toLowerCase());
    return [...(headers as unknown[]), ...added.filter(([name]) => !names.includes(name)).flat()];
  }
  if (Symbol.iterator in headers) {
    const existing = [...(headers as Iterable<readonly [string, string]>)];
    const names = existing.map(([name]) => name.toLowerCase());
    return [...existing, ...added.filter(([name]) => !names.includes(name))].flat();
  }
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  return { ...headers, ...Object.fromEntries(added.filter(([name]) => !names.includes(name))) };
}
