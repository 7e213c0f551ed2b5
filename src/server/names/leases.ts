/**
 * Leases: until when each registration stands. They run on the monotonic clock, so no jump of the wall clock shortens
 * or lengthens one. A renewal only notes a later end; who has ended is looked for slot by slot. When this process itself
 * stood still for a third of a lease or longer, that time is credited; when many end at once, they go slowly, and the
 * last of them no later than one lease after its end.
 *
 * @see promises C5.2, C5.4, C5.5
 */
import type { Registration } from './place.js';

/** Width of a slot, in ms: how late an end may be noticed, besides the tick. */
const slotMs = 250;
/** Share of all registrations above which ends are no accident of single services, but ours or the network's. */
const massShare = 0.15;
/** In small fleets a few are always a large share; fewer than this are never braked. */
const massLeast = 8;
/** Stalls that are remembered. */
const mostStalls = 64;

/** Keeps account of leases; whoever owns it says what time it is. */
export class Leases {
  readonly #slots = new Map<number, Registration[]>();
  /** Not renewed for two thirds of their time, and not ended. */
  readonly #faltering = new Set<Registration>();
  /** Those of them that nobody has asked about yet. */
  #newlyFaltering: Registration[] = [];
  /** Ended, and still there. */
  readonly #late = new Set<Registration>();
  readonly #stalls: { readonly endedAt: number; readonly ms: number }[] = [];
  #passed = 0;
  #shortest = Infinity;
  #held = 0;
  #isBraking = false;

  /** Registrations under lease. */
  get size(): number {
    return this.#held;
  }

  /** Whether ends are slowed, since too many came at once. */
  get isBraking(): boolean {
    return this.#isBraking;
  }

  /** How often to look, in ms: an eighth of the shortest lease, from 125 ms to 5 s. */
  get tickMs(): number {
    return Math.min(5_000, Math.max(125, this.#shortest / 8));
  }

  /** Takes one in whose `endsAt` is set, or follows it there. */
  keep(registration: Registration): void {
    if (registration.slot === -1 && !this.#late.delete(registration)) this.#held++;
    this.#shortest = Math.min(this.#shortest, registration.leaseMs);
    this.#faltering.delete(registration);
    const slot = Math.floor(faltersAt(registration, registration.endsAt) / slotMs);
    // A later end is found when the earlier one is looked at.
    if (registration.slot === -1 || slot < registration.slot) this.#put(registration, slot);
  }

  /** Lets one go. */
  release(registration: Registration): void {
    if (registration.slot === -1 && !this.#late.delete(registration)) return;
    this.#faltering.delete(registration);
    registration.slot = -1;
    if (--this.#held > 0) return;
    this.#slots.clear();
    this.#shortest = Infinity;
    this.#isBraking = false;
  }

  /** The process stood still for so long, until now. Leases that are short beside that get the time back. */
  stalled(ms: number, now: number): void {
    this.#stalls.push({ endedAt: now, ms });
    if (this.#stalls.length > mostStalls) this.#stalls.shift();
  }

  /** Those that are to go now. They are asked for again until they are released or kept. */
  due(now: number): readonly Registration[] {
    this.#collect(now);
    const draining: Registration[] = [];
    const ended: Registration[] = [];
    for (const registration of this.#late) (registration.draining ? draining : ended).push(registration);
    if (ended.length === 0) this.#isBraking = false;
    else if (ended.length >= massLeast && ended.length > massShare * this.#held) this.#isBraking = true;
    return this.#isBraking ? [...draining, ...this.#braked(ended, now)] : [...draining, ...ended];
  }

  /**
   * Those of which `due` has found since this was asked last that they falter: two renewals are missing. None where there
   * are too many at once for that to be their doing.
   */
  faltered(): readonly Registration[] {
    const found = this.#newlyFaltering;
    if (found.length === 0) return found;
    this.#newlyFaltering = [];
    const count = this.#faltering.size;
    return count >= massLeast && count > massShare * this.#held ? [] : found;
  }

  /** Whether one has ended and was not renewed since. */
  hasEnded(registration: Registration): boolean {
    return this.#late.has(registration);
  }

  /** At most the share that would be no mass ending, over the time of one lease; and those that have had a second one. */
  #braked(ended: readonly Registration[], now: number): readonly Registration[] {
    const sooner = [...ended].sort((a, b) => a.endsAt - b.endsAt);
    const few = Math.max(1, Math.floor((massShare * this.#held * this.tickMs) / this.#shortest));
    return sooner.filter(
      (registration, index) =>
        index < few || this.#endOf(registration) + registration.leaseMs - this.tickMs <= now,
    );
  }

  #collect(now: number): void {
    const upTo = Math.floor(now / slotMs) - 1;
    if (upTo - this.#passed < this.#slots.size) {
      for (let slot = this.#passed + 1; slot <= upTo; slot++) this.#pass(slot, now);
    } else {
      for (const slot of [...this.#slots.keys()]) if (slot <= upTo) this.#pass(slot, now);
    }
    this.#passed = Math.max(this.#passed, upTo);
  }

  #pass(slot: number, now: number): void {
    const list = this.#slots.get(slot);
    if (list === undefined) return;
    this.#slots.delete(slot);
    for (const registration of list) {
      if (registration.slot !== slot) continue;
      const endsAt = this.#endOf(registration);
      const soonAt = faltersAt(registration, endsAt);
      if (soonAt > now) {
        this.#put(registration, Math.floor(soonAt / slotMs));
      } else if (endsAt > now) {
        this.#faltering.add(registration);
        this.#newlyFaltering.push(registration);
        this.#put(registration, Math.floor(endsAt / slotMs));
      } else {
        registration.slot = -1;
        this.#late.add(registration);
      }
    }
  }

  #put(registration: Registration, slot: number): void {
    // What is passed already is looked at next.
    const at = Math.max(slot, this.#passed + 1);
    registration.slot = at;
    const list = this.#slots.get(at);
    if (list === undefined) this.#slots.set(at, [registration]);
    else list.push(registration);
  }

  /** With what is credited for stalls since it was last renewed. */
  #endOf({ endsAt, leaseMs, draining }: Registration): number {
    if (draining) return endsAt;
    let end = endsAt;
    for (const { endedAt, ms } of this.#stalls)
      if (endedAt > endsAt - leaseMs && ms * 3 >= leaseMs) end += ms;
    return end;
  }
}

/** When one has missed two renewals, of which a service sends three a lease. One that drains renews nothing. */
function faltersAt({ leaseMs, draining }: Registration, endsAt: number): number {
  return draining ? endsAt : endsAt - leaseMs / 3;
}
