/**
 * Loads the installed undici when the first clerk is created. The first copy of undici that is loaded sets the global
 * dispatcher of `fetch`. Node's built-in copy is therefore loaded before the installed undici.
 */
import type * as undiciModule from 'undici';
import type { Dispatcher } from 'undici';
import { loadPackage } from '../core/load-package.js';
import undiciPackage from './undici-package.cjs';

export type Undici = typeof undiciModule;

/**
 * Keys of undici's global dispatchers. undici 8 uses the second key, and its dispatchers accept only handlers of the
 * newer form.
 */
const globalDispatcherKeys = [
  Symbol.for('undici.globalDispatcher.1'),
  Symbol.for('undici.globalDispatcher.2'),
] as const;

let loaded: Undici | undefined;
/** The `AbortController` that undici accepts. A test environment may replace the global class later. */
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

/** Runs a synchronous function. While the function runs, `dispatcher` is the global dispatcher of undici. */
export function withGlobalDispatcher<T>(dispatcher: Pick<Dispatcher, 'dispatch'>, run: () => T): T {
  const { setGlobalDispatcher } = undici();
  const before = globalDispatcherKeys.map((key): unknown => Reflect.get(globalThis, key));
  setGlobalDispatcher(dispatcher as Dispatcher);
  try {
    return run();
  } finally {
    globalDispatcherKeys.forEach((key, index) => Reflect.set(globalThis, key, before[index]));
  }
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
  return Reflect.get(globalThis, globalDispatcherKeys[0]) === undefined;
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
