/**
 * Calls each listener with the arguments. A listener that throws does not keep the other listeners from being called.
 *
 * @param onError - called with the error of each listener that throws
 */
export function callListeners<Arguments extends readonly unknown[]>(
  listeners: Iterable<(...args: Arguments) => void>,
  onError: (error: unknown) => void,
  ...args: Arguments
): void {
  for (const listener of [...listeners]) {
    try {
      listener(...args);
    } catch (error) {
      onError(error);
    }
  }
}
