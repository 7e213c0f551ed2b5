import { systemKeys } from '../../src/runtime/system-keys.js';
import { createTicketPolicy, type TicketPolicy } from '../../src/service/authenticate/ticket-policy.js';
import { KnownRegistries } from '../../src/service/known-registries.js';

/** The policy with which `authenticate` verifies tickets for a service. */
export function ticketPolicyOf(
  service: string,
  registryKey: string,
  clock: { wallNow(): number },
  knownRegistries = new KnownRegistries(),
): TicketPolicy {
  return createTicketPolicy(
    { registryKey, service },
    {
      ...{ clock, keys: systemKeys, env: {}, knownRegistries },
      openIdentity: () => Promise.reject(new Error('not expected')),
    },
  );
}
