/** Which registry a command speaks with: said on the command line, else by the environment, else the usual one. */
import { parseAddress } from '../core/address.js';
import { ClerkError } from '../core/errors.js';
import { quote } from '../core/describe-value.js';

/** Where a reference server listens unless told otherwise. */
export const defaultRegistryUrl = 'http://127.0.0.1:4711';

/**
 * Reads a comma-separated list of registries.
 *
 * @param option - what `--registry` says
 * @param fromEnvironment - what `$CLERK_REGISTRY` says
 * @throws `CONFIG_INVALID`, saying what to write
 */
export function registryUrls(
  option: string | undefined,
  fromEnvironment: string | undefined,
): readonly string[] {
  const source = option !== undefined ? '--registry' : '$CLERK_REGISTRY';
  const text = option ?? (fromEnvironment === '' ? undefined : fromEnvironment) ?? defaultRegistryUrl;
  const urls = text.split(',').map((part) => part.trim());
  return urls.map((url) => {
    if (!/^https?:\/\//.test(url))
      throw new ClerkError(
        'CONFIG_INVALID',
        `${source} has ${quote(url)}, which is no address of a registry; write one such as ${defaultRegistryUrl}`,
      );
    return parseAddress(url).text;
  });
}
