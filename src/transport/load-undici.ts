/**
 * The copy of undici that is loaded first sets the global dispatcher of `fetch`. The installed undici is therefore
 * loaded late, with the first clerk, and after Node's built-in copy.
 */
import { createRequire } from 'node:module';
import type * as undiciModule from 'undici';
import type { Dispatcher } from 'undici';

export type Undici = typeof undiciModule;

let loaded: Undici | undefined;

export function undici(): Undici {
  if (loaded === undefined) {
    if (isGlobalDispatcherUnset()) Reflect.get(globalThis, 'Headers');
    loaded = createRequire(import.meta.url)('undici') as Undici;
  }
  return loaded;
}

export function globalDispatcher(): Dispatcher {
  return undici().getGlobalDispatcher();
}

function isGlobalDispatcherUnset(): boolean {
  return Reflect.get(globalThis, Symbol.for('undici.globalDispatcher.1')) === undefined;
}
