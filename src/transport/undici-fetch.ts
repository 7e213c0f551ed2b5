import type { Dispatcher } from 'undici';
import { fromBuiltinRequest } from './builtin-undici.js';
import { isAbortSignal } from '../core/abort-signal.js';
import { toUndiciSignal, undici } from './load-undici.js';

export function fetchOver(
  dispatcher: Pick<Dispatcher, 'dispatch'>,
  input: unknown,
  init: object | undefined,
): Promise<Response> {
  const fetch = undici().fetch as unknown as (input: unknown, init: object) => Promise<Response>;
  const own = fromBuiltinRequest(input, init);
  const { signal } = own.init as { readonly signal?: unknown };
  const accepted = isAbortSignal(signal) ? { signal: toUndiciSignal(signal) } : undefined;
  return fetch(own.input, { ...own.init, ...accepted, dispatcher });
}
