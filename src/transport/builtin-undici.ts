/**
 * Objects of Node's own copy of undici, made over for this one. A copy knows only its own classes: a form of the other
 * goes out as `[object FormData]`, a request of the other as a URL that is none.
 */
import { undici } from './load-undici.js';

/** The body, or a form of ours with the same entries if it is one of Node's. Can be read again, as the original can. */
export function fromBuiltinBody(body: unknown): unknown {
  if (tagOf(body) !== 'FormData' || body instanceof undici().FormData) return body;
  const copy = new (undici().FormData)();
  for (const [key, value] of body as FormData) copy.append(key, value);
  return copy;
}

/** What `fetch` is given, as it can be given to ours: a URL stays, a request of Node's is taken apart. */
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
