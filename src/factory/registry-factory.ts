/** A registry that starts services, as a factory. Why it did not is told in one code, with the reason as it came. */
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import type { Factory } from '../core/factory.js';
import type { Registry } from '../core/registry.js';

/** What starts services through a registry; undefined for one that cannot. Rejects with `START_FAILED`. */
export function registryFactory(registry: Registry): Factory | undefined {
  if (registry.start === undefined) return undefined;
  const start = registry.start.bind(registry);
  return async ({ name, signal }) => {
    try {
      return await start(name, { signal });
    } catch (error) {
      if (isClerkError(error) && error.code === 'START_FAILED') throw error;
      throw new ClerkError('START_FAILED', `${name} could not be started: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  };
}
