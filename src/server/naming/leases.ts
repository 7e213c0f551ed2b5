import type { Registration } from './state/name-entry.js';

/** Width of a slot, ms. Adds to the tick to bound how late an expiry is noticed. */
const slotMs = 250;
/** A larger share of registrations that expire at once points at the server or the network, not at the services. */
const massExpiryShare = 0.15;
/** Fewer expiries than this are never throttled, since a few are a large share of a small fleet. */
const massExpiryMin = 8;
/** Stalls that are kept. */
const maxStalls = 64;

/**
 * The leases of all registrations. They use the monotonic clock, so a jump of the wall clock has no effect. A renewal
 * only stores a later expiry; expiries are found slot by slot. A stall of this process of a third of a lease or
 * longer extends the lease. When many leases expire at once, their removal is throttled, by at most one lease each.
 *
 * @see [C5.2](../../../docs/guarantees.md#c5-2), [C5.4](../../../docs/guarantees.md#c5-4),
 *   [C5.5](../../../docs/guarantees.md#c5-5)
 */
export class Leases {
  readonly #slots = new Map<number, Registration[]>();
  /** Not renewed for two thirds of the lease, and not expired. */
  readonly #overdue = new Set<Registration>();
  /** Overdue since the last call of `takeOverdue`. */
  #newlyOverdue: Registration[] = [];
  /** Expired and not removed yet. */
  readonly #expired = new Set<Registration>();
  readonly #stalls: { readonly endedAt: number; readonly ms: number }[] = [];
  #lastSlot = 0;
  #shortestLeaseMs = Infinity;
  #count = 0;
  #isThrottling = false;

  /** Registrations with a lease. */
  get size(): number {
    return this.#count;
  }

  /** Whether removal is throttled, because too many leases expired at once. */
  get isThrottling(): boolean {
    return this.#isThrottling;
  }

  /** Interval for checking leases, ms: an eighth of the shortest lease, 125 ms to 5 s. */
  get tickMs(): number {
    return Math.min(5_000, Math.max(125, this.#shortestLeaseMs / 8));
  }

  /** Tracks a registration until its `expiresAt`. Called again after `expiresAt` has changed. */
  track(registration: Registration): void {
    if (registration.leaseSlot === -1 && !this.#expired.delete(registration)) this.#count++;
    this.#shortestLeaseMs = Math.min(this.#shortestLeaseMs, registration.leaseMs);
    this.#overdue.delete(registration);
    const slot = Math.floor(overdueAt(registration, registration.expiresAt) / slotMs);
    // A later expiry is found when the present slot is processed.
    if (registration.leaseSlot === -1 || slot < registration.leaseSlot) this.#addToSlot(registration, slot);
  }

  /** Stops tracking a registration. */
  release(registration: Registration): void {
    if (registration.leaseSlot === -1 && !this.#expired.delete(registration)) return;
    this.#overdue.delete(registration);
    registration.leaseSlot = -1;
    if (--this.#count > 0) return;
    this.#slots.clear();
    this.#shortestLeaseMs = Infinity;
    this.#isThrottling = false;
  }

  /** Records that this process was stalled for `ms` until now. Leases of at most three times that are extended by it. */
  creditStall(ms: number, now: number): void {
    this.#stalls.push({ endedAt: now, ms });
    if (this.#stalls.length > maxStalls) this.#stalls.shift();
  }

  /** The registrations to remove now. Each is returned again until it is released or tracked again. */
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
   * The registrations that became overdue since the last call: they missed two renewals. Empty when too many are
   * overdue at once, since then the services are not the cause.
   */
  takeOverdue(): readonly Registration[] {
    const found = this.#newlyOverdue;
    if (found.length === 0) return found;
    this.#newlyOverdue = [];
    const count = this.#overdue.size;
    return count >= massExpiryMin && count > massExpiryShare * this.#count ? [] : found;
  }

  /** Whether a registration has expired and was not renewed since. */
  hasExpired(registration: Registration): boolean {
    return this.#expired.has(registration);
  }

  /** Spreads the removal of `massExpiryShare` over one lease. A registration is not delayed by more than its lease. */
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
    // Slots up to `#lastSlot` are processed already.
    const at = Math.max(slot, this.#lastSlot + 1);
    registration.leaseSlot = at;
    const list = this.#slots.get(at);
    if (list === undefined) this.#slots.set(at, [registration]);
    else list.push(registration);
  }

  /** The expiry, extended by stalls since the last renewal. */
  #expiresAt({ expiresAt, leaseMs, draining }: Registration): number {
    if (draining) return expiresAt;
    let extended = expiresAt;
    for (const { endedAt, ms } of this.#stalls)
      if (endedAt > expiresAt - leaseMs && ms * 3 >= leaseMs) extended += ms;
    return extended;
  }
}

/** When two renewals are missed: a service renews three times a lease. A draining endpoint does not renew. */
function overdueAt({ leaseMs, draining }: Registration, expiresAt: number): number {
  return draining ? expiresAt : expiresAt - leaseMs / 3;
}
