import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events';

/** Also true for a signal of another realm, such as that of happy-dom, jsdom or a `vm` context. */
export function isAbortSignal(value: unknown): value is AbortSignal {
  if (typeof value !== 'object' || value === null) return false;
  const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>;
  return (
    typeof aborted === 'boolean' &&
    typeof addEventListener === 'function' &&
    typeof removeEventListener === 'function'
  );
}

/**
 * Node warns of a leak at the 11th listener of a signal that many calls share. undici's `fetch` also sets 1,500. Keeps
 * a limit of the program.
 *
 * @param max - 0 for no limit
 */
export function allowListeners(signal: AbortSignal, max = 1_500): void {
  try {
    if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(max, signal);
  } catch {
    // Not an `EventTarget` of Node, so Node does not count its listeners.
  }
}
