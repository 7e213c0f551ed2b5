import { describeValue } from '../core/describe-value.js';
import {
  identityOf,
  registryKeysOf,
  requireTls,
  type RegistryAccess,
} from '../registry-client/registry-access.js';
import { configError } from '../core/errors.js';

export type TicketMode = 'required' | 'offered' | 'off';

export interface IdentityConfig extends Pick<RegistryAccess, 'identity' | 'registryKeys'> {
  readonly tickets: TicketMode;
}

const ticketModes: readonly unknown[] = ['required', 'offered', 'off'] satisfies TicketMode[];

/**
 * @param urls - URLs of the registry; undefined for a registry object or static addresses, to which `$CLERK_IDENTITY`
 * and `$CLERK_REGISTRY_KEY` do not apply
 * @param issuesTickets - whether the registry can issue tickets
 * @throws {@link ClerkError} `CONFIG_INVALID` when an option is invalid
 */
export function toIdentityConfig(
  given: Readonly<Record<string, unknown>>,
  urls: readonly string[] | undefined,
  issuesTickets: boolean,
): IdentityConfig {
  const identity = identityOf(given.identity, 'createClerk', urls !== undefined);
  const registryKeys = registryKeysOf(given.registryKey, 'createClerk', urls !== undefined);
  const tickets = checkMode(given.tickets) ?? (identity === undefined ? 'off' : 'required');
  if (urls === undefined && registryKeys !== undefined)
    throw configError(
      'createClerk: registryKey needs registry URLs in the option registry; remove registryKey, or pass it to remoteRegistry()',
    );
  if (!issuesTickets && tickets !== 'off')
    throw configError(
      `createClerk: tickets: '${tickets}' requires a registry server, which issues the tickets; set tickets: 'off', or set registry to URLs or to a remoteRegistry()`,
    );
  if (tickets !== 'off' && identity === undefined)
    throw configError(
      `createClerk: tickets: '${tickets}' needs the option identity, or $CLERK_IDENTITY if the registry is given by URLs; set one of them`,
    );
  requireTls({ urls: urls ?? [], identity, registryKeys }, 'createClerk');
  return { identity, registryKeys, tickets };
}

function checkMode(value: unknown): TicketMode | undefined {
  if (value === undefined || ticketModes.includes(value)) return value as TicketMode | undefined;
  throw configError(
    `createClerk: tickets must be one of ${ticketModes.join(', ')}; got ${describeValue(value)}`,
  );
}
