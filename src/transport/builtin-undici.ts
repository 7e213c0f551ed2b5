/**
 * Converts objects of Node's built-in undici to objects of the installed undici. Each of the two copies accepts only
 * its own classes. A built-in FormData would be sent as `[object FormData]`, and a built-in Request would be an
 * invalid URL.
 */
import { undici } from './load-undici.js';

/**
 * Converts a FormData of the built-in undici to a FormData of the installed undici; returns any other body unchanged.
 * The converted FormData can be read repeatedly, like the original.
 */
export function fromBuiltinBody(body: unknown): unknown {
  if (tagOf(body) !== 'FormData' || body instanceof undici().FormData) return body;
  const copy = new (undici().FormData)();
  for (const [key, value] of body as FormData) copy.append(key, value);
  return copy;
}

/**
 * Converts the arguments of `fetch`. A built-in Request becomes its URL and its settings; any other input is returned
 * unchanged. A body in `init` is converted too.
 */
export function fromBuiltinRequest(
  input: unknown,
  init: object | undefined,
): { readonly input: unknown; readonly init: object } {
  const ownInit =
    init !== undefined && 'body' in init ? { ...init, body: fromBuiltinBody(init.body) } : { ...init };
  if (tagOf(input) !== 'Request' || input instanceof undici().Request) return { input, init: ownInit };
  const {
    url,
    method,
    headers,
    body,
    signal,
    redirect,
    mode,
    credentials,
    cache,
    integrity,
    keepalive,
    referrerPolicy,
  } = input as Request;
  const parts = {
    method,
    headers,
    body,
    signal,
    redirect,
    mode,
    credentials,
    cache,
    integrity,
    keepalive,
    referrerPolicy,
    duplex: 'half',
  };
  return { input: url, init: { ...parts, ...ownInit } };
}

function tagOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, Symbol.toStringTag) : undefined;
}
