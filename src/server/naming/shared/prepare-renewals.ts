import type { Hashing } from '../../../protocol/launch-proof.js';
import type { Renewal } from '../../../protocol/registration-messages.js';
import type { EndpointRef, NamingCommand } from '../commands/naming-command.js';
import { isHolder } from '../commands/instance-holder.js';
import { findRegistration } from '../renew.js';
import type { NamingState } from '../state/naming-state.js';
import { secretHashOf } from '../state/record-codec.js';
import type { SharedRegistry } from './shared-registry.js';

export interface RenewalDependencies {
  readonly shared: Pick<SharedRegistry, 'ensureSession' | 'isHeldHere' | 'catchUp' | 'server'>;
  readonly state: NamingState;
  readonly hashing: Hashing;
  readonly submit: (command: NamingCommand) => Promise<unknown>;
}

/**
 * Resolves when this server may answer renewals from memory. The session of this server must be valid, and the log
 * must name this server as the holder of the registrations. Returns undefined when both are already true, which is
 * the usual case.
 *
 * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when the database does not respond
 */
export function prepareRenewals(
  deps: RenewalDependencies,
  renewals: readonly Renewal[],
): Promise<void> | undefined {
  const session = deps.shared.ensureSession();
  const isKnown = renewals.every((renewal) => isKnownHere(deps, renewal));
  return session === undefined && isKnown ? undefined : prepare(deps, renewals, session);
}

async function prepare(
  deps: RenewalDependencies,
  renewals: readonly Renewal[],
  session: Promise<void> | undefined,
): Promise<void> {
  await session;
  const { shared, submit } = deps;
  if (!renewals.every((renewal) => foundOf(deps, renewal) !== undefined)) await shared.catchUp();
  const endpoints = renewals.flatMap((renewal): EndpointRef[] => {
    const found = foundOf(deps, renewal);
    if (found === undefined || found.draining || shared.isHeldHere(found.holder)) return [];
    const isProven = isHolder(deps.hashing, secretHashOf(found.json), renewal.secret);
    return isProven ? [{ name: found.entry.name, id: found.id, epoch: found.epoch }] : [];
  });
  if (endpoints.length > 0) await submit({ kind: 'hold-endpoints', endpoints, server: shared.server });
  await shared.ensureSession();
}

function isKnownHere(deps: RenewalDependencies, renewal: Renewal): boolean {
  const found = foundOf(deps, renewal);
  return found !== undefined && (found.draining || deps.shared.isHeldHere(found.holder));
}

function foundOf({ state }: RenewalDependencies, { name, id, epoch }: Renewal) {
  const found = findRegistration(state, name, id);
  return found?.epoch === epoch ? found : undefined;
}
