/**
 * A process of a world: it has its own wall clock, timers and ears. It can be stopped for a while, as by SIGSTOP, and is
 * late for everything then; and killed, after which nothing of it ever happens again.
 */
import { createHash } from 'node:crypto';
import type { FakeRuntime } from 'binding-clerk/testing';
import type { Clock, Timer } from '../../../src/core/clock.js';
import type { Hashing } from '../../../src/protocol/launch-proof.js';
import type { RandomStream } from '../random-stream.js';

export class SimulatedProcess implements Clock, Hashing {
  isAlive = true;
  wallOffsetMs = 0;
  /** What `randomHex` gives first, so that somebody else may know it beforehand. */
  nextRandomHex: string | undefined;
  #stops = 0;
  readonly #timers = new Set<Timer>();
  /** What was due while it was stopped, and what arrived. */
  readonly #overdueTimers: (() => void)[] = [];
  readonly #pendingInput: (() => void)[] = [];

  constructor(
    readonly id: string,
    readonly world: FakeRuntime,
    readonly randomStream: RandomStream,
  ) {}

  get isStopped(): boolean {
    return this.#stops > 0;
  }

  now(): number {
    return this.world.now();
  }

  wallNow(): number {
    return this.world.wallNow() + this.wallOffsetMs;
  }

  random(): number {
    return this.randomStream.uniform();
  }

  hostname(): string {
    return this.id;
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
    const timer = this.world.setTimer(fire, delayMs);
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
    // What arrived while it was stopped stands before it in the queue of this instant.
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

  /** Something arrives from outside. */
  deliver(action: () => void): void {
    if (!this.isAlive) return;
    if (this.isStopped) this.#pendingInput.push(action);
    else action();
  }

  stop(): void {
    this.#stops++;
  }

  /** What is overdue comes first, then what arrived meanwhile, as in any event loop. */
  resume(): void {
    if (this.#stops === 0 || --this.#stops > 0) return;
    for (const fire of this.#overdueTimers.splice(0)) this.world.setTimer(fire, 0);
    for (const action of this.#pendingInput.splice(0)) this.world.setTimer(() => this.deliver(action), 0);
  }

  kill(): void {
    this.isAlive = false;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#overdueTimers.length = this.#pendingInput.length = 0;
  }
}

const noTimer: Timer = { cancel: () => undefined, setRef: () => undefined };
