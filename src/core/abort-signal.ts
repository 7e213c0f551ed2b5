import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events';

/**
 * Whether a value is an abort signal. Accepts a signal of another realm, such as happy-dom, jsdom or a `vm` context.
 */
export function isAbortSignal(value: unknown): value is AbortSignal {
  if (typeof value !== 'object' || value === null) return false;
  const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>;
  return (
    typeof aborted === 'boolean' &&
    typeof addEventListener === 'function' &&
    typeof removeEventListener === 'function'
  );
}

/** Reads `aborted` in a function, because TypeScript assumes that a checked field is unchanged after an `await`. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/**
 * Raises the listener limit of a signal that many calls share, because Node warns of a leak at the 11th listener. Does
 * not change a limit that the program has set.
 *
 * @param max - maximum number of listeners; 0 for no limit. Default 1,500, as in undici's `fetch`.
 */
export function allowListeners(signal: AbortSignal, max = 1_500): void {
  try {
    if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(max, signal);
  } catch {
    // The signal is not an `EventTarget` of Node, so Node does not count its listeners.
  }
}
