import type { Clock } from './clock.js';

/** Maximum cost of the work in one slice, after which the event loop continues. A cost of 1 is about 1 µs. */
export const maxSliceCost = 2_000;

/**
 * Runs long work in slices, between which the event loop handles other work. The steps of all callers share these
 * slices in the order of arrival. Many callers together therefore block the event loop no longer than one caller.
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

  /** Resolves when the caller may do work with the cost of one slice. */
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
    // Steps that were added during this slice run after all steps that were added before.
    if (done < steps.length) this.#waiting = [...steps.slice(done), ...this.#waiting];
    if (this.#waiting.length > 0) this.#schedule();
  }
}

export interface ConsistentWork<T> {
  /** Starts the work, which yields the cost of each of its parts. */
  readonly start: () => Iterator<number, T>;
  /**
   * Returns the version of the data that the work reads. When the version changes, the parts done so far are invalid.
   */
  readonly version: () => number;
}

const maxAttempts = 3;

/**
 * Does work in slices. Restarts the work when the version changes. Resolves to undefined if the version changes during
 * each of three attempts.
 */
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
