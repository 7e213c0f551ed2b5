import { isMassExpiry, throttledRemovals } from './mass-expiry.js';
import type { Registration } from './state/name-entry.js';

/** Duration of a slot, in ms. Registrations that become due in the same slot are checked together. */
const slotMs = 250;
const maxStalls = 64;

/**
 * The leases of all registrations, on the monotonic clock. A renewal only stores the new expiry time. A registration
 * moves to its new slot when its old slot is due, so renewals are cheap.
 *
 * A stall of this process extends every lease that is at most three times as long as the stall. When many leases
 * expire at once, removals are throttled. Throttling delays a removal by at most one lease duration.
 *
 * @see [C5.2](../../../docs/guarantees.md#c5-2), [C5.4](../../../docs/guarantees.md#c5-4),
 * [C5.5](../../../docs/guarantees.md#c5-5)
 */
export class Leases {
  readonly #slots = new Map<number, Registration[]>();
  readonly #overdue = new Set<Registration>();
  #newlyOverdue: Registration[] = [];
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

  /** Must be called after every change of `expiresAt`. */
  track(registration: Registration): void {
    if (registration.leaseSlot === -1 && !this.#expired.delete(registration)) this.#count++;
    this.#shortestLeaseMs = Math.min(this.#shortestLeaseMs, registration.leaseMs);
    this.#overdue.delete(registration);
    const slot = Math.floor(overdueAt(registration, registration.expiresAt) / slotMs);
    // A later slot is set by `#processSlot` when the current slot is due.
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

  /**
   * Extends every running lease that is at most three times as long as the stall.
   *
   * @param now - end of the stall
   */
  creditStall(ms: number, now: number): void {
    this.#stalls.push({ endedAt: now, ms });
    if (this.#stalls.length > maxStalls) this.#stalls.shift();
  }

  /** Returns the registrations to remove. Returns the same ones again until `release` or `track` is called for them. */
  collectExpired(now: number): readonly Registration[] {
    this.#advance(now);
    const draining: Registration[] = [];
    const expired: Registration[] = [];
    for (const registration of this.#expired) (registration.draining ? draining : expired).push(registration);
    if (expired.length === 0) this.#isThrottling = false;
    else if (isMassExpiry(expired.length, this.#count)) this.#isThrottling = true;
    if (!this.#isThrottling) return [...draining, ...expired];
    const removed = throttledRemovals(expired, {
      total: this.#count,
      shortestLeaseMs: this.#shortestLeaseMs,
      tickMs: this.tickMs,
      now,
      expiresAt: (registration) => this.#expiresAt(registration),
    });
    return [...draining, ...removed];
  }

  /**
   * Returns the registrations whose renewal became overdue since the last call. Returns none if many are overdue at
   * once, because the cause is then probably the server or the network.
   */
  takeOverdue(): readonly Registration[] {
    const found = this.#newlyOverdue;
    if (found.length === 0) return found;
    this.#newlyOverdue = [];
    return isMassExpiry(this.#overdue.size, this.#count) ? [] : found;
  }

  hasExpired(registration: Registration): boolean {
    return this.#expired.has(registration);
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
    // Slots up to `#lastSlot` are not processed again, so the next slot is the earliest possible one.
    const at = Math.max(slot, this.#lastSlot + 1);
    registration.leaseSlot = at;
    const list = this.#slots.get(at);
    if (list === undefined) this.#slots.set(at, [registration]);
    else list.push(registration);
  }

  /**
   * Returns the expiry time, extended by each stall since the last renewal that lasted at least a third of the lease.
   */
  #expiresAt({ expiresAt, leaseMs, draining }: Registration): number {
    if (draining) return expiresAt;
    let extended = expiresAt;
    for (const { endedAt, ms } of this.#stalls)
      if (endedAt > expiresAt - leaseMs && ms * 3 >= leaseMs) extended += ms;
    return extended;
  }
}

/**
 * A renewal is overdue one third of the lease before the expiry. A draining endpoint does not renew, so its renewal
 * is overdue at the expiry.
 */
function overdueAt({ leaseMs, draining }: Registration, expiresAt: number): number {
  return draining ? expiresAt : expiresAt - leaseMs / 3;
}
