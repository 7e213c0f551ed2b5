import type { CredentialProvider, CredentialSource } from '../core/credentials.js';
import { describeValue } from '../core/describe-value.js';
import { parsePins, type KeyPin } from '../core/key-pin.js';
import { checkString, configError } from './option-checks.js';

export type TicketMode = 'required' | 'offered' | 'off';

export interface IdentityConfig {
  /** A string is the path of an identity file. */
  readonly identity: string | CredentialSource | CredentialProvider | undefined;
  /** Undefined: the registry keys of the identity, or no pinned registry. */
  readonly registryKeys: readonly KeyPin[] | undefined;
  readonly tickets: TicketMode;
}

const ticketModes: readonly unknown[] = ['required', 'offered', 'off'] satisfies TicketMode[];

/**
 * @param urls - registry addresses; undefined for another registry, to which `$CLERK_IDENTITY` and
 * `$CLERK_REGISTRY_KEY` do not apply
 * @throws {@link ClerkError} `CONFIG_INVALID` when an option is invalid
 */
export function toIdentityConfig(
  given: Readonly<Record<string, unknown>>,
  urls: readonly string[] | undefined,
): IdentityConfig {
  const { CLERK_IDENTITY, CLERK_REGISTRY_KEY } = urls === undefined ? {} : process.env;
  const identity = checkIdentity(given.identity) ?? (CLERK_IDENTITY || undefined);
  const registryKeys =
    given.registryKey !== undefined
      ? parsePins(given.registryKey, 'createClerk: registryKey')
      : CLERK_REGISTRY_KEY
        ? parsePins(CLERK_REGISTRY_KEY, '$CLERK_REGISTRY_KEY')
        : undefined;
  const tickets = checkMode(given.tickets) ?? (identity === undefined ? 'off' : 'required');
  if (urls === undefined) {
    if (registryKeys !== undefined)
      throw configError('createClerk: registryKey needs registry URLs; remove registryKey');
    if (tickets !== 'off')
      throw configError(
        "createClerk: a registry server issues the tickets, so tickets need registry URLs; set tickets: 'off'",
      );
  } else if (tickets !== 'off' && identity === undefined)
    throw configError(
      `createClerk: tickets: '${tickets}' needs the option identity or $CLERK_IDENTITY; set one of them`,
    );
  const plain = urls?.find((url) => !url.startsWith('https:'));
  if (plain !== undefined && (identity !== undefined || registryKeys !== undefined))
    throw configError(
      `createClerk: a registry that must prove its key needs an https: address; got ${plain}; use https:, or remove identity and registryKey`,
    );
  return { identity, registryKeys, tickets };
}

/** Whether the program has an identity, or knows the key of the registry. */
export function provesKeys({ identity, registryKey }: Readonly<Record<string, unknown>>): boolean {
  const { CLERK_IDENTITY, CLERK_REGISTRY_KEY } = process.env;
  return [identity, registryKey, CLERK_IDENTITY || undefined, CLERK_REGISTRY_KEY || undefined].some(
    (value) => value !== undefined,
  );
}

function checkMode(value: unknown): TicketMode | undefined {
  if (value === undefined || ticketModes.includes(value)) return value as TicketMode | undefined;
  throw configError(
    `createClerk: tickets must be one of ${ticketModes.join(', ')}; got ${describeValue(value)}`,
  );
}

function checkIdentity(value: unknown): IdentityConfig['identity'] {
  if (typeof value === 'function') return value as CredentialProvider;
  if (typeof value !== 'object' || value === null) return checkString(value, 'createClerk: identity');
  const { current, onChanged } = value as Partial<CredentialSource>;
  if (typeof current === 'function' && typeof onChanged === 'function') return value as CredentialSource;
  throw configError(
    `createClerk: identity must be the path of an identity file, a result of openIdentity(), or a function that returns { name, key, cert }; got ${describeValue(value)}`,
  );
}
