import type { Clock } from '../core/clock.js';

/**
 * Resolves with true when one of the listeners is called next, or with false after `timeoutMs`. The wait does not keep
 * the process alive.
 */
export function nextChange(
  clock: Clock,
  changeListeners: Set<() => void>,
  timeoutMs: number,
): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (hasChanged: boolean): void => {
      timer.cancel();
      changeListeners.delete(onChange);
      resolve(hasChanged);
    };
    const onChange = (): void => settle(true);
    const timer = clock.setTimer(() => settle(false), timeoutMs);
    timer.setRef(false);
    changeListeners.add(onChange);
  });
}
