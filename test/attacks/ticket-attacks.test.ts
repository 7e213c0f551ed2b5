import { afterAll, beforeAll, expect, test } from 'vitest';
import { testAttacks } from './attack.js';
import { startAttackedFleet, type AttackedFleet } from './attacked-fleet.js';
import { ticketAttacks } from './ticket-attacks.js';

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

testAttacks(ticketAttacks, () => fleet);
