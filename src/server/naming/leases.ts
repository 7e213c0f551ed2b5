import type { Registration } from './state/name-entry.js';

/**
 * Length of a slot, in ms. A slot contains the registrations that must be checked at about the same time. An expiry is
 * noticed up to one slot and one tick (`tickMs`) late.
 */
const slotMs = 250;
/**
 * Largest share of all leases that may expire at once before removals are throttled. If more leases expire at once, the
 * cause is probably the server or the network, not the services.
 */
const massExpiryShare = 0.15;
/**
 * Removals are throttled only when at least this many leases have expired. With few registrations, even two leases are
 * a large share.
 */
const massExpiryMin = 8;
/** Number of recent stalls of this process that are remembered to extend leases. */
const maxStalls = 64;

/**
 * The leases of all registrations. Expiry times use the monotonic clock, so a jump of the wall clock has no effect. A
 * renewal only stores the new expiry time. The expiry time is checked when the slot of the registration is due.
 *
 * If this process stalls for a third of a lease or longer, that lease is extended by the length of the stall. When many
 * leases expire at once, the removal of their registrations is throttled. A throttled registration is removed at the
 * latest when one more lease has passed after its expiry.
 *
 * @see [C5.2](../../../docs/guarantees.md#c5-2), [C5.4](../../../docs/guarantees.md#c5-4),
 *   [C5.5](../../../docs/guarantees.md#c5-5)
 */
export class Leases {
  readonly #slots = new Map<number, Registration[]>();
  /** Registrations that were not renewed for two thirds of their lease and have not expired. */
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

  /** Number of tracked registrations. */
  get size(): number {
    return this.#count;
  }

  /** Whether the removal of expired registrations is throttled, because too many leases expired at once. */
  get isThrottling(): boolean {
    return this.#isThrottling;
  }

  /**
   * Interval between two checks of the leases, in ms: an eighth of the shortest lease, but at least 125 ms and at most
   * 5 s.
   */
  get tickMs(): number {
    return Math.min(5_000, Math.max(125, this.#shortestLeaseMs / 8));
  }

  /** Tracks a registration until its `expiresAt`. Must be called again after every change of `expiresAt`. */
  track(registration: Registration): void {
    if (registration.leaseSlot === -1 && !this.#expired.delete(registration)) this.#count++;
    this.#shortestLeaseMs = Math.min(this.#shortestLeaseMs, registration.leaseMs);
    this.#overdue.delete(registration);
    const slot = Math.floor(overdueAt(registration, registration.expiresAt) / slotMs);
    // If the new slot is later than the current slot, `#processSlot` moves the registration when the current slot is
    // due.
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

  /**
   * Records a stall of this process that lasted `ms` and ended at `now`. Every lease that was running during the stall
   * and is at most three times as long as the stall is extended by `ms`.
   */
  creditStall(ms: number, now: number): void {
    this.#stalls.push({ endedAt: now, ms });
    if (this.#stalls.length > maxStalls) this.#stalls.shift();
  }

  /**
   * Returns the registrations to remove now. Later calls return a registration again until `release` or `track` is
   * called for the registration.
   */
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
   * Returns the registrations that became overdue since the last call. An overdue registration has missed two renewals.
   * Returns no registrations when too many are overdue at once, because then the server or the network is probably the
   * cause.
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
   * Returns the expired registrations that may be removed in this tick, oldest expiry first. Within the length of the
   * shortest lease, about `massExpiryShare` of all registrations may be removed. A registration that would otherwise
   * stay longer than one lease after its expiry is always returned.
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
    // Slots up to `#lastSlot` are not processed again, so the registration goes into a slot after `#lastSlot`.
    const at = Math.max(slot, this.#lastSlot + 1);
    registration.leaseSlot = at;
    const list = this.#slots.get(at);
    if (list === undefined) this.#slots.set(at, [registration]);
    else list.push(registration);
  }

  /** Returns the expiry time of a registration, extended by the stalls of this process since the last renewal. */
  #expiresAt({ expiresAt, leaseMs, draining }: Registration): number {
    if (draining) return expiresAt;
    let extended = expiresAt;
    for (const { endedAt, ms } of this.#stalls)
      if (endedAt > expiresAt - leaseMs && ms * 3 >= leaseMs) extended += ms;
    return extended;
  }
}

/**
 * Returns the time at which a registration is overdue: one third of its lease before `expiresAt`. A service renews
 * three times per lease, and has missed two renewals by then. A draining endpoint does not renew, so the time is the
 * end of its drain time.
 */
function overdueAt({ leaseMs, draining }: Registration, expiresAt: number): number {
  return draining ? expiresAt : expiresAt - leaseMs / 3;
}
