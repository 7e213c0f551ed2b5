/**
 * One timer for all deadlines of a clerk. Setting and clearing one costs a list operation; the real timer is set once
 * for the earliest of them, and for a while after anything was set never for later than a pulse: by how late that rings it
 * shows when this process stood still. The process is kept alive while anything is set, and not a moment longer.
 *
 * Nothing expires before everything that had already arrived was handled, so a process that was busy itself blames
 * nobody for its own delay.
 */
import type { Clock, Timer } from '../core/clock.js';
import { OwnLag } from './own-lag.js';

/** Something with a deadline. The wheel owns the three fields. */
export interface WheelEntry {
  /** When it expires, on the clock's scale; 0 while it is not set. */
  expiresAt: number;
  /** Neighbour in its slot. */
  previous: WheelEntry | undefined;
  /** Neighbour in its slot. */
  next: WheelEntry | undefined;
  /** Called once when the time has come, with the current time; the entry is not set any more then. */
  expire(now: number): void;
  /** Called instead when everything ends at once: settle now, with this error. */
  cut(error: Error): void;
}

const tickMs = 4;
const slots = 512;
/** Longest time between two looks at whether this process stands still, in ms. */
const pulseMs = 20;
/** Then it is not looked any more until something is set: attempts are not limited for longer, and long waits cost nothing. */
const mostPulses = 64;

class Sentinel implements WheelEntry {
  expiresAt = 0;
  previous: WheelEntry | undefined = this;
  next: WheelEntry | undefined = this;
  expire(): void {
    // Never set, so never due.
  }
  cut(): void {
    // Never set, so never cut.
  }
}

/** A hashed timing wheel: 512 slots of 4 ms; entries further away than a turn are passed over until their turn. */
export class Wheel {
  /** When this process did not get to its own work. */
  readonly lag = new OwnLag();
  readonly #clock: Clock;
  readonly #slots: WheelEntry[] = [];
  #size = 0;
  #turnedTo: number;
  #timer: Timer | undefined;
  /** When it rings. */
  #timerAt = Infinity;
  /** When something may be due next. */
  #dueAt = Infinity;
  /** Since something was set. */
  #pulses = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    for (let i = 0; i < slots; i++) this.#slots.push(new Sentinel());
    this.#turnedTo = Math.floor(clock.now() / tickMs);
  }

  /** Number of entries that are set. */
  get size(): number {
    return this.#size;
  }

  /**
   * Sets an entry, or sets it anew. An instant that has passed expires with the next turn, never synchronously.
   *
   * @param entry - what to call
   * @param at - when, on the clock's scale; expires within one tick after it
   */
  set(entry: WheelEntry, at: number): void {
    if (entry.expiresAt === 0) {
      this.#size++;
      if (this.#size === 1) this.#timer?.setRef(true);
    } else {
      unlink(entry);
    }
    // 0 is for what is not set.
    entry.expiresAt = at > 0 ? at : Number.MIN_VALUE;
    const tick = Math.max(Math.ceil(at / tickMs), this.#turnedTo + 1);
    const head = this.#slots[tick & (slots - 1)] as WheelEntry;
    const last = head.previous as WheelEntry;
    entry.previous = last;
    entry.next = head;
    last.next = entry;
    head.previous = entry;
    if (tick * tickMs < this.#dueAt) this.#dueAt = tick * tickMs;
    const isResting = this.#pulses >= mostPulses;
    this.#pulses = 0;
    if (this.#dueAt < this.#timerAt || isResting) this.#arm();
  }

  /** Clears an entry; no harm if it is not set. */
  clear(entry: WheelEntry): void {
    if (entry.expiresAt === 0) return;
    unlink(entry);
    entry.expiresAt = 0;
    this.#size--;
    if (this.#size === 0) this.#timer?.setRef(false);
  }

  /** Resolves in `ms`, when `stop` is called, or when everything ends at once. */
  pause(ms: number, onStop: (stop: () => void) => void = () => undefined): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => resolve();
      const entry = { expiresAt: 0, previous: undefined, next: undefined, expire: end, cut: end };
      this.set(entry, this.#clock.now() + ms);
      onStop(() => {
        this.clear(entry);
        resolve();
      });
    });
  }

  /** Settles everything that is set with an error, and forgets the timer. */
  stop(error: Error): void {
    for (const head of this.#slots) {
      for (let entry = head.next as WheelEntry; entry !== head; entry = head.next as WheelEntry) {
        this.clear(entry);
        entry.cut(error);
      }
    }
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = this.#dueAt = Infinity;
  }

  /** Only while something is set, so the new timer keeps the process alive. */
  #arm(): void {
    const now = this.#clock.now();
    if (this.#timer) this.lag.note(this.#timerAt, now);
    this.#timer?.cancel();
    const pulseAt = this.#pulses < mostPulses ? now + pulseMs : Infinity;
    this.#timerAt = Math.max(now, Math.min(this.#dueAt, pulseAt));
    this.#timer = this.#clock.setTimer(this.#ring, this.#timerAt - now);
  }

  readonly #ring = (): void => {
    const now = this.#clock.now();
    this.lag.note(this.#timerAt, now);
    this.#timer = undefined;
    this.#timerAt = Infinity;
    this.#pulses++;
    if (this.#size === 0) {
      this.#dueAt = Infinity;
      return;
    }
    // The soonest entry may be gone: then only the timer moves on, and nothing has to wait for arrivals.
    if (this.#dueAt <= now) this.#dueAt = this.#nextTick() * tickMs;
    if (this.#dueAt > now) {
      this.#arm();
      return;
    }
    this.#dueAt = Infinity;
    this.#clock.afterArrivals(this.#turn);
  };

  readonly #turn = (): void => {
    const now = this.#clock.now();
    const until = Math.floor(now / tickMs);
    let tick = Math.max(this.#turnedTo + 1, until - slots + 1);
    this.#turnedTo = Math.max(this.#turnedTo, until);
    try {
      for (; tick <= until; tick++) this.#empty(tick & (slots - 1), now);
    } finally {
      // If one of them threw, the others are not late for it.
      if (tick <= until) this.#turnedTo = tick - 1;
      if (this.#size > 0) {
        this.#dueAt = Math.min(this.#dueAt, this.#nextTick() * tickMs);
        if (this.#dueAt < this.#timerAt) this.#arm();
      }
    }
  };

  #empty(slot: number, now: number): void {
    const head = this.#slots[slot] as WheelEntry;
    // Those due are taken out first: expiring one may set or clear others, in this slot too.
    const due: WheelEntry[] = [];
    for (let entry = head.next as WheelEntry; entry !== head; entry = entry.next as WheelEntry) {
      if (entry.expiresAt <= now) due.push(entry);
    }
    for (const entry of due) {
      if (entry.expiresAt === 0 || entry.expiresAt > now) continue;
      this.clear(entry);
      entry.expire(now);
    }
  }

  /** Tick of the first slot that holds anything; at most a turn away, where an entry further off is looked at again. */
  #nextTick(): number {
    for (let tick = this.#turnedTo + 1; tick <= this.#turnedTo + slots; tick++) {
      const head = this.#slots[tick & (slots - 1)] as WheelEntry;
      if (head.next !== head) return tick;
    }
    return this.#turnedTo + slots;
  }
}

function unlink(entry: WheelEntry): void {
  (entry.previous as WheelEntry).next = entry.next;
  (entry.next as WheelEntry).previous = entry.previous;
  entry.previous = undefined;
  entry.next = undefined;
}
