import type { Timer } from '../core/clock.js';
import type { Runtime } from '../core/runtime.js';
import type { TransportFactory } from '../core/transport.js';
import { settleMicrotasks } from '../runtime/settle-microtasks.js';
import { seededRandom } from './seeded-random.js';
import { TimerQueue, type QueuedTimer } from './timer-queue.js';

/** Options of {@link createFakeRuntime}. */
export interface FakeRuntimeOptions {
  /** Seed of all random numbers: an integer from 0 to 2^53 − 1. */
  readonly seed: number;
  /** Initial value of `now()`, in ms; ≥ 1. Default 1. */
  readonly startAt?: number;
  /** Initial value of `wallNow()`, in ms since 1970. Default 1,800,000,000,000 (January 2027). */
  readonly wallStartAt?: number;
  /** Value of `hostname()`. Default `fake-host`. */
  readonly hostname?: string;
  /** Creates the transport of a clerk. Default: a transport that throws when an endpoint is called. */
  readonly transport?: TransportFactory;
  /**
   * Whether time advances automatically while a timer that is not unref'd is pending. If so, a test can simply await
   * a call. Default false: time advances only when a method of {@link FakeRuntime} is called.
   */
  readonly autoAdvance?: boolean;
}

/**
 * A runtime in virtual time. The clock advances only when a test calls a method such as `advance` or when the option
 * `autoAdvance` is set. The clock jumps from timer to timer. Random numbers come from a seed. Two runs of the same
 * program with the same seed do the same things in the same order.
 *
 * Before the next timer runs, all promise jobs and `process.nextTick` callbacks run, including those that other jobs
 * and callbacks have added. Virtual time does not wait for the real timers and sockets of a program.
 */
export interface FakeRuntime extends Runtime {
  /**
   * Creates the transport of each clerk that uses this runtime. A clerk uses the function that is set when the clerk
   * is created.
   */
  transport: TransportFactory;
  /** Number of pending timers. */
  readonly pendingTimers: number;
  /**
   * Number of pending timers that are not unref'd: `setRef(false)` was not called, so the timer would keep a process
   * alive.
   */
  readonly refTimers: number;
  /**
   * Advances the clock and runs the due timers in order. The returned promise must be awaited before the next call.
   *
   * @param ms - time to advance by, in ms; finite, ≥ 0. With 0, the timers that are due now run.
   * @throws the error that a timer callback throws; the clock then stops at the time of that timer
   */
  advance(ms: number): Promise<void>;
  /**
   * Advances the clock until only unref'd timers, or none, are pending.
   *
   * @param limitMs - maximum virtual time to advance by, in ms. Default 3,600,000 (one hour).
   * @throws Error when `limitMs` have passed and a timer that is not unref'd is still pending
   */
  runUntilIdle(limitMs?: number): Promise<void>;
  /**
   * Advances the clock without running timers, like a blocked event loop. A timer whose time has passed meanwhile
   * runs late, during the next `advance`. Such timers run in order.
   *
   * @param ms - time to advance by, in ms; finite, ≥ 0
   */
  stall(ms: number): void;
  /**
   * Shifts the wall clock, as an operator or a time server may do. The monotonic clock does not change.
   *
   * @param ms - time to shift by, in ms; finite, may be negative
   */
  shiftWallClock(ms: number): void;
}

/**
 * Creates a runtime in virtual time.
 *
 * @example
 * ```ts
 * const runtime = createFakeRuntime({ seed: 7 });
 * runtime.setTimer(() => console.log('a minute is over'), 60_000);
 * await runtime.advance(60_000);
 * ```
 * @throws RangeError when `seed` or `startAt` is out of range.
 */
export function createFakeRuntime(options: FakeRuntimeOptions): FakeRuntime {
  return new VirtualTimeRuntime(options);
}

class VirtualTimeRuntime implements FakeRuntime {
  transport: TransportFactory;
  readonly random: () => number;
  readonly #queue = new TimerQueue();
  readonly #hostname: string;
  readonly #autoAdvance: boolean;
  #now: number;
  #wallOffset: number;
  #sequence = 0;
  #pendingCount = 0;
  #refCount = 0;
  #advancing = false;
  #autoAdvancing = false;

  constructor(options: FakeRuntimeOptions) {
    this.random = seededRandom(options.seed);
    this.#now = options.startAt ?? 1;
    // Time 0 is excluded, since lru-cache never expires an entry created at 0.
    if (!(this.#now >= 1 && this.#now < Infinity)) {
      throw new RangeError(`startAt must be a finite number of ms ≥ 1; got ${String(this.#now)}`);
    }
    this.#wallOffset = (options.wallStartAt ?? 1_800_000_000_000) - this.#now;
    this.#hostname = options.hostname ?? 'fake-host';
    this.#autoAdvance = options.autoAdvance ?? false;
    this.transport = options.transport ?? noTransport;
  }

  get pendingTimers(): number {
    return this.#pendingCount;
  }

  get refTimers(): number {
    return this.#refCount;
  }

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.#now + this.#wallOffset;
  }

