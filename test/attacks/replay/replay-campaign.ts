/** Records all hops of a fleet, and sends what was recorded again in every way. */
import { seededRandom } from 'binding-clerk/testing';
import { startAttackedFleet, type AttackedFleet } from '../attacked-fleet.js';
import { AttemptCounts } from './attempt-counts.js';
import { hopsOf, isTransparent, recordHops, replayRecordings, tamperLiveRecords } from './record-replays.js';
import { recordProofs, replayProofs } from './proof-replays.js';
import {
  countAccepted,
  recordTickets,
  replayTicketsInProcess,
  replayTicketsOverTls,
} from './ticket-replays.js';

export interface CampaignSize {
  /** Tickets verified in the process of the service. */
  readonly verifications: number;
  /** Requests with recorded tickets on open connections. */
  readonly requests: number;
  /** Requests to the registry with recorded proofs and secrets. */
  readonly proofs: number;
  /** Connections with recorded TLS records. */
  readonly connections: number;
  /** Live connections with changed TLS records. */
  readonly live: number;
}

const recordedTickets = 24;

/** @throws when something recorded is not accepted before it is changed, which would make all refusals worthless */
export async function runReplayCampaign(size: CampaignSize, seed: number): Promise<AttemptCounts> {
  const fleet = await startAttackedFleet();
  try {
    return await replayAll(fleet, size, seed);
  } finally {
    await fleet.close();
  }
}

async function replayAll(fleet: AttackedFleet, size: CampaignSize, seed: number): Promise<AttemptCounts> {
  const random = seededRandom(seed);
  const counts = new AttemptCounts();
  const tickets = await recordTickets(fleet, recordedTickets);
  const accepted = await countAccepted(fleet, tickets);
  if (accepted !== tickets.length) throw new Error(`Only ${String(accepted)} recorded tickets are accepted`);
  const recorded = await recordHops(await hopsOf(fleet), 6);
  if (!(await isTransparent(recorded))) throw new Error('The proxy does not forward unchanged records');
  const proofs = await recordProofs(fleet);
  for (const when of ['before a restart', 'after a restart']) {
    const options = { tickets, random, counts, when };
    await replayTicketsInProcess(fleet, size.verifications / 2, options);
    await replayTicketsOverTls(fleet, size.requests / 2, options);
    await replayProofs(fleet, proofs, size.proofs / 2, options);
    await replayRecordings(recorded, size.connections / 2, options);
    await tamperLiveRecords(recorded, size.live / 2, options);
    if (when === 'after a restart') break;
    await fleet.restartRegistry();
    await fleet.restartService();
  }
  return counts;
}
