import type { Identity } from '../core/identity.js';
import { parsePins, type KeyPin } from '../core/key-pin.js';
import type { CommonOptions } from './common-options.js';

/** What a command proves to the registry, and what the registry must prove. */
export interface RegistryCredentials {
  readonly identity: Identity | undefined;
  readonly registryKeys: readonly KeyPin[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Returns undefined when neither an identity nor a key of the registry is given. The modules of identities are loaded
 * by commands with an identity only, for a fast start.
 *
 * @throws {@link ClerkError} `IDENTITY_INVALID` when the identity file is missing or invalid, or other users can read it
 */
export async function openCredentials(
  options: CommonOptions,
  env: Environment,
): Promise<RegistryCredentials | undefined> {
  const path = identityPath(options, env);
  const pins = registryPins(options, env);
  if (path === undefined) return pins && { identity: undefined, registryKeys: pins };
  const { openIdentity } = await import('../identity/index.js');
  const identity = await openIdentity(path);
  return { identity, registryKeys: pins ?? identity.registryKeys };
}

export function identityPath(
  { identity }: CommonOptions,
  { CLERK_IDENTITY }: Environment,
): string | undefined {
  return identity ?? (CLERK_IDENTITY === '' ? undefined : CLERK_IDENTITY);
}

export function registryPins(
  { registryKey }: CommonOptions,
  { CLERK_REGISTRY_KEY }: Environment,
): readonly KeyPin[] | undefined {
  if (registryKey !== undefined) return parsePins(registryKey, '--registry-key');
  return CLERK_REGISTRY_KEY ? parsePins(CLERK_REGISTRY_KEY, '$CLERK_REGISTRY_KEY') : undefined;
}
