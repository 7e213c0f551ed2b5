import { parseAddress } from '../core/address.js';
import type { CredentialProvider } from '../core/credentials.js';
import { describeValue } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import { isIdentity, type Identity } from '../core/identity.js';
import { isPin, parsePins, type KeyPin } from '../core/key-pin.js';
import { RegistryPins, type RegistryStatement } from '../core/registry-pins.js';
import type { LaunchHandshake } from '../protocol/launch-messages.js';
import type { KnownRegistries } from './known-registries.js';

/** What a service proves to a secured registry, and what the registry must prove. */
export interface RegistryProof {
  readonly identity: Identity;
  readonly registryKeys: () => readonly KeyPin[];
  /** Called with each statement that the registry makes on a connection on which the registry has proved a key. */
  readonly onStatement: (statement: RegistryStatement) => void;
  /** Called when the registry has accepted or renewed a registration. */
  readonly onAccepted: () => void;
}

export type IdentitySource = string | Identity | CredentialProvider;

export interface RegistryProofRuntime {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For an undefined `source`, opens the identity that the environment states. */
  readonly openIdentity: (source: string | CredentialProvider | undefined) => Promise<Identity>;
  /** Gets the statements of the registry, which `authenticate` uses. Default: the statements are not used. */
  readonly knownRegistries?:
    Pick<KnownRegistries, 'update' | 'confirm' | 'addMove' | 'addMoveSource'> | undefined;
}

/**
 * Returns undefined when neither an identity nor a registry key is set.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when only one of identity and registry key is known
 */
export async function openRegistryProof(
  options: {
    readonly identity: IdentitySource | undefined;
    readonly registryKeys: readonly KeyPin[] | undefined;
  },
  handshake: LaunchHandshake | undefined,
  { env, openIdentity, knownRegistries }: RegistryProofRuntime,
): Promise<RegistryProof | undefined> {
  const { identity: source } = options;
  const pins = options.registryKeys ?? registryKeysOfEnvironment(env);
  const isStated = env.CLERK_IDENTITY !== undefined && env.CLERK_IDENTITY !== '';
  if (source === undefined && !isStated && !isPin(handshake?.registryKey)) {
    if (pins === undefined) return undefined;
    throw new ClerkError(
      'CONFIG_INVALID',
      "advertise() needs an identity when the key of the registry is set; pass the option 'identity', or set CLERK_IDENTITY",
    );
  }
  const identity = isIdentity(source) ? source : await openIdentity(source);
  const registryPins = new RegistryPins(() => pins ?? identity.registryKeys);
  const registryKeys = (): readonly KeyPin[] => registryPins.present;
  const onStatement = (statement: RegistryStatement): void => {
    const { keys } = statement;
    if (!keys.some((key) => registryKeys().includes(key))) return;
    registryPins.learn(keys);
    identity.learnRegistryKeys(keys);
    knownRegistries?.update(statement);
  };
  const onAccepted = (): void => knownRegistries?.confirm(registryKeys());
  if (registryKeys().length > 0) return { identity, registryKeys, onStatement, onAccepted };
  throw new ClerkError(
    'CONFIG_INVALID',
    "advertise() with an identity needs the key of the registry; pass the option 'registryKey', or set CLERK_REGISTRY_KEY",
  );
}

export function registryKeysOfEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): readonly KeyPin[] | undefined {
  const text = env.CLERK_REGISTRY_KEY;
  return text === undefined || text === '' ? undefined : parsePins(text, 'CLERK_REGISTRY_KEY');
}

/** @throws {@link ClerkError} `CONFIG_INVALID` for any value that is not an {@link IdentitySource} */
export function checkIdentitySource(source: unknown, caller: string): asserts source is IdentitySource {
  if ((typeof source === 'string' && source !== '') || typeof source === 'function' || isIdentity(source))
    return;
  throw new ClerkError(
    'CONFIG_INVALID',
    `${caller} needs an identity: the path of an identity file, an Identity, or a function that returns credentials; got ${describeValue(source)}`,
  );
}

/**
 * @param what - such as `registry address`
 * @throws {@link ClerkError} `CONFIG_INVALID` for an address without TLS, at which no key can be proved
 */
export function requireTls(addresses: readonly string[], what: string): void {
  for (const address of addresses) {
    const { protocol, text } = parseAddress(address);
    if (protocol === 'http')
      throw new ClerkError(
        'CONFIG_INVALID',
        `advertise() with an identity needs TLS at each ${what}; got ${text}; use https: or unix+https:`,
      );
  }
}
