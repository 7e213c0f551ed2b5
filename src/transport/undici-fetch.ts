import type { Dispatcher } from 'undici';
import { fromBuiltinRequest } from './builtin-undici.js';
import { undici } from './load-undici.js';

export function fetchOver(
  dispatcher: Pick<Dispatcher, 'dispatch'>,
  input: unknown,
  init: object | undefined,
): Promise<Response> {
  const fetch = undici().fetch as unknown as (input: unknown, init: object) => Promise<Response>;
  const own = fromBuiltinRequest(input, init);
  return fetch(own.input, { ...own.init, dispatcher });
}
