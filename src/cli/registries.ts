/** Which registry a command speaks with: said on the command line, else by the environment, else the usual one. */
import { parseAddress } from '../core/address.js';
import { ClerkError } from '../core/errors.js';
import { shown } from '../core/shown.js';

/** Where a reference server listens unless told otherwise. */
export const usualRegistry = 'http://127.0.0.1:4711';

/**
 * Reads a comma-separated list of registries.
 *
 * @param given - what `--registry` says
 * @param fromEnvironment - what `$CLERK_REGISTRY` says
 * @throws `CONFIG_INVALID`, saying what to write
 */
export function registriesOf(
  given: string | undefined,
  fromEnvironment: string | undefined,
): readonly string[] {
  const where = given !== undefined ? '--registry' : '$CLERK_REGISTRY';
  const text = given ?? (fromEnvironment === '' ? undefined : fromEnvironment) ?? usualRegistry;
  const urls = text.split(',').map((part) => part.trim());
  return urls.map((url) => {
    if (!/^https?:\/\//.test(url))
      throw new ClerkError(
        'CONFIG_INVALID',
        `${where} has ${shown(url)}, which is no address of a registry; write one such as ${usualRegistry}`,
      );
    return parseAddress(url).text;
  });
}
