import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import type { Factory } from '../core/factory.js';
import type { Registry } from '../core/registry.js';

/**
 * Returns a factory that starts services through the registry. Returns undefined if the registry cannot start
 * services. A failed start rejects with `START_FAILED`.
 */
export function registryFactory(registry: Registry): Factory | undefined {
  if (registry.start === undefined) return undefined;
  const start = registry.start.bind(registry);
  return async ({ name, signal }) => {
    try {
      return await start(name, { signal });
    } catch (error) {
      if (isClerkError(error) && error.code === 'START_FAILED') throw error;
      throw new ClerkError('START_FAILED', `The registry could not start ${name}: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  };
}
