/** Attacks of clients on a secured registry. */
import { afterAll, beforeAll, describe } from 'vitest';
import { startAttackedFleet, type AttackedFleet } from './attacked-fleet.js';
import { enrolmentAttacks } from './enrolment-attacks.js';
import { rightsAttacks, startRightsWorld } from './rights-attacks.js';
import { testAttacks } from './test-attacks.js';

let fleet: AttackedFleet;
let world: Awaited<ReturnType<typeof startRightsWorld>>;
beforeAll(async () => {
  fleet = await startAttackedFleet();
  world = await startRightsWorld(fleet);
});
afterAll(() => fleet.close());

describe('keys and enrolment', () => testAttacks(enrolmentAttacks, () => fleet));
describe('rights', () => testAttacks(rightsAttacks, () => world));
