/**
 * Loads undici when the first clerk is created; no other file imports it. Loading undici sets its own agent
 * as global dispatcher if there is none. So Node's built-in copy is loaded first: the program's `fetch` keeps
 * using that one.
 */
import { createRequire } from 'node:module';
import type * as undiciModule from 'undici';
import type { Dispatcher } from 'undici';

/** The type of the undici module. */
export type Undici = typeof undiciModule;

let loaded: Undici | undefined;

/** Returns undici, loading it at the first call. */
export function undici(): Undici {
  if (loaded === undefined) {
    // Reading it loads Node's built-in copy, which sets the global dispatcher if there is none.
    if (isGlobalDispatcherUnset()) Reflect.get(globalThis, 'Headers');
    loaded = createRequire(import.meta.url)('undici') as Undici;
  }
  return loaded;
}

/** The current global dispatcher of the process. */
export function globalDispatcher(): Dispatcher {
  return undici().getGlobalDispatcher();
}

function isGlobalDispatcherUnset(): boolean {
  return Reflect.get(globalThis, Symbol.for('undici.globalDispatcher.1')) === undefined;
}
