/** Attacks of clients on a service, and on the connections to services and registries. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAttackedFleet, type AttackedFleet } from './attacked-fleet.js';
import { ticketAttacks } from './ticket-attacks.js';
import { transportAttacks } from './transport-attacks.js';
import { testAttacks } from './test-attacks.js';

let fleet: AttackedFleet;
beforeAll(async () => {
  fleet = await startAttackedFleet();
});
afterAll(() => fleet.close());

test('the honest client is served before and between the attacks', async () => {
  const before = fleet.executions;
  await fleet.callHonestly(await fleet.ticketOf(fleet.web));
  expect(fleet.executions).toBe(before + 1);
});

describe('connections', () => testAttacks(transportAttacks, () => fleet));
// The last tickets change what the service knows of its registry.
describe('tickets', () => testAttacks(ticketAttacks, () => fleet));
