/**
 * Loads undici when the first clerk is created. Other files import only undici's types. When undici is loaded and the
 * process has no global dispatcher, undici's agent becomes the global dispatcher. Node's built-in undici is therefore
 * loaded first, so that the program's `fetch` uses the built-in agent.
 */
import { createRequire } from 'node:module';
import type * as undiciModule from 'undici';
import type { Dispatcher } from 'undici';

/** The type of the undici module. */
export type Undici = typeof undiciModule;

let loaded: Undici | undefined;

/** Returns undici. The first call loads undici. */
export function undici(): Undici {
  if (loaded === undefined) {
    // Reading the global `Headers` loads Node's built-in undici, which sets the global dispatcher.
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
