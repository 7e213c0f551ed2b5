/**
 * The copy of undici that is loaded first sets the global dispatcher of `fetch`. The installed undici is therefore
 * loaded late, with the first clerk, and after Node's built-in copy.
 */
import type * as undiciModule from 'undici';
import type { Dispatcher } from 'undici';
import { loadPackage } from '../core/load-package.js';
import undiciPackage from './undici-package.cjs';

export type Undici = typeof undiciModule;

let loaded: Undici | undefined;
/** The class that undici accepts. A test environment may replace the global one later. */
let acceptedController = AbortController;

export function undici(): Undici {
  if (loaded === undefined) {
    if (isGlobalDispatcherUnset()) Reflect.get(globalThis, 'Headers');
    acceptedController = AbortController;
    loaded = loadPackage('undici', loadWithTls);
  }
  return loaded;
}

export function globalDispatcher(): Dispatcher {
  return undici().getGlobalDispatcher();
}

/** Returns a signal that undici accepts, and that aborts with `signal`. */
export function toUndiciSignal(signal: AbortSignal): AbortSignal {
  const controller = new acceptedController();
  if (signal instanceof controller.signal.constructor) return signal;
  const abort = (): void => controller.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return controller.signal;
}

function isGlobalDispatcherUnset(): boolean {
  return Reflect.get(globalThis, Symbol.for('undici.globalDispatcher.1')) === undefined;
}

/** undici requires `node:tls` at its first TLS connection, which is too late for a bundle; see {@link loadPackage}. */
function loadWithTls(): Undici {
  const module = undiciPackage.load() as unknown as Undici;
  try {
    // Fails after `node:tls` is loaded, because the server has no name.
    module.buildConnector({})({ protocol: 'https:', hostname: '', host: '', port: '' }, () => undefined);
  } catch {
    return module;
  }
  return module;
}
