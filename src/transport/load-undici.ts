/**
 * Loads the installed undici when the first clerk is created; all other files import only the types of undici. Node
 * contains its own copy of undici for the global `fetch`. The copy that is loaded first sets the global dispatcher,
 * which `fetch` uses. Node's copy is therefore loaded first, so that a clerk does not change the program's `fetch`.
 */
import { createRequire } from 'node:module';
import type * as undiciModule from 'undici';
import type { Dispatcher } from 'undici';

/** The type of the undici module. */
export type Undici = typeof undiciModule;

let loaded: Undici | undefined;

/** Returns the installed undici. The first call loads the module. */
export function undici(): Undici {
  if (loaded === undefined) {
    // Reading the global `Headers` loads Node's built-in undici, which sets the global dispatcher.
    if (isGlobalDispatcherUnset()) Reflect.get(globalThis, 'Headers');
    loaded = createRequire(import.meta.url)('undici') as Undici;
  }
  return loaded;
}

/** Returns undici's current global dispatcher. */
export function globalDispatcher(): Dispatcher {
  return undici().getGlobalDispatcher();
}

function isGlobalDispatcherUnset(): boolean {
  return Reflect.get(globalThis, Symbol.for('undici.globalDispatcher.1')) === undefined;
}
