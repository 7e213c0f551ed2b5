import { createHash } from 'node:crypto';
import type { FakeRuntime } from 'binding-clerk/testing';
import type { Clock, Timer } from '../../../src/core/clock.js';
import type { Hashing } from '../../../src/protocol/launch-proof.js';
import type { RandomStream } from '../random-stream.js';

/**
 * A process with its own wall clock, timers and input. It can be paused, as by SIGSTOP, and handles everything late then. After
 * a kill, nothing of it runs again.
 */
export class SimulatedProcess implements Clock, Hashing {
  isAlive = true;
  wallOffsetMs = 0;
  /** The first result of `randomHex`, when a test must know it in advance. */
  nextRandomHex: string | undefined;
  #stops = 0;
  readonly #timers = new Set<Timer>();
  /** Timers that became due, and input that arrived, while it was paused. */
  readonly #overdueTimers: (() => void)[] = [];
  readonly #pendingInput: (() => void)[] = [];

  constructor(
    readonly id: string,
    readonly runtime: FakeRuntime,
    readonly randomStream: RandomStream,
    /** The process that started it, on the same host. Default: none. */
    readonly starter = id,
  ) {}

  get isStopped(): boolean {
    return this.#stops > 0;
  }

  now(): number {
    return this.runtime.now();
  }

  wallNow(): number {
    return this.runtime.wallNow() + this.wallOffsetMs;
  }

  random(): number {
    return this.randomStream.uniform();
  }

  hostname(): string {
    return this.id;
  }

  hostId(): string {
    return `host of ${this.starter}`;
  }

  hostAddresses(): readonly string[] {
    return [];
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    if (!this.isAlive) return noTimer;
    let isSet = true;
    const fire = (): void => {
      if (!isSet || !this.isAlive) return;
      if (this.isStopped) {
        this.#overdueTimers.push(fire);
        return;
      }
      isSet = false;
      this.#timers.delete(timer);
      callback();
    };
    const timer = this.runtime.setTimer(fire, delayMs);
    this.#timers.add(timer);
    return {
      cancel: () => {
        isSet = false;
        this.#timers.delete(timer);
        timer.cancel();
      },
      setRef: (ref) => timer.setRef(ref),
    };
  }

  afterPendingIo(callback: () => void): void {
    // Input that arrived during a pause is queued before it at this instant.
    this.setTimer(callback, 0);
  }

  sha256(text: string): string {
    return createHash('sha256').update(text).digest('hex');
  }

  timingSafeEqual(a: string, b: string): boolean {
    return a === b;
  }

  randomHex(bytes: number): string {
    const given = this.nextRandomHex;
    this.nextRandomHex = undefined;
    if (given !== undefined) return given;
    return Array.from({ length: bytes }, () =>
      this.randomStream.int(0, 255).toString(16).padStart(2, '0'),
    ).join('');
  }

  /** Delivers input from outside. */
  deliver(action: () => void): void {
    if (!this.isAlive) return;
    if (this.isStopped) this.#pendingInput.push(action);
    else action();
  }

  stop(): void {
    this.#stops++;
  }

  /** Overdue timers run first, then the input, as in Node's event loop. */
  resume(): void {
    if (this.#stops === 0 || --this.#stops > 0) return;
    for (const fire of this.#overdueTimers.splice(0)) this.runtime.setTimer(fire, 0);
    for (const action of this.#pendingInput.splice(0)) this.runtime.setTimer(() => this.deliver(action), 0);
  }

  kill(): void {
    this.isAlive = false;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#overdueTimers.length = this.#pendingInput.length = 0;
  }
}

const noTimer: Timer = { cancel: () => undefined, setRef: () => undefined };
