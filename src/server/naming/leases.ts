/**
 * Leases: until when each registration stands. They run on the monotonic clock, so no jump of the wall clock shortens
 * or lengthens one. A renewal only notes a later end; who has ended is looked for slot by slot. When this process itself
 * stood still for a third of a lease or longer, that time is credited; when many end at once, they go slowly, and the
 * last of them no later than one lease after its end.
 *
 * @see promises C5.2, C5.4, C5.5
 */
import type { Registration } from './state/name-entry.js';

/** Width of a slot, in ms: how late an end may be noticed, besides the tick. */
const slotMs = 250;
/** Share of all registrations above which ends are no accident of single services, but ours or the network's. */
const massExpiryShare = 0.15;
/** In small fleets a few are always a large share; fewer than this are never braked. */
const massExpiryMin = 8;
/** Stalls that are remembered. */
const maxStalls = 64;

/** Keeps account of leases; whoever owns it says what time it is. */
export class Leases {
  readonly #slots = new Map<number, Registration[]>();
  /** Not renewed for two thirds of their time, and not ended. */
  readonly #overdue = new Set<Registration>();
  /** Those of them that nobody has asked about yet. */
  #newlyOverdue: Registration[] = [];
  /** Ended, and still there. */
  readonly #expired = new Set<Registration>();
  readonly #stalls: { readonly endedAt: number; readonly ms: number }[] = [];
  #lastSlot = 0;
  #shortestLeaseMs = Infinity;
  #count = 0;
  #isThrottling = false;

  /** Registrations under lease. */
  get size(): number {
    return this.#count;
  }

  /** Whether ends are slowed, since too many came at once. */
  get isThrottling(): boolean {
    return this.#isThrottling;
  }

  /** How often to look, in ms: an eighth of the shortest lease, from 125 ms to 5 s. */
  get tickMs(): number {
    return Math.min(5_000, Math.max(125, this.#shortestLeaseMs / 8));
  }

  /** Takes one in whose `endsAt` is set, or follows it there. */
  track(registration: Registration): void {
    if (registration.leaseSlot === -1 && !this.#expired.delete(registration)) this.#count++;
    this.#shortestLeaseMs = Math.min(this.#shortestLeaseMs, registration.leaseMs);
    this.#overdue.delete(registration);
    const slot = Math.floor(overdueAt(registration, registration.expiresAt) / slotMs);
    // A later end is found when the earlier one is looked at.
    if (registration.leaseSlot === -1 || slot < registration.leaseSlot) this.#addToSlot(registration, slot);
  }

  /** Lets one go. */
  release(registration: Registration): void {
    if (registration.leaseSlot === -1 && !this.#expired.delete(registration)) return;
    this.#overdue.delete(registration);
    registration.leaseSlot = -1;
    if (--this.#count > 0) return;
    this.#slots.clear();
    this.#shortestLeaseMs = Infinity;
    this.#isThrottling = false;
  }

  /** The process stood still for so long, until now. Leases that are short beside that get the time back. */
  creditStall(ms: number, now: number): void {
    this.#stalls.push({ endedAt: now, ms });
    if (this.#stalls.length > maxStalls) this.#stalls.shift();
  }

  /** Those that are to go now. They are asked for again until they are released or kept. */
  takeExpired(now: number): readonly Registration[] {
    this.#advance(now);
    const draining: Registration[] = [];
    const ended: Registration[] = [];
    for (const registration of this.#expired) (registration.draining ? draining : ended).push(registration);
    if (ended.length === 0) this.#isThrottling = false;
    else if (ended.length >= massExpiryMin && ended.length > massExpiryShare * this.#count)
      this.#isThrottling = true;
    return this.#isThrottling ? [...draining, ...this.#throttle(ended, now)] : [...draining, ...ended];
  }

  /**
   * Those of which `due` has found since this was asked last that they falter: two renewals are missing. None where there
   * are too many at once for that to be their doing.
   */
  takeOverdue(): readonly Registration[] {
    const found = this.#newlyOverdue;
    if (found.length === 0) return found;
    this.#newlyOverdue = [];
    const count = this.#overdue.size;
    return count >= massExpiryMin && count > massExpiryShare * this.#count ? [] : found;
  }

  /** Whether one has ended and was not renewed since. */
  hasExpired(registration: Registration): boolean {
    return this.#expired.has(registration);
  }

  /** At most the share that would be no mass ending, over the time of one lease; and those that have had a second one. */
  #throttle(ended: readonly Registration[], now: number): readonly Registration[] {
    const sooner = [...ended].sort((a, b) => a.expiresAt - b.expiresAt);
    const few = Math.max(
      1,
      Math.floor((massExpiryShare * this.#count * this.tickMs) / this.#shortestLeaseMs),
    );
    return sooner.filter(
      (registration, index) =>
        index < few || this.#expiresAt(registration) + registration.leaseMs - this.tickMs <= now,
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
      const endsAt = this.#expiresAt(registration);
      const soonAt = overdueAt(registration, endsAt);
      if (soonAt > now) {
        this.#addToSlot(registration, Math.floor(soonAt / slotMs));
      } else if (endsAt > now) {
        this.#overdue.add(registration);
        this.#newlyOverdue.push(registration);
        this.#addToSlot(registration, Math.floor(endsAt / slotMs));
      } else {
        registration.leaseSlot = -1;
        this.#expired.add(registration);
      }
    }
  }

  #addToSlot(registration: Registration, slot: number): void {
    // What is passed already is looked at next.
    const at = Math.max(slot, this.#lastSlot + 1);
    registration.leaseSlot = at;
    const list = this.#slots.get(at);
    if (list === undefined) this.#slots.set(at, [registration]);
    else list.push(registration);
  }

  /** With what is credited for stalls since it was last renewed. */
  #expiresAt({ expiresAt, leaseMs, draining }: Registration): number {
    if (draining) return expiresAt;
    let end = expiresAt;
    for (const { endedAt, ms } of this.#stalls)
      if (endedAt > expiresAt - leaseMs && ms * 3 >= leaseMs) end += ms;
    return end;
  }
}

/** When one has missed two renewals, of which a service sends three a lease. One that drains renews nothing. */
function overdueAt({ leaseMs, draining }: Registration, expiresAt: number): number {
  return draining ? expiresAt : expiresAt - leaseMs / 3;
}
