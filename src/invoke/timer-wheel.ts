/**
 * One timer for all deadlines of a clerk. Setting and clearing one costs a list operation; the real timer is set once
 * for the earliest of them, and for a while after anything was set never for later than a pulse: by how late that rings it
 * shows when this process stood still. The process is kept alive while anything is set, and not a moment longer.
 *
 * Nothing expires before everything that had already arrived was handled, so a process that was busy itself blames
 * nobody for its own delay.
 */
import type { Clock, Timer } from '../core/clock.js';
import { StallTracker } from './stall-tracker.js';

/** Something with a deadline. The wheel owns the three fields. */
export interface TimerEntry {
  /** When it expires, on the clock's scale; 0 while it is not set. */
  expiresAt: number;
  /** Neighbour in its slot. */
  previous: TimerEntry | undefined;
  /** Neighbour in its slot. */
  next: TimerEntry | undefined;
  /** Called once when the time has come, with the current time; the entry is not set any more then. */
  expire(now: number): void;
  /** Called instead when everything ends at once: settle now, with this error. */
  abort(error: Error): void;
}

const tickMs = 4;
const slotCount = 512;
/** Longest time between two looks at whether this process stands still, in ms. */
const stallCheckMs = 20;
/** Then it is not looked any more until something is set: attempts are not limited for longer, and long waits cost nothing. */
const maxStallChecks = 64;

class SlotHead implements TimerEntry {
  expiresAt = 0;
  previous: TimerEntry | undefined = this;
  next: TimerEntry | undefined = this;
  expire(): void {
    // Never set, so never due.
  }
  abort(): void {
    // Never set, so never cut.
  }
}

/** A hashed timing wheel: 512 slots of 4 ms; entries further away than a turn are passed over until their turn. */
export class TimerWheel {
  /** When this process did not get to its own work. */
  readonly stalls = new StallTracker();
  readonly #clock: Clock;
  readonly #slots: TimerEntry[] = [];
  #size = 0;
  #processedTick: number;
  #timer: Timer | undefined;
  /** When it rings. */
  #timerDueAt = Infinity;
  /** When something may be due next. */
  #nextDueAt = Infinity;
  /** Since something was set. */
  #stallChecks = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    for (let i = 0; i < slotCount; i++) this.#slots.push(new SlotHead());
    this.#processedTick = Math.floor(clock.now() / tickMs);
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
  set(entry: TimerEntry, at: number): void {
    if (entry.expiresAt === 0) {
      this.#size++;
      if (this.#size === 1) this.#timer?.setRef(true);
    } else {
      unlink(entry);
    }
    // 0 is for what is not set.
    entry.expiresAt = at > 0 ? at : Number.MIN_VALUE;
    const tick = Math.max(Math.ceil(at / tickMs), this.#processedTick + 1);
    const head = this.#slots[tick & (slotCount - 1)] as TimerEntry;
    const last = head.previous as TimerEntry;
    entry.previous = last;
    entry.next = head;
    last.next = entry;
    head.previous = entry;
    if (tick * tickMs < this.#nextDueAt) this.#nextDueAt = tick * tickMs;
    const isPaused = this.#stallChecks >= maxStallChecks;
    this.#stallChecks = 0;
    if (this.#nextDueAt < this.#timerDueAt || isPaused) this.#arm();
  }

  /** Clears an entry; no harm if it is not set. */
  clear(entry: TimerEntry): void {
    if (entry.expiresAt === 0) return;
    unlink(entry);
    entry.expiresAt = 0;
    this.#size--;
    if (this.#size === 0) this.#timer?.setRef(false);
  }

  /** Resolves in `ms`, when `stop` is called, or when everything ends at once. */
  sleep(ms: number, onStarted: (stop: () => void) => void = () => undefined): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => resolve();
      const entry = { expiresAt: 0, previous: undefined, next: undefined, expire: end, abort: end };
      this.set(entry, this.#clock.now() + ms);
      onStarted(() => {
        this.clear(entry);
        resolve();
      });
    });
  }

  /** Settles everything that is set with an error, and forgets the timer. */
  abortAll(error: Error): void {
    for (const head of this.#slots) {
      for (let entry = head.next as TimerEntry; entry !== head; entry = head.next as TimerEntry) {
        this.clear(entry);
        entry.abort(error);
      }
    }
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerDueAt = this.#nextDueAt = Infinity;
  }

  /** Only while something is set, so the new timer keeps the process alive. */
  #arm(): void {
    const now = this.#clock.now();
    if (this.#timer) this.stalls.record(this.#timerDueAt, now);
    this.#timer?.cancel();
    const stallCheckAt = this.#stallChecks < maxStallChecks ? now + stallCheckMs : Infinity;
    this.#timerDueAt = Math.max(now, Math.min(this.#nextDueAt, stallCheckAt));
    this.#timer = this.#clock.setTimer(this.#onTimer, this.#timerDueAt - now);
  }

  readonly #onTimer = (): void => {
    const now = this.#clock.now();
    this.stalls.record(this.#timerDueAt, now);
    this.#timer = undefined;
    this.#timerDueAt = Infinity;
    this.#stallChecks++;
    if (this.#size === 0) {
      this.#nextDueAt = Infinity;
      return;
    }
    // The soonest entry may be gone: then only the timer moves on, and nothing has to wait for arrivals.
    if (this.#nextDueAt <= now) this.#nextDueAt = this.#nextOccupiedTick() * tickMs;
    if (this.#nextDueAt > now) {
      this.#arm();
      return;
    }
    this.#nextDueAt = Infinity;
    this.#clock.afterPendingIo(this.#expireDue);
  };

  readonly #expireDue = (): void => {
    const now = this.#clock.now();
    const until = Math.floor(now / tickMs);
    let tick = Math.max(this.#processedTick + 1, until - slotCount + 1);
    this.#processedTick = Math.max(this.#processedTick, until);
    try {
      for (; tick <= until; tick++) this.#expireSlot(tick & (slotCount - 1), now);
    } finally {
      // If one of them threw, the others are not late for it.
      if (tick <= until) this.#processedTick = tick - 1;
      if (this.#size > 0) {
        this.#nextDueAt = Math.min(this.#nextDueAt, this.#nextOccupiedTick() * tickMs);
        if (this.#nextDueAt < this.#timerDueAt) this.#arm();
      }
    }
  };

  #expireSlot(slot: number, now: number): void {
    const head = this.#slots[slot] as TimerEntry;
    // Those due are taken out first: expiring one may set or clear others, in this slot too.
    const due: TimerEntry[] = [];
    for (let entry = head.next as TimerEntry; entry !== head; entry = entry.next as TimerEntry) {
      if (entry.expiresAt <= now) due.push(entry);
    }
    for (const entry of due) {
      if (entry.expiresAt === 0 || entry.expiresAt > now) continue;
      this.clear(entry);
      entry.expire(now);
    }
  }

  /** Tick of the first slot that holds anything; at most a turn away, where an entry further off is looked at again. */
  #nextOccupiedTick(): number {
    for (let tick = this.#processedTick + 1; tick <= this.#processedTick + slotCount; tick++) {
      const head = this.#slots[tick & (slotCount - 1)] as TimerEntry;
      if (head.next !== head) return tick;
    }
    return this.#processedTick + slotCount;
  }
}

function unlink(entry: TimerEntry): void {
  (entry.previous as TimerEntry).next = entry.next;
  (entry.next as TimerEntry).previous = entry.previous;
  entry.previous = undefined;
  entry.next = undefined;
}
