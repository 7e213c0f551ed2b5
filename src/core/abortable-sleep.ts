import type { Clock } from './clock.js';

/**
 * Resolves after the delay, or as soon as the signal aborts. Leaves neither a listener nor a timer behind.
 *
 * @param ref - whether the delay keeps the process alive
 */
export function abortableSleep(
  clock: Clock,
  delayMs: number,
  signal: AbortSignal,
  ref = true,
): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.setTimer(end, delayMs);
    timer.setRef(ref);
    signal.addEventListener('abort', end);
  });
}
