import type { Clock } from '../core/clock.js';

/**
 * Adds a listener to `changeListeners`. Resolves with true when the listener is called or the signal aborts, and with
 * false after `timeoutMs`. The wait does not keep the process alive.
 */
export function nextChange(
  clock: Clock,
  changeListeners: Set<() => void>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(true);
  return new Promise((resolve) => {
    const settle = (hasChanged: boolean): void => {
      timer.cancel();
      changeListeners.delete(onChange);
      signal.removeEventListener('abort', onChange);
      resolve(hasChanged);
    };
    const onChange = (): void => settle(true);
    const timer = clock.setTimer(() => settle(false), timeoutMs);
    timer.setRef(false);
    changeListeners.add(onChange);
    signal.addEventListener('abort', onChange);
  });
}
