/** Adds to a request what an attempt tells the service of its call. What the program itself has set stays. */
import type { TransportRequest } from '../core/transport.js';

/** Headers to add, lower-case name and value. */
export type HeaderPairs = readonly (readonly [name: string, value: string])[];

/** A copy of the request with these headers too. The request is never changed: other attempts send it otherwise. */
export function addHeaders(request: TransportRequest, pairs: HeaderPairs): TransportRequest {
  return { ...request, headers: mergeHeaders(request.headers, pairs) };
}

/** In the form the headers have: a list of names and values in turn, pairs, or a record. */
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
