import type { Timer } from '../core/clock.js';
import { describeValue } from '../core/describe-value.js';
import { configError } from '../core/errors.js';
import { isObject } from '../core/is-object.js';
import type { Runtime } from '../core/runtime.js';
import type { TransportFactory } from '../core/transport.js';
import { settleMicrotasks } from '../runtime/settle-microtasks.js';
import { seededRandom } from './seeded-random.js';
import { TimerQueue, type QueuedTimer } from './timer-queue.js';

/** Options of {@link createFakeRuntime}. */
export interface FakeRuntimeOptions {
  /** Seed of all random numbers: an integer from 0 to 2^53 − 1. */
  readonly seed: number;
  /** Initial `now()`, in ms; ≥ 1. Default 1. */
  readonly startAt?: number;
  /** Initial `wallNow()`, in ms since 1970. Default 1,800,000,000,000 (January 2027). */
  readonly wallStartAt?: number;
  /** Value of `hostname()`. Default `fake-host`. */
  readonly hostname?: string;
  /** Value of `hostId()`. Default: undefined, so that host names are compared in place of host ids. */
  readonly hostId?: string;
  /** Initial value of `hostAddresses()`. Default: none. */
  readonly hostAddresses?: readonly string[];
  /** Creates the transport of a clerk. Default: a transport that throws when an endpoint is called. */
  readonly transport?: TransportFactory;
  /**
   * Whether time advances automatically while a referenced timer is pending. A test can then await a call without
   * `advance`. Default false.
   */
  readonly autoAdvance?: boolean;
}

/**
 * A runtime in virtual time, whose clock jumps from timer to timer. Two runs of a program with the same seed do the
 * same things in the same order. All promise jobs and `process.nextTick` callbacks run before each timer callback.
 * Virtual time does not wait for real timers and sockets.
 */
export interface FakeRuntime extends Runtime {
  /** Transport factory of clerks that are created later. */
  transport: TransportFactory;
  /** Sets the value of `hostAddresses()`, as when an interface gets another address. */
  setHostAddresses(addresses: readonly string[]): void;
  /** Number of pending timers. */
  readonly pendingTimers: number;
  /** Number of pending timers without `unref`. On a real runtime, these timers keep the process alive. */
  readonly refTimers: number;
  /**
   * Advances the clock by `ms` (finite, ≥ 0), and runs the due timers in order. Await the promise before the next
   * call of `advance` or `runUntilIdle`.
   *
   * @throws the error of a timer callback; the clock then stops at the time of the timer
   */
  advance(ms: number): Promise<void>;
  /**
   * Advances the clock until all pending timers are unref'd.
   *
   * @param limitMs - maximum virtual time to advance, in ms; default 3,600,000 (one hour)
   * @throws Error when a referenced timer is still pending after `limitMs` of virtual time
   */
  runUntilIdle(limitMs?: number): Promise<void>;
  /** Advances the clock by `ms` (finite, ≥ 0) without running timers, like a blocked event loop. */
  stall(ms: number): void;
  /** Shifts the wall clock by `ms` (finite, possibly negative). The monotonic clock does not change. */
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
 * @throws ClerkError `CONFIG_INVALID` when `seed` or `startAt` is out of range.
 */
export function createFakeRuntime(options: FakeRuntimeOptions): FakeRuntime {
  if (!isObject(options))
    throw configError(
      `options of createFakeRuntime() must be an object such as { seed: 7 }; got ${describeValue(options)}`,
    );
  return new VirtualTimeRuntime(options);
}

class VirtualTimeRuntime implements FakeRuntime {
  transport: TransportFactory;
  readonly random: () => number;
  readonly #queue = new TimerQueue();
  readonly #hostname: string;
  readonly #hostId: string | undefined;
  #hostAddresses: readonly string[];
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
    // Time 0 is excluded, because lru-cache never expires an entry created at 0.
    checkMs('startAt', this.#now, 1);
    this.#wallOffset = (options.wallStartAt ?? 1_800_000_000_000) - this.#now;
    this.#hostname = options.hostname ?? 'fake-host';
    this.#hostId = options.hostId;
    this.#hostAddresses = options.hostAddresses ?? [];
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

  hostId(): string | undefined {
    return this.#hostId;
  }

  hostAddresses(): readonly string[] {
    return this.#hostAddresses;
  }

  setHostAddresses(addresses: readonly string[]): void {
    this.#hostAddresses = addresses;
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
    // Timers that are already due run before `callback`, because timers with equal times run in the order of
    // creation.
    this.setTimer(callback, 0);
  }

  async advance(ms: number): Promise<void> {
    checkMs('ms of advance()', ms, 0);
    await this.#runUntil(this.#now + ms, () => true);
  }

  async runUntilIdle(limitMs = 3_600_000): Promise<void> {
    const until = this.#now + limitMs;
    await this.#runUntil(until, () => this.#refCount > 0);
    if (this.#refCount > 0)
      throw new Error(
        `${String(this.#refCount)} timers are still pending after ${String(limitMs)} ms of virtual time; cancel or unref repeating timers`,
      );
  }

  stall(ms: number): void {
    checkMs('ms of stall()', ms, 0);
    this.#now += ms;
  }

  shiftWallClock(ms: number): void {
    if (!Number.isFinite(ms)) throw configError(`ms of shiftWallClock() must be finite; got ${String(ms)}`);
    this.#wallOffset += ms;
  }

  /**
   * Runs the timers that are due until `until`, and then sets the clock to `until`. Stops early when `shouldContinue`
   * returns false.
   */
  async #runUntil(until: number, shouldContinue: () => boolean): Promise<void> {
    if (this.#advancing)
      throw new Error(
        'Virtual time is already advancing; await the previous call of advance() or runUntilIdle()',
      );
    this.#advancing = true;
    try {
      await settleMicrotasks();
      while ((this.#queue.peek()?.at ?? Infinity) <= until && shouldContinue()) await this.#fireNext();
      if (shouldContinue()) this.#now = Math.max(this.#now, until);
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

  #startAutoAdvance(): void {
    if (!this.#autoAdvance || this.#advancing || this.#autoAdvancing || this.#refCount === 0) return;
    this.#autoAdvancing = true;
    void this.#runAutoAdvance();
  }

  async #runAutoAdvance(): Promise<void> {
    try {
      await settleMicrotasks();
      // A call of `advance` or `runUntilIdle` ends this loop. When that call has finished, it starts the loop again.
      while (!this.#advancing && this.#refCount > 0) await this.#fireNext();
    } finally {
      this.#autoAdvancing = false;
    }
  }
}

function checkMs(what: string, ms: number, min: number): void {
  if (!(ms >= min && ms < Infinity))
    throw configError(`${what} must be finite and ≥ ${String(min)}; got ${String(ms)}`);
}

const noTransport: TransportFactory = () => ({
  open(endpoint) {
    throw new Error(
      `The fake runtime needs a transport to reach ${endpoint.id}; set the option 'transport' of the fake runtime`,
    );
  },
});
