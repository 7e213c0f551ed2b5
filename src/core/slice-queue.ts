import type { Clock } from './clock.js';

/** Greatest cost of the work between two visits of the event loop. A cost of 1 is about a microsecond. */
export const maxSliceCost = 2_000;

/**
 * Runs long work in slices, between which the event loop handles other work. All work of one queue shares the slices:
 * each waiting step gets its turn, so that many callers together hold the event loop no longer than one.
 */
export class SliceQueue {
  readonly #clock: Pick<Clock, 'afterPendingIo'>;
  #waiting: (() => number)[] = [];
  #isScheduled = false;

  constructor(clock: Pick<Clock, 'afterPendingIo'>) {
    this.#clock = clock;
  }

  /** @param step - does a part of the work, and returns its cost; never throws */
  add(step: () => number): void {
    this.#waiting.push(step);
    this.#schedule();
  }

  /** Runs work that yields the cost of each of its parts; the work never throws. */
  run(work: Iterator<number>): void {
    this.add(() => {
      let cost = 0;
      while (cost < maxSliceCost) {
        const part = work.next();
        if (part.done === true) return cost;
        cost += part.value;
      }
      this.run(work);
      return cost;
    });
  }

  /** Resolves when the caller may do work of one slice. */
  turn(): Promise<void> {
    return new Promise((resolve) =>
      this.add(() => {
        resolve();
        return maxSliceCost;
      }),
    );
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.afterPendingIo(() => this.#run());
  }

  #run(): void {
    this.#isScheduled = false;
    const steps = this.#waiting;
    this.#waiting = [];
    let done = 0;
    for (let cost = 0; done < steps.length && cost < maxSliceCost; done++)
      cost += (steps[done] as () => number)();
    // Steps that were added meanwhile wait for those that had no turn yet.
    if (done < steps.length) this.#waiting = [...steps.slice(done), ...this.#waiting];
    if (this.#waiting.length > 0) this.#schedule();
  }
}

export interface ConsistentWork<T> {
  /** Starts the work, which yields the cost of each of its parts. */
  readonly start: () => Iterator<number, T>;
  /** A changed number means that the parts done so far do not belong to those that follow. */
  readonly version: () => number;
}

const maxAttempts = 3;

/** Does work in slices. Starts again after a change of the version. Returns undefined if that happens three times. */
export async function resultInSlices<T>(
  queue: SliceQueue,
  { start, version }: ConsistentWork<T>,
): Promise<T | undefined> {
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const startedAt = version();
    const work = start();
    let cost = 0;
    while (version() === startedAt) {
      const part = work.next();
      if (part.done === true) return part.value;
      cost += part.value;
      if (cost < maxSliceCost) continue;
      cost = 0;
      await queue.turn();
    }
  }
  return undefined;
}

/** Does all parts of the work at once. */
export function resultAtOnce<T>(work: Iterator<number, T>): T {
  for (;;) {
    const part = work.next();
    if (part.done === true) return part.value;
  }
}
