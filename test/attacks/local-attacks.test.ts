/** Attacks of launched programs, and of other users of the host. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  enrolHonestly,
  launchedAttacks,
  startLaunchedWorld,
  type LaunchedWorld,
} from './launched-attacks.js';
import { localAttacks, startLocalWorld } from './local-attacks.js';
import { testAttacks } from './test-attacks.js';

const local = startLocalWorld();
let launched: LaunchedWorld;
beforeAll(async () => {
  launched = await startLaunchedWorld();
});
afterAll(async () => {
  local.close();
  await launched.close();
});

describe('launched programs', () => testAttacks(launchedAttacks, () => launched));
test('without changes, the attacks on launches succeed', async () => {
  const own = await startLaunchedWorld();
  await expect(enrolHonestly(own)).resolves.toBeUndefined();
  await own.close();
});
describe('the host', () => testAttacks(localAttacks, () => local));
