import { describeValue } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import type { Registry } from '../core/registry.js';
import { remoteRegistry } from './remote/remote-registry.js';
import { staticRegistry, type StaticAddresses } from './static-registry.js';

/**
 * A registry: the URL of a registry server, a list of URLs of equivalent servers, static addresses, or an object with a
 * `resolve` method.
 */
export type RegistrySource = string | readonly string[] | Registry | StaticAddresses;

/** A URL or a list of URLs becomes a `remoteRegistry` without options, with identity and keys of the environment. */
export function toRegistry(source: RegistrySource): Registry {
  const given: unknown = source;
  if (typeof given === 'string' || Array.isArray(given)) return remoteRegistry(given as readonly string[]);
  if (typeof given !== 'object' || given === null)
    throw new ClerkError(
      'CONFIG_INVALID',
      `A registry must be a URL or an object; got ${describeValue(given)}; pass the URL of a registry server, an object with a resolve method, or static addresses such as { '/shop/orders': ['http://127.0.0.1:3001'] }`,
    );
  return isRegistry(given) ? given : staticRegistry(given as StaticAddresses);
}

function isRegistry(value: object): value is Registry {
  return typeof (value as { readonly resolve?: unknown }).resolve === 'function';
}
