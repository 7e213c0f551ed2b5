/**
 * Headers that clients add to calls, and headers that services add to responses. A client and a service must work
 * without these headers, because the peer may not use this library.
 */
import type { TransportRequest } from '../core/transport.js';

export const callHeaders = Object.freeze({
  /**
   * Time left until the deadline when the client sends the request, in whole ms, at least 1. @see
   * [C2.2](../../docs/guarantees.md#c2-2)
   */
  timeoutMs: 'clerk-timeout-ms',
  /**
   * Number of the attempt within the call. Absent in the first attempt. @see [C4.3](../../docs/guarantees.md#c4-3)
   */
  attemptCount: 'clerk-attempt-count',
  /**
   * Idempotency key in the form of {@link callIdPattern}, the same in all attempts of a call. @see
   * [C3.6](../../docs/guarantees.md#c3-6)
   */
  callId: 'clerk-call-id',
  /**
   * Standard header for an idempotency key, read if {@link callHeaders.callId} is missing. The retention window of a
   * value that does not match {@link callIdPattern}, such as a UUID, starts at the first request with the value.
   * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
   */
  idempotencyKey: 'idempotency-key',
  /**
   * Instance that must run the call: `<instance id> <epoch>`, followed by the incarnation of the registry if known.
   *
   * @see [C3.7](../../docs/guarantees.md#c3-7)
   */
  instance: 'clerk-instance',
  /**
   * Id of the instance that the client expects, sent in the first request on a new connection. The service answers 204
   * with {@link responseHeaders.instance}, and its program does not see the request. @see
   * [C2.7](../../docs/guarantees.md#c2-7)
   */
  instanceCheck: 'clerk-instance-check',
  /** Ticket of the client for the service. @see [C7.2](../../docs/guarantees.md#c7-2) */
  ticket: 'clerk-ticket',
} as const);

export const responseHeaders = Object.freeze({
  /** `1`: the service did not run the call. @see [C3.5](../../docs/guarantees.md#c3-5) */
  notExecuted: 'clerk-not-executed',
  instance: 'clerk-instance',
  idempotency: 'clerk-idempotency',
  /** An ORCA report: `TEXT application_utilization=0.4, rps_fractional=120`. */
  load: 'endpoint-load-metrics',
} as const);

/** The `user-agent` of health probes. A service does not count probes as calls. */
export const probeUserAgent = 'binding-clerk (probe)';

/** The creation time in ms since 1970, a `-`, and 128 random bits in hexadecimal. */
export const callIdPattern = /^([0-9]{13,14})-([0-9a-f]{32})$/;

/**
 * Why a service does not run a call with an idempotency key.
 *
 * - `replayed` the call ran before, and this response is the stored response
 * - `running` the call is running; retry later
 * - `unknown` the call began, and its result is unknown
 * - `mismatch` the call id was used for another request
 * - `expired` the creation time in the call id is in the future, or so old that the record may have been removed
 * - `elsewhere` the call is intended for another instance, or for an earlier registration of this instance
 */
export type IdempotencyStatus = 'replayed' | 'running' | 'unknown' | 'mismatch' | 'expired' | 'elsewhere';

/**
 * Endpoint attribute of a service that runs calls at most once. Its value is the instance id, or the name of a store
 * that several instances share.
 */
export const atMostOnceAttribute = 'at-most-once';

export type HeaderPairs = readonly (readonly [name: string, value: string])[];

/** Adds headers. A header that the request already has stays unchanged. */
export function addHeaders(request: TransportRequest, pairs: HeaderPairs): TransportRequest {
  return replaceHeaders(request, mergeHeaders(request.headers, pairs));
}

/**
 * Sets headers. Replaces headers that the request already has, such as headers that a proxy copied from its inbound
 * request.
 */
export function setHeaders(request: TransportRequest, pairs: HeaderPairs): TransportRequest {
  return replaceHeaders(request, overrideHeaders(request.headers, pairs));
}

export function replaceHeaders(request: TransportRequest, headers: unknown): TransportRequest {
  return request.withHeaders?.(headers) ?? { ...request, headers };
}

/** Returns a flat list. undici reads a list faster than a record, and a list is created without a dictionary. */
function overrideHeaders(headers: unknown, pairs: HeaderPairs): unknown {
  const list: unknown[] = [];
  for (const [name, value] of pairs) list.push(name, value);
  if (typeof headers !== 'object' || headers === null) return list;
  const isSet = (name: unknown): boolean =>
    typeof name === 'string' &&
    pairs.some(([own]) => own.length === name.length && own === name.toLowerCase());
  if (Array.isArray(headers)) {
    const kept = (headers as unknown[]).filter((_, i) => !isSet(headers[i - (i % 2)]));
    return [...kept, ...list];
  }
  const given = headers as Readonly<Record<string, unknown>>;
  for (const name in given) if (!isSet(name)) list.push(name, given[name]);
  return list;
}

/** `headers` is a flat list of names and values, or a record. */
function mergeHeaders(headers: unknown, added: HeaderPairs): unknown {
  if (typeof headers !== 'object' || headers === null) return Object.fromEntries(added);
  if (Array.isArray(headers)) {
    const names = headers.filter((_, i) => i % 2 === 0).map((name) => String(name).toLowerCase());
    return [...(headers as unknown[]), ...added.filter(([name]) => !names.includes(name)).flat()];
  }
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  return { ...headers, ...Object.fromEntries(added.filter(([name]) => !names.includes(name))) };
}
