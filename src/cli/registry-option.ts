import { ClerkError } from '../core/errors.js';
import { quote } from '../core/describe-value.js';
import { parseRegistryList } from '../registry-client/registry-access.js';
import { defaultRegistryUrl, defaultSecuredRegistryUrl } from '../protocol/limits.js';

export interface RegistryOptionSources {
  /** A comma-separated list. Takes precedence over all other sources. */
  readonly option: string | undefined;
  /** A comma-separated list. */
  readonly environment: string | undefined;
  readonly identity?: readonly string[] | undefined;
  /** Whether an identity or a registry key is given. Both need TLS. */
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
  const urls = parseRegistryList(text, source);
  const plain = urls.find((url) => needsTls && !url.startsWith('https:'));
  if (plain !== undefined)
    throw new ClerkError(
      'CONFIG_INVALID',
      `${source} must have https: addresses, because an identity or a registry key is given; got ${quote(plain)}; write https:, or for a registry without keys omit --identity and --registry-key and unset CLERK_IDENTITY and CLERK_REGISTRY_KEY`,
    );
  return urls;
}
