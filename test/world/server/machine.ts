/**
 * A process of a world: it has its own wall clock, timers and ears. It can be stopped for a while, as by SIGSTOP, and is
 * late for everything then; and killed, after which nothing of it ever happens again.
 */
import { createHash } from 'node:crypto';
import type { FakeRuntime } from 'binding-clerk/testing';
import type { Clock, Timer } from '../../../src/core/clock.js';
import type { Hashing } from '../../../src/wire/proof.js';
import type { Dice } from '../dice.js';

export class Machine implements Clock, Hashing {
  isAlive = true;
  wallAheadMs = 0;
  /** What `randomHex` gives first, so that somebody else may know it beforehand. */
  firstHex: string | undefined;
  #stops = 0;
  readonly #timers = new Set<Timer>();
  /** What was due while it was stopped, and what arrived. */
  readonly #overdue: (() => void)[] = [];
  readonly #arrived: (() => void)[] = [];

  constructor(
    readonly id: string,
    readonly world: FakeRuntime,
    readonly dice: Dice,
  ) {}

  get isStopped(): boolean {
    return this.#stops > 0;
  }

  now(): number {
    return this.world.now();
  }

  wallNow(): number {
    return this.world.wallNow() + this.wallAheadMs;
  }

  random(): number {
    return this.dice.unit();
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
        this.#overdue.push(fire);
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

  afterArrivals(callback: () => void): void {
    // What arrived while it was stopped stands before it in the queue of this instant.
    this.setTimer(callback, 0);
  }

  sha256(text: string): string {
    return createHash('sha256').update(text).digest('hex');
  }

  sameText(a: string, b: string): boolean {
    return a === b;
  }

  randomHex(bytes: number): string {
    const given = this.firstHex;
    this.firstHex = undefined;
    if (given !== undefined) return given;
    return Array.from({ length: bytes }, () => this.dice.int(0, 255).toString(16).padStart(2, '0')).join('');
  }

  /** Something arrives from outside. */
  deliver(action: () => void): void {
    if (!this.isAlive) return;
    if (this.isStopped) this.#arrived.push(action);
    else action();
  }

  stop(): void {
    this.#stops++;
  }

  /** What is overdue comes first, then what arrived meanwhile, as in any event loop. */
  goOn(): void {
    if (this.#stops === 0 || --this.#stops > 0) return;
    for (const fire of this.#overdue.splice(0)) this.world.setTimer(fire, 0);
    for (const action of this.#arrived.splice(0)) this.world.setTimer(() => this.deliver(action), 0);
  }

  kill(): void {
    this.isAlive = false;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#overdue.length = this.#arrived.length = 0;
  }
}

const noTimer: Timer = { cancel: () => undefined, setRef: () => undefined };
