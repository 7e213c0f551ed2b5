import type { Clock } from '../core/clock.js';

/** The addresses of this host are read again after this time, in ms. A read takes about 0.1 ms. */
const maxAgeMs = 1_000;

/** Returns a function that returns the addresses of this host, at most 1,000 ms old. */
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
