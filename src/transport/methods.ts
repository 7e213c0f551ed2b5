/** undici's own `fetch`, over whatever can dispatch: its checks and bodies are what programs know. */
import type { Dispatcher } from 'undici';
import { ownRequest } from './foreign.js';
import { undici } from './undici.js';

/** undici's `fetch` over a dispatcher. */
export function fetchOver(
  dispatcher: Dispatcher,
  input: unknown,
  init: object | undefined,
): Promise<Response> {
  const fetch = undici().fetch as unknown as (input: unknown, init: object) => Promise<Response>;
  const own = ownRequest(input, init);
  return fetch(own.input, { ...own.init, dispatcher });
}
