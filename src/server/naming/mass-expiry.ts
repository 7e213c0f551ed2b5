import type { Registration } from './state/name-entry.js';

/** Share of expired leases above which removals are throttled. */
const massShare = 0.15;
/**
 * Minimum number of expired leases for throttling, because two expired leases are already a large share in a small
 * registry.
 */
const massMin = 8;

/** Whether the expired leases are so many that the cause is probably the server or the network. */
export function isMassExpiry(count: number, total: number): boolean {
  return count >= massMin && count > massShare * total;
}

export interface ThrottleFacts {
  /** Number of all leases. */
  readonly total: number;
  readonly shortestLeaseMs: number;
  readonly tickMs: number;
  readonly now: number;
  readonly expiresAt: (registration: Registration) => number;
}

/**
 * Returns the registrations to remove in this tick, oldest first. About 15 % of all registrations are removed per
 * duration of the shortest lease. No removal is delayed by more than one lease duration.
 *
 * @see [C5.4](../../../docs/guarantees.md#c5-4)
 */
export function throttledRemovals(
  expired: readonly Registration[],
  { total, shortestLeaseMs, tickMs, now, expiresAt }: ThrottleFacts,
): readonly Registration[] {
  const oldestFirst = [...expired].sort((a, b) => a.expiresAt - b.expiresAt);
  const maxPerTick = Math.max(1, Math.floor((massShare * total * tickMs) / shortestLeaseMs));
  return oldestFirst.filter(
    (registration, index) =>
      index < maxPerTick || expiresAt(registration) + registration.leaseMs - tickMs <= now,
  );
}
