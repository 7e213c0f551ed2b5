import type { Clock } from '../../core/clock.js';
import type { CredentialProvider, KeyTools } from '../../core/credentials.js';
import { ClerkError } from '../../core/errors.js';
import { isIdentity, type Identity } from '../../core/identity.js';
import { parsePins, type KeyPin } from '../../core/key-pin.js';
import { parseName } from '../../core/name.js';
import { KnownRegistries } from '../known-registries.js';
import { checkIdentitySource, registryKeysOfEnvironment } from '../registry-proof.js';
import { TicketVerifier, type VerifiedTicket } from '../../tickets/ticket-verifier.js';

/** Options of {@link authenticate}. An unknown key is an error. */
export interface AuthenticateOptions {
  /**
   * The identity of the service: the path of an identity file, an `Identity`, or a function that returns credentials.
   * Default: the identity of a launched instance, else `$CLERK_IDENTITY`.
   */
  readonly identity?: string | Identity | CredentialProvider;
  /**
   * One or more pins of registry keys. Only tickets of this registry are accepted. Default: `$CLERK_REGISTRY_KEY`, else
   * the registry keys in the identity file.
   */
  readonly registryKey?: string | readonly string[];
  /** Canonical names of the services of this handler. Default: the name of the identity. */
  readonly service?: string | readonly string[];
}

export interface TicketPolicyRuntime {
  readonly clock: Pick<Clock, 'wallNow'>;
  readonly keys: Pick<KeyTools, 'pinOfKey'>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For an undefined `source`, opens the identity that the environment states. */
  readonly openIdentity: (source: string | CredentialProvider | undefined) => Promise<Identity>;
  /** The statements of registries. Default: none. */
  readonly knownRegistries?: KnownRegistries;
}

const optionKeys = Object.keys({ identity: true, registryKey: true, service: true } satisfies Record<
  keyof AuthenticateOptions,
  true
>);

/** Decides which tickets are accepted. */
export interface TicketPolicy {
  /** When this number changes, a ticket that was accepted before must be verified again. */
  readonly version: number;
  verify(text: string, clientPin: KeyPin | undefined): Promise<VerifiedTicket>;
}

/**
 * Creates the policy. If the policy needs the identity, the identity is opened when the first ticket arrives.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when an option is invalid, or the registry key or service is unknown
 */
export function createTicketPolicy(options: AuthenticateOptions, runtime: TicketPolicyRuntime): TicketPolicy {
  const unknown = Object.keys(options).find((key) => !optionKeys.includes(key));
  if (unknown !== undefined)
    throw authenticateError(
      `got the unknown option '${unknown}'; known options are ${optionKeys.join(', ')}`,
    );
  const pins =
    options.registryKey === undefined
      ? registryKeysOfEnvironment(runtime.env)
      : parsePins(options.registryKey, "The option 'registryKey' of authenticate()");
  const services = parseServices(options.service);
  const { identity } = options;
  if (isIdentity(identity)) return policyOf(pins, services, identity, runtime);
  const { CLERK_IDENTITY: file, CLERK_LAUNCHED: launched } = runtime.env;
  const hasDefault = (file !== undefined && file !== '') || launched === '1';
  if ((identity === undefined && !hasDefault) || (pins !== undefined && services !== undefined))
    return policyOf(pins, services, undefined, runtime);
  if (identity !== undefined) checkIdentitySource(identity, 'authenticate()');
  let policy: Promise<TicketPolicy> | undefined;
  const open = async (): Promise<TicketPolicy> =>
    policyOf(pins, services, await runtime.openIdentity(identity), runtime);
  return {
    get version() {
      return runtime.knownRegistries?.version ?? 0;
    },
    async verify(text, clientPin) {
      policy ??= open();
      try {
        return await (await policy).verify(text, clientPin);
      } catch (error) {
        // If the identity could not be opened, the next request opens it again.
        if ((await policy.catch(() => undefined)) === undefined) policy = undefined;
        throw error;
      }
    },
  };
}

function policyOf(
  pins: readonly KeyPin[] | undefined,
  services: readonly string[] | undefined,
  identity: Identity | undefined,
  { keys, clock, knownRegistries = new KnownRegistries() }: TicketPolicyRuntime,
): TicketPolicy {
  if (pins === undefined && (identity === undefined || identity.registryKeys.length === 0))
    throw authenticateError(
      "needs the key of the registry; pass the option 'registryKey', or set CLERK_REGISTRY_KEY",
    );
  const own = services ?? (identity && [identity.name]);
  if (own === undefined)
    throw authenticateError(
      "needs the name of the service; pass the option 'identity' or 'service', or set CLERK_IDENTITY",
    );
  const presentKeys = (): readonly KeyPin[] =>
    knownRegistries.presentKeys(pins ?? identity?.registryKeys ?? []);
  const verifier = new TicketVerifier(presentKeys, keys, clock);
  const isOutdated = (incarnation: string, issuer: KeyPin): boolean =>
    knownRegistries.isOutdated(incarnation, issuer);
  const isOwnService = (name: string): boolean =>
    own.some((each) => each === name || knownRegistries.isMovedTo(each, name));
  return {
    get version() {
      return knownRegistries.version;
    },
    async verify(text, clientPin) {
      // The registry keys in an identity file change with the keys of the registry, so the present ones are read.
      if (pins === undefined) await identity?.current();
      const ticket = await verifier.verify(text, {
        clientPin,
        isOutdated,
        isOwnService: async (name) => {
          // After a move, clients may learn the new name from the registry before the service does.
          if (!isOwnService(name)) await knownRegistries.learnMoves();
          return isOwnService(name);
        },
      });
      if (ticket.rights.includes('call')) return ticket;
      throw new ClerkError(
        'FORBIDDEN',
        `The ticket of ${ticket.principal} does not contain the right 'call' for ${ticket.service}; ask an operator for this right`,
      );
    },
  };
}

function parseServices(given: AuthenticateOptions['service']): readonly string[] | undefined {
  if (given === undefined) return undefined;
  const names = typeof given === 'string' ? [given] : given;
  if (names.length === 0) throw authenticateError("needs at least one name in the option 'service'");
  return names.map((name) => parseName(name));
}

function authenticateError(message: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', `authenticate() ${message}`);
}
