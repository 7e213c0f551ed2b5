/** What is remembered of starts, and tickets, which are worth something once. @see Tcl-DP T9; promises C6.2 */
import { ClerkError } from '../../core/errors.js';
import { isClerkError } from '../../core/errors.js';
import type { RegisterRequest } from '../../wire/messages.js';
import { proofOf, type Hashing } from '../../wire/proof.js';
import type { LaunchRecord } from '../ports.js';
import { unchanged, type Command, type Planned } from './command.js';
import { counterOf } from './fencing.js';
import type { View } from './view.js';
import { walk } from './walk.js';

/** Gives the next start of a name its number. */
export function intend(view: View, record: (Command & { readonly kind: 'intend' })['record']): Planned {
  const { name, instance } = record;
  if (view.entry(name)?.kind !== 'service')
    throw new ClerkError('NAME_NOT_FOUND', `There is no service ${name} to start`);
  const counter = counterOf(view, name);
  const epoch = counter.epoch + 1;
  const launch: LaunchRecord = {
    ...record,
    epoch,
    state: 'intent',
    pid: undefined,
    startedTicks: undefined,
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
export function update(view: View, record: LaunchRecord): Planned {
  const { name, instance } = record;
  const before = view.launch(name, instance);
  if (before === undefined)
    throw new ClerkError('NAME_NOT_FOUND', `No start of ${name} as ${instance} is remembered`);
  const next = before.redeemed ? { ...record, redeemed: true, registryKey: '' } : record;
  return { changes: [{ kind: 'launch', name, id: instance, record: next }], inMs: 0 };
}

/** Forgets a start. */
export function forget(view: View, name: string, instance: string): Planned {
  if (view.launch(name, instance) === undefined) return unchanged;
  return { changes: [{ kind: 'launch', name, id: instance, record: undefined }], inMs: 0 };
}

/**
 * Takes a ticket: the record as it is when the ticket has been used, and the proof to answer with.
 *
 * @param canonical - the name that is registered
 * @throws ClerkError `TICKET_REFUSED` for one that is wrong, used or another instance's; `NAME_MISMATCH`
 */
export function redeemed(
  view: View,
  { ticket = '', id, epoch }: RegisterRequest,
  canonical: string,
  hashing: Hashing,
): { readonly record: LaunchRecord; readonly proof: string } {
  const hash = hashing.sha256(ticket);
  let record: LaunchRecord | undefined;
  for (const launch of view.launches()) if (hashing.sameText(launch.ticketHash, hash)) record = launch;
  if (record === undefined || record.redeemed || record.instance !== id || record.epoch !== epoch)
    throw new ClerkError(
      'TICKET_REFUSED',
      `The ticket for ${canonical} was refused: it is wrong, was used, or was given to another instance`,
    );
  if (!leadsTo(view, record.name, canonical))
    throw new ClerkError(
      'NAME_MISMATCH',
      `The ticket is for ${record.name}, not for ${canonical}; a launched service registers under the name it was given`,
    );
  const proof = proofOf(hashing, record.registryKey, record.name, record.epoch);
  return { record: { ...record, redeemed: true, registryKey: '' }, proof };
}

/** The service may have been moved since it was started. */
function leadsTo(view: View, name: string, canonical: string): boolean {
  if (name === canonical) return true;
  try {
    return walk(view, name).canonical === canonical;
  } catch (error) {
    if (isClerkError(error)) return false;
    throw error;
  }
}
