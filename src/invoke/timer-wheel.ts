import type { Clock, Timer } from '../core/clock.js';
import { StallTracker } from './stall-tracker.js';

/** Only the wheel writes `expiresAt`, `previous` and `next`. */
export interface TimerEntry {
  /** 0 while the entry is not set. */
  expiresAt: number;
  previous: TimerEntry | undefined;
  next: TimerEntry | undefined;
  expire(now: number): void;
  /** Called by {@link TimerWheel.abortAll} in place of `expire`. If the entry is a call, it must end with `error`. */
  abort(error: Error): void;
}

const tickMs = 4;
const slotCount = 512;
/** Interval of the timers that detect stalls. */
const stallCheckMs = 20;
/**
 * Maximum number of stall checks after the last `set`: 64 × 20 ms = 1,280 ms, which is longer than most attempt
 * timeouts.
 */
const maxStallChecks = 64;
/** A timer that is overdue by more than this time, in ms, counts as a fake timer of a test runner. It never fires. */
const lostTimerMs = 1_000;

class SlotHead implements TimerEntry {
  expiresAt = 0;
  previous: TimerEntry | undefined = this;
  next: TimerEntry | undefined = this;
  expire(): void {
    // A list head is never due.
  }
  abort(): void {
    // A list head is never set.
  }
}

/**
 * One timer for all deadlines of a clerk: a hashed timing wheel. Setting and clearing an entry take constant time.
 * The timer keeps the process alive only while an entry is set. Responses that have already arrived are processed
 * before any entry expires. A busy process therefore does not end a call whose response was not read yet.
 * @see [Varghese and Lauck, "Hashed and Hierarchical Timing Wheels"](https://doi.org/10.1145/41457.37504)
 */
export class TimerWheel {
  readonly stalls = new StallTracker();
  readonly #clock: Clock;
  readonly #slots: TimerEntry[] = [];
  #size = 0;
  #processedTick: number;
  #timer: Timer | undefined;
  #timerDueAt = Infinity;
  #nextDueAt = Infinity;
  #stallChecks = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    for (let i = 0; i < slotCount; i++) this.#slots.push(new SlotHead());
    this.#processedTick = Math.floor(clock.now() / tickMs);
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Sets or resets an entry. The entry never expires synchronously.
   * @param at - time of the clock; the entry expires up to 4 ms later, or at the end of a stall of the process
   */
  set(entry: TimerEntry, at: number): void {
    if (entry.expiresAt === 0) {
      this.#size++;
      if (this.#size === 1) this.#timer?.setRef(true);
    } else {
      unlink(entry);
    }
    // 0 marks an entry that is not set, so a due time of 0 becomes the smallest positive number.
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
    // The first comparison saves reading the clock in most calls.
    const isLost = at - this.#timerDueAt > lostTimerMs && this.#clock.now() - this.#timerDueAt > lostTimerMs;
    if (this.#nextDueAt < this.#timerDueAt || isPaused || isLost) this.#arm();
  }

  clear(entry: TimerEntry): void {
    if (entry.expiresAt === 0) return;
    unlink(entry);
    entry.expiresAt = 0;
    this.#size--;
    if (this.#size === 0) this.#timer?.setRef(false);
  }

  sleep(ms: number, onStarted: (cancel: () => void) => void = () => undefined): Promise<void> {
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

  abortAll(error: Error): void {
    for (const head of this.#slots) {
      for (let entry = head.next as TimerEntry; entry !== head; entry = head.next as TimerEntry) {
        this.clear(entry);
        try {
          entry.abort(error);
        } catch (thrown) {
          // A handler of the program threw. The loop continues, so that all other entries are aborted too.
          queueMicrotask(() => {
            throw thrown;
          });
        }
      }
    }
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerDueAt = this.#nextDueAt = Infinity;
  }

  /** Called while an entry is set, so the new timer may keep the process alive. */
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
    // The entry for which the timer was set may have been cleared, so find the next entry.
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
      // If `expire` of an entry threw, the next tick processes the other entries.
      if (tick <= until) this.#processedTick = tick - 1;
      if (this.#size > 0) {
        this.#nextDueAt = Math.min(this.#nextDueAt, this.#nextOccupiedTick() * tickMs);
        if (this.#nextDueAt < this.#timerDueAt) this.#arm();
      }
    }
  };

  #expireSlot(slot: number, now: number): void {
    const head = this.#slots[slot] as TimerEntry;
    // `expire` of one entry may set or clear other entries of this slot, so due entries are collected first.
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
