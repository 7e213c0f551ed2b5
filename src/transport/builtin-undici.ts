/**
 * Converts objects of Node's built-in undici to the installed one. Each copy accepts only its own classes: it
 * sends the other's FormData as `[object FormData]` and treats the other's Request as an invalid URL.
 */
import { undici } from './load-undici.js';

/**
 * Converts a built-in FormData; returns other bodies unchanged. The result can be read repeatedly, like the
 * original.
 */
export function fromBuiltinBody(body: unknown): unknown {
  if (tagOf(body) !== 'FormData' || body instanceof undici().FormData) return body;
  const copy = new (undici().FormData)();
  for (const [key, value] of body as FormData) copy.append(key, value);
  return copy;
}

/** Converts the arguments of `fetch`: takes a built-in Request apart and returns other inputs unchanged. */
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
