import { definedFields } from '../core/defined-fields.js';
import { quote } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import { parsePins, type KeyPin } from '../core/key-pin.js';
import type { CommonOptions } from './common-options.js';
import { registryUrls } from './registry-option.js';

/** What a command proves to the registry, and what the registry must prove. */
export interface CommandCredentials {
  readonly identity: Identity | undefined;
  readonly registryKeys: readonly KeyPin[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Returns undefined when neither an identity nor a key of the registry is given. Loads the modules for identities
 * only if an identity is given, for a fast start.
 *
 * @throws {@link ClerkError} `IDENTITY_INVALID` when the identity file is missing or invalid, its enrollment is
 *   unfinished, or other users can read it
 */
export async function openCredentials(
  options: CommonOptions,
  env: Environment,
): Promise<CommandCredentials | undefined> {
  const path = identityPath(options, env);
  const pins = registryPins(options, env);
  const given = path === undefined ? undefined : givenUrls(options, env);
  if (path === undefined) return pins && { identity: undefined, registryKeys: pins };
  const { openIdentity } = await import('../identity/index.js');
  // If the registry proves one of the given keys, the keys that it announces are written to the identity file.
  const identity = await openIdentity(definedFields({ file: path, registryKey: pins, registry: given }));
  if (identity.registryKeys.length === 0)
    throw new ClerkError(
      'IDENTITY_INVALID',
      `The enrollment of ${identity.name} in ${quote(path)} is unfinished, because no registry has confirmed the key in the file; complete it with clerk enroll ${path} --name ${identity.name} and a new token, or delete the file`,
    );
  return { identity, registryKeys: identity.registryKeys };
}

/** The addresses that the user has given. Undefined if the command uses the addresses in the identity file. */
function givenUrls({ registry }: CommonOptions, env: Environment): readonly string[] | undefined {
  if (registry === undefined && !env.CLERK_REGISTRY) return undefined;
  return registryUrls({ option: registry, environment: env.CLERK_REGISTRY, needsTls: true });
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
