import type { CredentialProvider, CredentialSource } from '../core/credentials.js';
import { describeValue } from '../core/describe-value.js';
import { configError } from '../core/errors.js';
import type { TlsOptions } from '../core/transport.js';
import { parseRegistryAccess, type RegistryAccess } from '../registry-client/registry-access.js';

/** Options of {@link administer}. All options are optional. An unknown option is rejected with `CONFIG_INVALID`. */
export interface AdministerOptions {
  /**
   * URL of a registry server, or a list of URLs of equivalent servers. Default: the URLs in `$CLERK_REGISTRY`,
   * separated by commas. If this variable is not set, the URLs in the identity. If the identity has none,
   * `https://127.0.0.1:4711` with an identity or a registry key, and `http://127.0.0.1:4711` without.
   */
  readonly registry?: string | readonly string[] | undefined;
  /**
   * Key that the registry must prove: `sha256/…`, as `clerk init` prints it, or a list of keys. Default: the keys in
   * `$CLERK_REGISTRY_KEY`. If this variable is not set, the keys in the identity.
   */
  readonly registryKey?: string | readonly string[] | undefined;
  /**
   * The identity that the program proves to the registry: the path of an identity file, the result of `openIdentity` of
   * `binding-clerk/identity`, or a function that returns `{ name, key, cert }`. Default: the file `$CLERK_IDENTITY`. If
   * this variable is not set, the program proves no identity.
   */
  readonly identity?: string | CredentialSource | CredentialProvider | undefined;
  /** TLS certificates. Default: the certificate authorities that Node trusts, and no client certificate. */
  readonly tls?: TlsOptions | undefined;
  /**
   * Time limit of each request, in ms, 1 … 2^31 − 1. Default 10,000; for `launch` and `reset` 60,000. The signal of a
   * request can end the request earlier.
   */
  readonly timeoutMs?: number | undefined;
}

export interface AdministerConfig extends RegistryAccess {
  readonly tls: TlsOptions;
  /** If undefined, the default of each method applies. */
  readonly timeoutMs: number | undefined;
}

const optionKeys = Object.keys({
  registry: true,
  registryKey: true,
  identity: true,
  tls: true,
  timeoutMs: true,
} satisfies Record<keyof AdministerOptions, true>);

/** @throws {@link ClerkError} `CONFIG_INVALID` */
export function toAdministerConfig(options: AdministerOptions): AdministerConfig {
  checkKnownOptions(options, optionKeys, 'administer()');
  const { tls = {}, timeoutMs } = options;
  return {
    ...parseRegistryAccess(options, 'administer()'),
    tls,
    timeoutMs: timeoutMs === undefined ? undefined : checkTimeoutMs(timeoutMs),
  };
}

/** @throws {@link ClerkError} `CONFIG_INVALID` for an unknown key, so that a misspelt option is not ignored */
export function checkKnownOptions(options: unknown, known: readonly string[], subject: string): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw configError(`${subject}: options must be an object; got ${describeValue(options)}`);
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw configError(`${subject}: unknown option '${unknown}'; known options are ${known.join(', ')}`);
}

function checkTimeoutMs(value: unknown): number {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) < 2 ** 31)
    return value as number;
  throw configError(
    `administer(): timeoutMs must be an integer from 1 to 2147483647; got ${describeValue(value)}`,
  );
}
