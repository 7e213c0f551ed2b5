/**
 * Converts objects of Node's built-in undici, because the installed undici accepts only its own classes. The installed
 * undici would send a built-in FormData as the text `[object FormData]`, and would reject a built-in Request.
 */
import { undici } from './load-undici.js';

export function fromBuiltinBody(body: unknown): unknown {
  if (tagOf(body) !== 'FormData' || body instanceof undici().FormData) return body;
  const copy = new (undici().FormData)();
  for (const [key, value] of body as FormData) copy.append(key, value);
  return copy;
}

/**
 * A Request of Node's built-in undici becomes its URL, and its settings are added to `init`. Settings in `init` take
 * precedence.
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
