/**
 * A runtime in virtual time: the clock moves only when it is told to, and jumps from timer to timer; chance comes from
 * a seed. Two runs of one program with one seed do the same things in the same order.
 *
 * Between two timers everything that is ready runs: promise jobs, `process.nextTick` and what they bring about.
 * What a program does with real timers or real sockets is outside virtual time and is not waited for.
 */
import type { Timer } from '../core/clock.js';
import type { Runtime } from '../core/runtime.js';
import type { TransportFactory } from '../core/transport.js';
import { settleMicrotasks } from '../runtime/settle-microtasks.js';
import { seededRandom } from './seeded-random.js';
import { TimerQueue, type QueuedTimer } from './timer-queue.js';

/** What a fake runtime is made with. */
export interface FakeRuntimeOptions {
  /** Seed of all chance: an integer from 0 to 2^53 − 1. @see {@link seededRandom} (sfc32) */
  readonly seed: number;
  /** What `now()` says at first, in ms; ≥ 1. Default 1. */
  readonly startAt?: number;
  /** What `wallNow()` says at first, in ms since 1970. Default 1,800,000,000,000 (January 2027). */
  readonly wallStartAt?: number;
  /** What `hostname()` says. Default `fake-host`. */
  readonly hostname?: string;
  /** What opens connections. Default: nothing can be reached. */
  readonly transport?: TransportFactory;
  /**
   * Whether time flows by itself, as fast as it can, while a timer is pending that keeps a process alive: a test may
   * then simply await a call. Default false: time stands still between {@link FakeRuntime.advance} and the next.
   */
  readonly autoAdvance?: boolean;
}

/** A runtime in virtual time. */
export interface FakeRuntime extends Runtime {
  /** What opens connections; may be replaced before a clerk is made. */
  transport: TransportFactory;
  /** Timers that are set and have not fired. */
  readonly pendingTimers: number;
  /** Those of them that keep a process alive. */
  readonly refTimers: number;
  /**
   * Moves the clock on, and runs what becomes due on the way, in order. Must be awaited before the next one.
   *
   * @param ms - finite, ≥ 0; 0 runs what is due now
   * @throws what a timer's callback throws; the clock stays at that instant
   */
  advance(ms: number): Promise<void>;
  /**
   * Moves the clock on until no timer is pending that would keep a process alive.
   *
   * @param limitMs - gives up after that much virtual time. Default 3,600,000 (an hour).
   * @throws Error when the limit is reached first
   */
  runUntilIdle(limitMs?: number): Promise<void>;
  /**
   * Moves the clock on without running anything, as when the process is busy: what became due runs late, in order, with
   * the next advance.
   *
   * @param ms - finite, ≥ 0
   */
  stall(ms: number): void;
  /**
   * Moves the wall clock alone, as an operator or a time server does.
   *
   * @param ms - finite; may be negative
   */
  shiftWallClock(ms: number): void;
}

/**
 * Makes a fake runtime.
 *
 * @example
 * ```ts
 * const runtime = createFakeRuntime({ seed: 7 });
 * runtime.setTimer(() => console.log('a minute is over'), 60_000);
 * await runtime.advance(60_000);
 * ```
 * @throws RangeError for a seed or a start that it cannot use
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
    // 0 is "for ever" to caches that take a clock from outside.
    if (!(this.#now >= 1 && this.#now < Infinity)) {
      throw new RangeError(`startAt is ${String(this.#now)}; it must be a finite number of ms ≥ 1`);
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
      // A delay that is no number fires at once, as Node's does.
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
    // Whatever is due at this instant was set before, and so comes before.
    this.setTimer(callback, 0);
  }

  advance(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Infinity)) {
      return Promise.reject(new RangeError(`advance needs a finite number of ms ≥ 0, not ${String(ms)}`));
    }
    return this.#runUntil(this.#now + ms, () => true);
  }

  async runUntilIdle(limitMs = 3_600_000): Promise<void> {
    const until = this.#now + limitMs;
    await this.#runUntil(until, () => this.#refCount > 0);
    if (this.#refCount === 0) return;
    const timers = `${String(this.#refCount)} timers are still pending`;
    throw new Error(
      `${timers} after ${String(limitMs)} ms of virtual time; cancel or unref what repeats for ever`,
    );
  }

  stall(ms: number): void {
    if (!(ms >= 0 && ms < Infinity))
      throw new RangeError(`stall needs a finite number of ms ≥ 0, not ${String(ms)}`);
    this.#now += ms;
  }

  shiftWallClock(ms: number): void {
    if (!Number.isFinite(ms)) throw new RangeError(`jumpWall needs a finite number of ms, not ${String(ms)}`);
    this.#wallOffset += ms;
  }

  /** Runs timers up to an instant, and arrives there, unless there was no reason to go on. */
  async #runUntil(until: number, shouldContinue: () => boolean): Promise<void> {
    if (this.#advancing) throw new Error('Time is moving already; await the advance before the next one');
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

  /** Lets time flow by itself, if it is to, from when the program has nothing else to do. */
  #startAutoAdvance(): void {
    if (!this.#autoAdvance || this.#advancing || this.#autoAdvancing || this.#refCount === 0) return;
    this.#autoAdvancing = true;
    void this.#runAutoAdvance();
  }

  async #runAutoAdvance(): Promise<void> {
    try {
      await settleMicrotasks();
      // An advance that began in the meantime does the work, and calls for this again when it is done.
      while (!this.#advancing && this.#refCount > 0) await this.#fireNext();
    } finally {
      this.#autoAdvancing = false;
    }
  }
}

const noTransport: TransportFactory = () => ({
  open(endpoint) {
    throw new Error(`The fake runtime has no transport to reach ${endpoint.id}; give it one`);
  },
});
