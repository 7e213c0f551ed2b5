/** Attacks of rogue servers and rogue registries on clients. */
import { afterAll, beforeAll } from 'vitest';
import { peerAttacks } from './peer-attacks.js';
import { startPeerWorld, type PeerWorld } from './rogue-peers.js';
import { testAttacks } from './test-attacks.js';

let world: PeerWorld;
beforeAll(async () => {
  world = await startPeerWorld();
});
afterAll(() => world.close());

testAttacks(peerAttacks, () => world);
