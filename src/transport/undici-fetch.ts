import type { Dispatcher } from 'undici';
import { fromBuiltinRequest } from './builtin-undici.js';
import { isAbortSignal } from '../core/abort-signal.js';
import { toUndiciSignal, undici, withGlobalDispatcher } from './load-undici.js';

/** @param isGiven - whether `dispatcher` takes precedence over the dispatcher in an undici `Request` */
export function fetchOver(
  dispatcher: Pick<Dispatcher, 'dispatch'>,
  input: unknown,
  init: object | undefined,
  isGiven: boolean,
): Promise<Response> {
  const { fetch, Request } = undici() as unknown as {
    readonly fetch: (input: unknown, init: object) => Promise<Response>;
    readonly Request: typeof globalThis.Request;
  };
  const own = fromBuiltinRequest(input, init);
  const { signal } = own.init as { readonly signal?: unknown };
  const accepted = isAbortSignal(signal) ? { signal: toUndiciSignal(signal) } : undefined;
  if (!isGiven && own.input instanceof Request)
    return withGlobalDispatcher(dispatcher, () => fetch(own.input, { ...own.init, ...accepted }));
  return fetch(own.input, { ...own.init, ...accepted, dispatcher });
}
