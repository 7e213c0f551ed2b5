/**
 * Headers that clients and services add to calls and responses. All are optional: either side may be one that does not know
 * them.
 */
import type { TransportRequest } from '../core/transport.js';

/** Request headers, in lower case. */
export const callHeaders = Object.freeze({
  /** Time to the deadline when the request was sent, in whole ms ≥ 1. @see [C2.2](../../docs/guarantees.md#c2-2) */
  timeoutMs: 'clerk-timeout-ms',
  /** Number of the attempt within its call, from 2 on. @see [C4.3](../../docs/guarantees.md#c4-3) */
  attemptCount: 'clerk-attempt-count',
  /**
   * Idempotency key of an at-most-once call, in the form of {@link callIdPattern}. The same over all attempts.
   *
   * @see [C3.6](../../docs/guarantees.md#c3-6)
   */
  callId: 'clerk-call-id',
  /**
   * Standard header for an idempotency key. Used where {@link callHeaders.callId} is missing and the value has its form.
   *
   * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
   */
  idempotencyKey: 'idempotency-key',
  /** Instance that the call is intended for: `<instance id> <epoch>`. @see [C3.7](../../docs/guarantees.md#c3-7) */
  instance: 'clerk-instance',
} as const);

/** Response headers, in lower case. */
export const responseHeaders = Object.freeze({
  /** `1`: the service did not run the call. @see [C3.5](../../docs/guarantees.md#c3-5) */
  notExecuted: 'clerk-not-executed',
  /** {@link IdempotencyStatus} of an at-most-once call. */
  idempotency: 'clerk-idempotency',
  /** Load of the service as ORCA text: `TEXT application_utilization=0.4, rps_fractional=120`. */
  load: 'endpoint-load-metrics',
} as const);

/** Form of a call id: creation time in ms since 1970, and 128 random bits in hexadecimal. */
export const callIdPattern = /^([0-9]{13,14})-([0-9a-f]{32})$/;

/**
 * What a service knows of an at-most-once call.
 *
 * - `replayed` it ran before, and this is the stored response
 * - `running` it is running; retry later
 * - `unknown` it began, and its result is unknown
 * - `mismatch` the id belongs to a different request
 * - `expired` the id is older than the stored records, or lies in the future
 * - `elsewhere` it is intended for another instance, or for an earlier registration of this one
 */
export type IdempotencyStatus = 'replayed' | 'running' | 'unknown' | 'mismatch' | 'expired' | 'elsewhere';

/**
 * Endpoint attribute of a service that runs calls at most once. Its value is the scope of the records: the instance id, or
 * the name of a store that several instances share.
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
