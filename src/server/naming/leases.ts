import type { Registration } from './state/name-entry.js';

/** Length of a slot, in ms. The registrations of a slot are checked together, up to a slot and a tick late. */
const slotMs = 250;
/** Share of all leases above which expired registrations are removed slowly. Server or network are then the likely cause. */
const massExpiryShare = 0.15;
/** Minimum number of expired leases for slow removal. With few registrations, two leases are already a large share. */
const massExpiryMin = 8;
/** Number of recent stalls of this process that are remembered to extend leases. */
/** Number of recent stalls of this process that are remembered to extend leases. */
const maxStalls = 64;

/**
 * The leases of all registrations, on the monotonic clock. A renewal only stores the new expiry time, which is checked
 * when the slot of the registration is due.
 *
 * If this process stalls for a third of a lease or longer, that lease is extended by the length of the stall. When many
 * leases expire at once, removals are throttled, by at most one more lease per registration.
 *
 * @see [C5.2](../../../docs/guarantees.md#c5-2), [C5.4](../../../docs/guarantees.md#c5-4),
 *   [C5.5](../../../docs/guarantees.md#c5-5)
 */
export class Leases {
  readonly #slots = new Map<number, Registration[]>();
  /** Registrations that have not expired and were not renewed for two thirds of their lease. */
  readonly #overdue = new Set<Registration>();
  /** Registrations that became overdue since the last call of `takeOverdue`. */
  #newlyOverdue: Registration[] = [];
  /** Registrations that have expired and are not removed yet. */
  readonly #expired = new Set<Registration>();
  readonly #stalls: { readonly endedAt: number; readonly ms: number }[] = [];
  #lastSlot = 0;
  #shortestLeaseMs = Infinity;
  #count = 0;
  #isThrottling = false;

  get size(): number {
    return this.#count;
  }

  get isThrottling(): boolean {
    return this.#isThrottling;
  }

  /** Interval between two checks, in ms: an eighth of the shortest lease, from 125 ms to 5 s. */
  get tickMs(): number {
    return Math.min(5_000, Math.max(125, this.#shortestLeaseMs / 8));
  }

  /** Must be called again after every change of `expiresAt`. */
  track(registration: Registration): void {
    if (registration.leaseSlot === -1 && !this.#expired.delete(registration)) this.#count++;
    this.#shortestLeaseMs = Math.min(this.#shortestLeaseMs, registration.leaseMs);
    this.#overdue.delete(registration);
    const slot = Math.floor(overdueAt(registration, registration.expiresAt) / slotMs);
    // `#processSlot` moves a registration to a later slot when the current slot is due.
    if (registration.leaseSlot === -1 || slot < registration.leaseSlot) this.#addToSlot(registration, slot);
  }

  release(registration: Registration): void {
    if (registration.leaseSlot === -1 && !this.#expired.delete(registration)) return;
    this.#overdue.delete(registration);
    registration.leaseSlot = -1;
    if (--this.#count > 0) return;
    this.#slots.clear();
    this.#shortestLeaseMs = Infinity;
    this.#isThrottling = false;
  }

  /** Records a stall of `ms` until `now`. A stall extends every running lease of at most three times its length. */
  creditStall(ms: number, now: number): void {
    this.#stalls.push({ endedAt: now, ms });
    if (this.#stalls.length > maxStalls) this.#stalls.shift();
  }

  /** Returns the registrations to remove now, again at each call until `release` or `track`. */
  collectExpired(now: number): readonly Registration[] {
    this.#advance(now);
    const draining: Registration[] = [];
    const expired: Registration[] = [];
    for (const registration of this.#expired) (registration.draining ? draining : expired).push(registration);
    if (expired.length === 0) this.#isThrottling = false;
    else if (expired.length >= massExpiryMin && expired.length > massExpiryShare * this.#count)
      this.#isThrottling = true;
    return this.#isThrottling ? [...draining, ...this.#throttle(expired, now)] : [...draining, ...expired];
  }

  /**
   * Returns the registrations that have missed two renewals since the last call. Returns none when too many are overdue
   * at once, because then the server or the network is probably the cause.
   */
  takeOverdue(): readonly Registration[] {
    const found = this.#newlyOverdue;
    if (found.length === 0) return found;
    this.#newlyOverdue = [];
    const count = this.#overdue.size;
    return count >= massExpiryMin && count > massExpiryShare * this.#count ? [] : found;
  }

  /** Whether a registration has expired and was not renewed since its expiry. */
  hasExpired(registration: Registration): boolean {
    return this.#expired.has(registration);
  }

  /**
   * Returns the expired registrations to remove in this tick, oldest first: about `massExpiryShare` of all
   * registrations within the shortest lease, and those that have waited for one lease.
   */
  #throttle(expired: readonly Registration[], now: number): readonly Registration[] {
    const oldestFirst = [...expired].sort((a, b) => a.expiresAt - b.expiresAt);
    const maxPerTick = Math.max(
      1,
      Math.floor((massExpiryShare * this.#count * this.tickMs) / this.#shortestLeaseMs),
    );
    return oldestFirst.filter(
      (registration, index) =>
        index < maxPerTick || this.#expiresAt(registration) + registration.leaseMs - this.tickMs <= now,
    );
  }

  #advance(now: number): void {
    const upTo = Math.floor(now / slotMs) - 1;
    if (upTo - this.#lastSlot < this.#slots.size) {
      for (let slot = this.#lastSlot + 1; slot <= upTo; slot++) this.#processSlot(slot, now);
    } else {
      for (const slot of [...this.#slots.keys()]) if (slot <= upTo) this.#processSlot(slot, now);
    }
    this.#lastSlot = Math.max(this.#lastSlot, upTo);
  }

  #processSlot(slot: number, now: number): void {
    const list = this.#slots.get(slot);
    if (list === undefined) return;
    this.#slots.delete(slot);
    for (const registration of list) {
      if (registration.leaseSlot !== slot) continue;
      const expiresAt = this.#expiresAt(registration);
      const dueAt = overdueAt(registration, expiresAt);
      if (dueAt > now) {
        this.#addToSlot(registration, Math.floor(dueAt / slotMs));
      } else if (expiresAt > now) {
        this.#overdue.add(registration);
        this.#newlyOverdue.push(registration);
        this.#addToSlot(registration, Math.floor(expiresAt / slotMs));
      } else {
        registration.leaseSlot = -1;
        this.#expired.add(registration);
      }
    }
  }

  #addToSlot(registration: Registration, slot: number): void {
    // Slots up to `#lastSlot` are not processed again.
    const at = Math.max(slot, this.#lastSlot + 1);
    registration.leaseSlot = at;
    const list = this.#slots.get(at);
    if (list === undefined) this.#slots.set(at, [registration]);
    else list.push(registration);
  }

  /** Expiry time, extended by the stalls of this process since the last renewal. */
  #expiresAt({ expiresAt, leaseMs, draining }: Registration): number {
    if (draining) return expiresAt;
    let extended = expiresAt;
    for (const { endedAt, ms } of this.#stalls)
      if (endedAt > expiresAt - leaseMs && ms * 3 >= leaseMs) extended += ms;
    return extended;
  }
}

/** One third of the lease before `expiresAt`, when two of three renewals are missed. A draining endpoint does not renew. */
function overdueAt({ leaseMs, draining }: Registration, expiresAt: number): number {
  return draining ? expiresAt : expiresAt - leaseMs / 3;
}
