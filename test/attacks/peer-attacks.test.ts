/** Attacks of rogue servers and rogue registries on clients. */
import { afterAll, beforeAll } from 'vitest';
import { testAttacks } from './attack.js';
import { peerAttacks } from './peer-attacks.js';
import { startPeerWorld, type PeerWorld } from './rogue-peers.js';

let world: PeerWorld;
beforeAll(async () => {
  world = await startPeerWorld();
});
afterAll(() => world.close());

testAttacks(peerAttacks, () => world);