  hostname(): string {
    return this.#hostname;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    let isPending = true;
    let isRef = true;
    const count = (pending: number, holding: number): void => {
      this.#pendingCount += pending;
      this.#refCount += holding;
    };
    const end = (): void => {
      isPending = false;
      count(-1, isRef ? -1 : 0);
    };
    const timer: QueuedTimer = {
      // A delay that is negative or not a number counts as 0.
      at: this.#now + (delayMs > 0 ? delayMs : 0),
      sequence: ++this.#sequence,
      cancelled: false,
      callback: () => {
        end();
        callback();
      },
    };
    count(1, 1);
    this.#queue.push(timer);
    this.#startAutoAdvance();
    return {
      cancel: () => {
        if (!isPending) return;
        end();
        this.#queue.cancel(timer);
      },
      setRef: (ref) => {
        if (!isPending || ref === isRef) return;
        isRef = ref;
        count(0, ref ? 1 : -1);
        if (ref) this.#startAutoAdvance();
      },
    };
  }

  afterPendingIo(callback: () => void): void {
    // Timers that are already due now run before the callback, since timers with equal times run in the order of creation.
    this.setTimer(callback, 0);
  }

  advance(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Infinity)) {
      return Promise.reject(new RangeError(`ms of advance() must be finite and ≥ 0; got ${String(ms)}`));
    }
    return this.#runUntil(this.#now + ms, () => true);
  }

  async runUntilIdle(limitMs = 3_600_000): Promise<void> {
    const until = this.#now + limitMs;
    await this.#runUntil(until, () => this.#refCount > 0);
    if (this.#refCount === 0) return;
    const timers = `${String(this.#refCount)} timers are still pending`;
    throw new Error(
      `${timers} after ${String(limitMs)} ms of virtual time; cancel or unref repeating timers`,
    );
  }

  stall(ms: number): void {
    if (!(ms >= 0 && ms < Infinity))
      throw new RangeError(`ms of stall() must be finite and ≥ 0; got ${String(ms)}`);
    this.#now += ms;
  }

  shiftWallClock(ms: number): void {
    if (!Number.isFinite(ms))
      throw new RangeError(`ms of shiftWallClock() must be finite; got ${String(ms)}`);
    this.#wallOffset += ms;
  }

  /**
   * Runs all timers that are due at `until` or earlier, then sets the clock to `until`. Ends before the next timer
   * when `shouldContinue` returns false; the clock then keeps the time of the last timer.
   */
  async #runUntil(until: number, shouldContinue: () => boolean): Promise<void> {
    if (this.#advancing)
      throw new Error(
        'Virtual time is already advancing; await the previous call of advance() or runUntilIdle()',
      );
    this.#advancing = true;
    try {
      await settleMicrotasks();
      for (;;) {
        if (!shouldContinue()) return;
        const next = this.#queue.peek();
        if (next === undefined || next.at > until) break;
        await this.#fireNext();
      }
      this.#now = Math.max(this.#now, until);
    } finally {
      this.#advancing = false;
      this.#startAutoAdvance();
    }
  }

  async #fireNext(): Promise<void> {
    const timer = this.#queue.pop() as QueuedTimer;
    this.#now = Math.max(this.#now, timer.at);
    timer.callback();
    await settleMicrotasks();
  }

  /**
   * With `autoAdvance`, starts to advance time if a timer that is not unref'd is pending. Does nothing while time
   * already advances.
   */
  #startAutoAdvance(): void {
    if (!this.#autoAdvance || this.#advancing || this.#autoAdvancing || this.#refCount === 0) return;
    this.#autoAdvancing = true;
    void this.#runAutoAdvance();
  }

  async #runAutoAdvance(): Promise<void> {
    try {
      await settleMicrotasks();
      // A call of `advance` or `runUntilIdle` ends this loop by setting `#advancing`. When that call is done, the
      // loop starts again.
      while (!this.#advancing && this.#refCount > 0) await this.#fireNext();
    } finally {
      this.#autoAdvancing = false;
    }
  }
}

const noTransport: TransportFactory = () => ({
  open(endpoint) {
    throw new Error(`The fake runtime needs a transport to reach ${endpoint.id}; set its transport option`);
  },
});
