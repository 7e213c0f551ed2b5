/** The runtime of one clerk in a world: its own chance and wall clock, and a count of what it leaves behind. */
import type { Runtime, Timer, TransportFactory } from 'binding-clerk';
import type { FakeRuntime } from 'binding-clerk/testing';
import type { Dice } from './dice.js';

export class ClerkRuntime implements Runtime {
  /** Timers that are set and have not fired. */
  pending = 0;
  /** Those of them that would keep a process alive. */
  holding = 0;
  wallAheadMs = 0;
  jumped = false;

  constructor(
    readonly id: string,
    readonly world: FakeRuntime,
    readonly dice: Dice,
    readonly transport: TransportFactory,
  ) {}

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
    let set = true;
    let holds = true;
    const end = (): void => {
      if (!set) return;
      set = false;
      this.pending--;
      if (holds) this.holding--;
    };
    this.pending++;
    this.holding++;
    const timer = this.world.setTimer(() => {
      end();
      callback();
    }, delayMs);
    return {
      cancel: () => {
        end();
        timer.cancel();
      },
      setRef: (ref) => {
        if (set && ref !== holds) {
          holds = ref;
          this.holding += ref ? 1 : -1;
        }
        timer.setRef(ref);
      },
    };
  }

  afterArrivals(callback: () => void): void {
    this.world.afterArrivals(callback);
  }
}
