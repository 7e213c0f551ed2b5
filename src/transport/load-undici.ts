/**
 * The only door to undici, loaded when the first clerk is made. Loading undici puts its own agent in the place of an
 * unset global dispatcher, so Node's own is brought in first: whatever `fetch` used before, it goes on using.
 *
 * @see design: Hosts ("importing us changes nothing")
 */
import { createRequire } from 'node:module';
import type * as undiciModule from 'undici';
import type { Dispatcher } from 'undici';

/** The module, as its types describe it. */
export type Undici = typeof undiciModule;

let loaded: Undici | undefined;

/** undici, loaded at the first call. */
export function undici(): Undici {
  if (loaded === undefined) {
    // Reading it makes Node load its built-in copy, which sets the global dispatcher if nobody has.
    if (isGlobalDispatcherUnset()) Reflect.get(globalThis, 'Headers');
    loaded = createRequire(import.meta.url)('undici') as Undici;
  }
  return loaded;
}

/** The process's global dispatcher as it is now. */
export function globalDispatcher(): Dispatcher {
  return undici().getGlobalDispatcher();
}

function isGlobalDispatcherUnset(): boolean {
  return Reflect.get(globalThis, Symbol.for('undici.globalDispatcher.1')) === undefined;
}
