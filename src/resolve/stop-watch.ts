import { errorMessage } from '../core/errors.js';
import type { Logger } from '../core/logger.js';

/**
 * Stops a watch. Logs an error of the registry instead of throwing it, so that the caller can release its other
 * resources.
 * @param glob - the names that the watch matches, for the log message
 */
export function stopWatch(unwatch: (() => unknown) | undefined, glob: string, logger: Logger): void {
  const warn = (error: unknown): void =>
    logger.warn(`The registry could not stop the watch of ${glob}: ${errorMessage(error)}`);
  try {
    const result = unwatch?.();
    // Without this handler, the rejection of an async function would be unhandled.
    if (result instanceof Promise) result.catch(warn);
  } catch (error) {
    warn(error);
  }
}
