import { parseAddress } from '../core/address.js';
import { ClerkError } from '../core/errors.js';
import { quote } from '../core/describe-value.js';
import { defaultRegistryUrl, defaultSecuredRegistryUrl } from '../protocol/limits.js';

export interface RegistryOptionSources {
  /** A comma-separated list. Takes precedence over all other sources. */
  readonly option: string | undefined;
  /** A comma-separated list. */
  readonly environment: string | undefined;
  readonly identity?: readonly string[] | undefined;
  /** Whether a key is proved to the registry, or by the registry. */
  readonly needsTls: boolean;
}

export function registryUrls({
  option,
  environment,
  identity = [],
  needsTls,
}: RegistryOptionSources): readonly string[] {
  const source = option !== undefined ? '--registry' : '$CLERK_REGISTRY';
  const text = option ?? (environment === '' ? undefined : environment);
  if (text === undefined)
    return identity.length > 0 ? identity : [needsTls ? defaultSecuredRegistryUrl : defaultRegistryUrl];
  const urls = text.split(',').map((part) => part.trim());
  return urls.map((url) => {
    if (!/^https?:\/\//.test(url))
      throw new ClerkError(
        'CONFIG_INVALID',
        `${source} must be a list of registry URLs such as ${defaultRegistryUrl}; got ${quote(url)}`,
      );
    if (needsTls && !url.startsWith('https:'))
      throw new ClerkError(
        'CONFIG_INVALID',
        `${source} must have https: addresses, because an identity or a registry key is given; got ${quote(url)}; write https:, or unset CLERK_IDENTITY and CLERK_REGISTRY_KEY for a registry without keys`,
      );
    return parseAddress(url).text;
  });
}
