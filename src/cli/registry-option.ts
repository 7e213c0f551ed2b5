import { parseAddress } from '../core/address.js';
import { ClerkError } from '../core/errors.js';
import { quote } from '../core/describe-value.js';
import { defaultRegistryUrl } from '../protocol/limits.js';

/** `option` takes precedence over `fromEnvironment`. Both are comma-separated lists. */
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
        `${source} must be a list of registry URLs such as ${defaultRegistryUrl}; got ${quote(url)}`,
      );
    return parseAddress(url).text;
  });
}
