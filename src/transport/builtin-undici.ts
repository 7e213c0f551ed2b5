/**
 * Converts FormData and Request of Node's built-in undici for the installed undici, which accepts only its own classes.
 * Without the conversion, a FormData would be sent as the text `[object FormData]`, and a Request would be rejected as
 * an invalid URL.
 */
import { undici } from './load-undici.js';

/** Converts a FormData of Node's built-in undici to a FormData of the installed undici; returns other bodies unchanged. */
export function fromBuiltinBody(body: unknown): unknown {
  if (tagOf(body) !== 'FormData' || body instanceof undici().FormData) return body;
  const copy = new (undici().FormData)();
  for (const [key, value] of body as FormData) copy.append(key, value);
  return copy;
}

/**
 * Converts the arguments of `fetch` for the installed undici. A Request of Node's built-in undici is replaced with its
 * URL, and the settings of the Request are added to `init`. A setting in `init` takes precedence over the same setting
 * of the Request. A FormData in `init.body` is converted.
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
