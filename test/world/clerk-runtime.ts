import { AsyncResource } from 'node:async_hooks';
import type { Runtime, Timer, TransportFactory } from 'binding-clerk/extend';
import type { FakeRuntime } from 'binding-clerk/testing';
import type { RandomStream } from './random-stream.js';

/** The runtime of one clerk: its own randomness and wall clock, and counts of its timers. */
export class ClerkRuntime implements Runtime {
  /** Number of pending timers. */
  pendingCount = 0;
  /** Number of pending timers that keep the process alive. */
  refCount = 0;
  wallOffsetMs = 0;
  wallShifted = false;

  constructor(
    readonly id: string,
    readonly runtime: FakeRuntime,
    readonly randomStream: RandomStream,
    readonly transport: TransportFactory,
  ) {}

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
    return `host of ${this.id}`;
  }

  hostAddresses(): readonly string[] {
    return [];
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    let set = true;
    let holds = true;
    const end = (): void => {
      if (!set) return;
      set = false;
      this.pendingCount--;
      if (holds) this.refCount--;
    };
    this.pendingCount++;
    this.refCount++;
    // Like a timer of Node, it runs in the async context that set it.
    const context = new AsyncResource('SIMULATED_TIMER');
    const timer = this.runtime.setTimer(() => {
      end();
      context.runInAsyncScope(callback);
    }, delayMs);
    return {
      cancel: () => {
        end();
        timer.cancel();
      },
      setRef: (ref) => {
        if (set && ref !== holds) {
          holds = ref;
          this.refCount += ref ? 1 : -1;
        }
        timer.setRef(ref);
      },
    };
  }

  afterPendingIo(callback: () => void): void {
    this.runtime.afterPendingIo(callback);
  }
}
