import { createRequire } from 'node:module';
import { ClerkError, errorMessage } from './errors.js';

/**
 * Loads a CommonJS package. esbuild compiles each `require` of such a package in an ES module to a lookup of the global
 * `require`, which Node does not have. This function therefore defines a global `require` while `load` runs. `load` is
 * synchronous, so no other code sees this `require`.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when the package cannot be loaded
 */
export function loadPackage<T>(name: string, load: () => T): T {
  const isMissing = !('require' in globalThis);
  if (isMissing)
    Object.defineProperty(globalThis, 'require', {
      value: createRequire(process.execPath),
      configurable: true,
    });
  try {
    return load();
  } catch (cause) {
    throw new ClerkError(
      'CONFIG_INVALID',
      `The package ${name} cannot be loaded: ${errorMessage(cause)}; install it, or include it in the bundle of the program`,
      { cause },
    );
  } finally {
    if (isMissing) Reflect.deleteProperty(globalThis, 'require');
  }
}
