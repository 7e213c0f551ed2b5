/** Adds to a request what an attempt tells the service of its call. What the program itself has set stays. */
import type { WireRequest } from '../core/transport.js';

/** Headers to add, lower-case name and value. */
export type Told = readonly (readonly [name: string, value: string])[];

/** A copy of the request with these headers too. The request is never changed: other attempts send it otherwise. */
export function telling(request: WireRequest, told: Told): WireRequest {
  return { ...request, headers: withHeaders(request.headers, told) };
}

/** In the form the headers have: a list of names and values in turn, pairs, or a record. */
function withHeaders(headers: unknown, told: Told): unknown {
  if (typeof headers !== 'object' || headers === null) return Object.fromEntries(told);
  if (Array.isArray(headers)) {
    const names = headers.filter((_, i) => i % 2 === 0).map((name) => String(name).toLowerCase());
    return [...(headers as unknown[]), ...told.filter(([name]) => !names.includes(name)).flat()];
  }
  if (Symbol.iterator in headers) {
    const pairs = [...(headers as Iterable<readonly [string, string]>)];
    const names = pairs.map(([name]) => name.toLowerCase());
    return [...pairs, ...told.filter(([name]) => !names.includes(name))].flat();
  }
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  return { ...headers, ...Object.fromEntries(told.filter(([name]) => !names.includes(name))) };
}
