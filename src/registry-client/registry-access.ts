/**
 * Determines which registry a program uses, which identity the program proves, and which key the registry must prove.
 * An option takes precedence over an environment variable, and a variable over the default. Used by clerks, registry
 * ports, administration and the command line.
 */
import { parseAddress } from '../core/address.js';
import type { CredentialProvider, CredentialSource } from '../core/credentials.js';
import { describeValue } from '../core/describe-value.js';
import { ClerkError, errorMessage, configError } from '../core/errors.js';
import { parsePins, type KeyPin } from '../core/key-pin.js';
import { defaultRegistryUrl, defaultSecuredRegistryUrl } from '../protocol/limits.js';

/** A string is the path of an identity file. */
export type IdentityOption = string | CredentialSource | CredentialProvider;

export interface RegistryAccess {
  /** At least one address of equivalent servers. */
  readonly urls: readonly string[];
  readonly identity: IdentityOption | undefined;
  /** Keys that the registry must prove. If undefined: the registry keys of the identity, or no key without identity. */
  readonly registryKeys: readonly KeyPin[] | undefined;
}

const oneUrl = `an http: or https: URL such as '${defaultRegistryUrl}'`;

interface GivenAccess {
  readonly registry?: unknown;
  readonly identity?: unknown;
  readonly registryKey?: unknown;
}

/**
 * @param caller - the function of the program, as the subject of messages
 * @throws {@link ClerkError} `CONFIG_INVALID` when an option or a variable is invalid
 */
export function parseRegistryAccess(given: GivenAccess, caller: string): RegistryAccess {
  const access = {
    urls: registryUrlsOf(given, `${caller}: registry`),
    identity: identityOf(given.identity, caller),
    registryKeys: registryKeysOf(given.registryKey, caller),
  };
  requireTls(access, caller);
  return Object.freeze(access);
}

/** @param more - other values that the caller accepts, for the message */
export function registryUrlsOf(given: GivenAccess, subject: string, more = ''): readonly string[] {
  const { registry } = given;
  const environmentValue = process.env.CLERK_REGISTRY;
  if (registry === undefined && environmentValue !== undefined && environmentValue !== '')
    return parseRegistryList(environmentValue, '$CLERK_REGISTRY');
  if (registry === undefined) return [provesKeys(given) ? defaultSecuredRegistryUrl : defaultRegistryUrl];
  const urls = Array.isArray(registry) ? (registry as readonly unknown[]) : [registry];
  if (urls.length === 0)
    throw configError(
      `${subject} must contain at least one URL; got an empty list; add a URL, or remove the option`,
    );
  const list = more === '' ? 'or a list of such URLs' : `a list of such URLs, ${more}`;
  return checkRegistryUrls(urls, subject, `${oneUrl}, ${list}`);
}

/** @param text - URLs separated by commas */
export function parseRegistryList(text: string, subject: string): readonly string[] {
  return checkRegistryUrls(text.split(','), subject, `${oneUrl}, or several such URLs separated by commas`);
}

/**
 * @param expected - what the value must be, for the message
 * @throws {@link ClerkError} `CONFIG_INVALID`
 */
export function checkRegistryUrls(
  urls: readonly unknown[],
  subject: string,
  expected = `${oneUrl}, or a list of such URLs`,
): readonly string[] {
  return Object.freeze(
    urls.map((url) => {
      if (typeof url !== 'string' || !/^https?:/i.test(url.trim()))
        throw configError(`${subject} must be ${expected}; got ${describeValue(url)}`);
      try {
        return parseAddress(url.trim()).text;
      } catch (error) {
        throw new ClerkError('CONFIG_INVALID', `${subject}: ${errorMessage(error)}`, { cause: error });
      }
    }),
  );
}

/** @param readsEnvironment - whether `$CLERK_IDENTITY` applies */
export function identityOf(
  value: unknown,
  caller: string,
  readsEnvironment = true,
): IdentityOption | undefined {
  if (value === undefined) return (readsEnvironment && process.env.CLERK_IDENTITY) || undefined;
  if (typeof value === 'function') return value as CredentialProvider;
  if (value === '') throw configError(`${caller}: identity must be a string that is not empty; got ''`);
  if (typeof value === 'string') return value;
  const { current, onChanged } = (value ?? {}) as Partial<CredentialSource>;
  if (typeof current === 'function' && typeof onChanged === 'function') return value as CredentialSource;
  throw configError(
    `${caller}: identity must be the path of an identity file, a result of openIdentity(), or a function that returns { name, key, cert }; got ${describeValue(value)}`,
  );
}

/** @param readsEnvironment - whether `$CLERK_REGISTRY_KEY` applies */
export function registryKeysOf(
  value: unknown,
  caller: string,
  readsEnvironment = true,
): readonly KeyPin[] | undefined {
  if (value !== undefined) return parsePins(value, `${caller}: registryKey`);
  const { CLERK_REGISTRY_KEY } = process.env;
  return readsEnvironment && CLERK_REGISTRY_KEY
    ? parsePins(CLERK_REGISTRY_KEY, '$CLERK_REGISTRY_KEY')
    : undefined;
}

/** @throws {@link ClerkError} `CONFIG_INVALID` for an address without TLS, at which no key can be proved */
export function requireTls({ urls, identity, registryKeys }: RegistryAccess, caller: string): void {
  const plain = urls.find((url) => !url.startsWith('https:'));
  if (plain !== undefined && (identity !== undefined || registryKeys !== undefined))
    throw configError(
      `${caller}: the registry of a program with an identity or a registry key needs an https: address; got ${plain}. Use https:, or remove the options identity and registryKey, and unset $CLERK_IDENTITY and $CLERK_REGISTRY_KEY`,
    );
}

/** Whether the program has an identity, or knows the key of the registry. */
function provesKeys({ identity, registryKey }: GivenAccess): boolean {
  const { CLERK_IDENTITY, CLERK_REGISTRY_KEY } = process.env;
  return [identity, registryKey, CLERK_IDENTITY || undefined, CLERK_REGISTRY_KEY || undefined].some(
    (value) => value !== undefined,
  );
}
