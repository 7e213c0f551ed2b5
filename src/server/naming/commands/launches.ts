/** What is remembered of starts, and tickets, which are worth something once. @see Tcl-DP T9; promises C6.2 */
import { ClerkError } from '../../../core/errors.js';
import { isClerkError } from '../../../core/errors.js';
import type { RegisterRequest } from '../../../protocol/messages.js';
import { launchProof, type Hashing } from '../../../protocol/launch-proof.js';
import type { LaunchRecord } from '../../ports.js';
import { noChange, type NamingCommand, type Plan } from './naming-command.js';
import { epochCounterOf } from './fencing.js';
import type { NamingView } from '../state/naming-view.js';
import { resolveLinks } from '../state/resolve-links.js';

/** Gives the next start of a name its number. */
export function recordIntent(
  view: NamingView,
  record: (NamingCommand & { readonly kind: 'intend' })['record'],
): Plan {
  const { name, instance } = record;
  if (view.entry(name)?.kind !== 'service')
    throw new ClerkError('NAME_NOT_FOUND', `There is no service ${name} to start`);
  const counter = epochCounterOf(view, name);
  const epoch = counter.epoch + 1;
  const launch: LaunchRecord = {
    ...record,
    epoch,
    state: 'intent',
    pid: undefined,
    startTicks: undefined,
    redeemed: false,
  };
  return {
    changes: [
      { kind: 'counter', name, record: { ...counter, epoch } },
      { kind: 'launch', name, id: instance, record: launch },
    ],
    inMs: 0,
    epoch,
    launch,
  };
}

/** Changes what is remembered of a start; that its ticket was used is never forgotten. */
export function updateLaunch(view: NamingView, record: LaunchRecord): Plan {
  const { name, instance } = record;
  const before = view.launch(name, instance);
  if (before === undefined)
    throw new ClerkError('NAME_NOT_FOUND', `No start of ${name} as ${instance} is remembered`);
  const next = before.redeemed ? { ...record, redeemed: true, registryKey: '' } : record;
  return { changes: [{ kind: 'launch', name, id: instance, record: next }], inMs: 0 };
}

/** Forgets a start. */
export function removeLaunch(view: NamingView, name: string, instance: string): Plan {
  if (view.launch(name, instance) === undefined) return noChange;
  return { changes: [{ kind: 'launch', name, id: instance, record: undefined }], inMs: 0 };
}

/**
 * Takes a ticket: the record as it is when the ticket has been used, and the proof to answer with.
 *
 * @param canonical - the name that is registered
 * @throws ClerkError `TICKET_REFUSED` for one that is wrong, used or another instance's; `NAME_MISMATCH`
 */
export function redeemTicket(
  view: NamingView,
  { ticket = '', id, epoch }: RegisterRequest,
  canonical: string,
  hashing: Hashing,
): { readonly record: LaunchRecord; readonly proof: string } {
  const hash = hashing.sha256(ticket);
  let record: LaunchRecord | undefined;
  for (const launch of view.launches()) if (hashing.timingSafeEqual(launch.ticketHash, hash)) record = launch;
  if (record === undefined || record.redeemed || record.instance !== id || record.epoch !== epoch)
    throw new ClerkError(
      'TICKET_REFUSED',
      `The ticket for ${canonical} was refused: it is wrong, was used, or was given to another instance`,
    );
  if (!resolvesTo(view, record.name, canonical))
    throw new ClerkError(
      'NAME_MISMATCH',
      `The ticket is for ${record.name}, not for ${canonical}; a launched service registers under the name it was given`,
    );
  const proof = launchProof(hashing, record.registryKey, record.name, record.epoch);
  return { record: { ...record, redeemed: true, registryKey: '' }, proof };
}

/** The service may have been moved since it was started. */
function resolvesTo(view: NamingView, name: string, canonical: string): boolean {
  if (name === canonical) return true;
  try {
    return resolveLinks(view, name).canonical === canonical;
  } catch (error) {
    if (isClerkError(error)) return false;
    throw error;
  }
}
