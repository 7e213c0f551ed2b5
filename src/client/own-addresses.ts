import type { Clock } from '../core/clock.js';

/** The addresses of the host are cached for this time in ms, because a read takes about 0.1 ms. */
const maxAgeMs = 1_000;

export function createOwnAddresses(clock: Clock): () => readonly string[] {
  let addresses: readonly string[] = [];
  let readAt = -Infinity;
  return () => {
    const now = clock.now();
    if (now - readAt <= maxAgeMs) return addresses;
    readAt = now;
    addresses = clock.hostAddresses();
    return addresses;
  };
}
