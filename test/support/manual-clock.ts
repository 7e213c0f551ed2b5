import type { Clock, Timer } from '../../src/core/clock.js';
import { seededRandom } from '../../src/testing/seeded-random.js';

interface PendingTimer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
  ref: boolean;
}

/**
 * A clock that advances only by hand: timers run synchronously inside `advance`, in order. For code whose steps are checked one
 * by one. Where promises must run between two timers, use the fake runtime of `binding-clerk/testing`.
 */
export class ManualClock implements Clock {
  readonly random: () => number;
  /** Whether `afterPendingIo` callbacks run as soon as the timers of an instant have run. */
  runsPendingIoAtOnce = true;
  #now: number;
  #wall = 1_800_000_000_000;
  #order = 0;
  readonly #timers = new Set<PendingTimer>();
  readonly #pendingIo: (() => void)[] = [];

  constructor({ seed = 1, startAt = 1_000 }: { seed?: number; startAt?: number } = {}) {
    this.random = seededRandom(seed);
    this.#now = startAt;
  }

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.#wall;
  }

  hostname(): string {
    return 'here';
  }

  hostId(): undefined {
    return undefined;
  }

  hostAddresses(): readonly string[] {
    return [];
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = { at: this.#now + Math.max(0, delayMs), order: this.#order++, callback, ref: true };
    this.#timers.add(timer);
    return {
      cancel: () => void this.#timers.delete(timer),
      setRef: (ref) => {
        timer.ref = ref;
      },
    };
  }

  afterPendingIo(callback: () => void): void {
    this.#pendingIo.push(callback);
  }

  /** Runs the `afterPendingIo` callbacks. */
  runPendingIo(): void {
    for (const callback of this.#pendingIo.splice(0)) callback();
  }

  /** Advances both clocks and runs the timers that become due. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      if (this.runsPendingIoAtOnce) this.runPendingIo();
      const next = this.#next();
      if (next === undefined || next.at > until) break;
      this.#timers.delete(next);
      this.#move(next.at);
      next.callback();
    }
    this.#move(until);
  }

  /** Advances both clocks without running timers, like a blocked event loop. */
  stall(ms: number): void {
    this.#move(this.#now + ms);
  }

  /** Shifts only the wall clock. */
  shiftWallClock(ms: number): void {
    this.#wall += ms;
  }

  /** Number of pending timers and `afterPendingIo` callbacks. */
  get pending(): number {
    return this.#timers.size + this.#pendingIo.length;
  }

  /** Whether any of them keeps the process alive. */
  get hasRefTimers(): boolean {
    return this.#pendingIo.length > 0 || [...this.#timers].some(({ ref }) => ref);
  }

  /** When the next timer is due; Infinity without one. */
  get nextAt(): number {
    return this.#next()?.at ?? Infinity;
  }

  #next(): PendingTimer | undefined {
    let first: PendingTimer | undefined;
    for (const timer of this.#timers)
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
        first = timer;
    return first;
  }

  #move(to: number): void {
    this.#wall += Math.max(0, to - this.#now);
    this.#now = Math.max(this.#now, to);
  }
}

/** Runs promise jobs, several times. */
export async function flushPromises(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
