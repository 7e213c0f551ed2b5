/**
 * Asks several registries one after the other, and waits for none longer than it takes to see that it hangs: then the
 * next is asked beside it. An answer that comes once another was given is nobody's any more; whoever is still being asked
 * then is told to stop. What hangs is not waited for again for a while.
 */
import type { Clock, Timer } from '../core/clock.js';
import type { Registry, Resolution, ResolveContext } from '../core/registry.js';
import { resolveFrom } from './composite.js';

/** How long one is waited for before the next is asked too, in ms. */
const hedgeDelayMs = 500;
/** For how long one that hung is asked and not waited for, in ms. */
const slowPartMs = 5_000;

/** What was found, and what those before it said: undefined for one that failed or hangs. */
export interface OrderedResult {
  readonly resolution: Resolution;
  readonly earlier: readonly (Resolution | undefined)[];
}

/** What one of them has said. */
type PartResult = { readonly resolution: Resolution } | { readonly error: unknown };

/** See the file's header. */
export class OrderedLookup {
  readonly #parts: readonly Registry[];
  /** Until when each is not waited for, on the clock of whoever asks. */
  readonly #slowUntil: number[];

  constructor(parts: readonly Registry[]) {
    this.#parts = parts;
    this.#slowUntil = parts.map(() => 0);
  }

  /**
   * The first that knows the name, or the last that is sure not to. Rejects with the first failure when nobody knows it
   * and not all are sure; waits for those that hang when only they could know.
   */
  async resolve(name: string, context: ResolveContext): Promise<OrderedResult> {
    const { clock, signal } = context;
    const controller = new AbortController();
    const results: (PartResult | undefined)[] = [];
    const slow = new Set<number>();
    const timers: Timer[] = [];
    let wake = (): void => undefined;
    let settled = false;
    const onAbort = (): void => {
      controller.abort(signal.reason);
      wake();
    };
    const start = (i: number, part: Registry): void => {
      results[i] = undefined;
      if (clock && i < this.#parts.length - 1) this.#startHedgeTimer(i, clock, slow, timers, () => wake());
      const record = (result: PartResult): void => {
        if (settled) return;
        results[i] = result;
        this.#slowUntil[i] = 0;
        wake();
      };
      resolveFrom(part, name, { ...context, signal: controller.signal }).then(
        (resolution) => record({ resolution }),
        (error: unknown) => record({ error }),
      );
    };
    signal.addEventListener('abort', onAbort);
    try {
      for (;;) {
        signal.throwIfAborted();
        const found = this.#decide(results, slow);
        if (found !== undefined) return found;
        const next = results.length;
        const part = this.#parts[next];
        const waiting = results.some((what, i) => what === undefined && !slow.has(i));
        if (part !== undefined && !waiting) start(next, part);
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      settled = true;
      signal.removeEventListener('abort', onAbort);
      for (const timer of timers) timer.cancel();
      if (results.includes(undefined)) controller.abort(new Error(`Nobody waits for ${name} any more`));
    }
  }

  /** Says when one is late. */
  #startHedgeTimer(i: number, clock: Clock, slow: Set<number>, timers: Timer[], onSlow: () => void): void {
    if (clock.now() < (this.#slowUntil[i] ?? 0)) {
      slow.add(i);
      return;
    }
    const timer = clock.setTimer(() => {
      slow.add(i);
      this.#slowUntil[i] = clock.now() + slowPartMs;
      onSlow();
    }, hedgeDelayMs);
    timer.setRef(false);
    timers.push(timer);
  }

  /** What can be said so far; undefined while nothing can. */
  #decide(
    results: readonly (PartResult | undefined)[],
    slow: ReadonlySet<number>,
  ): OrderedResult | undefined {
    const earlier: (Resolution | undefined)[] = [];
    let failure: { readonly error: unknown } | undefined;
    for (const [i, what] of results.entries()) {
      if (what === undefined) {
        if (!slow.has(i)) return undefined;
        earlier.push(undefined);
      } else if ('error' in what) {
        failure ??= what;
        earlier.push(undefined);
      } else {
        if (what.resolution.kind !== 'absent') return { resolution: what.resolution, earlier };
        earlier.push(what.resolution);
      }
    }
    if (results.length < this.#parts.length || results.includes(undefined)) return undefined;
    if (failure) throw failure.error;
    return { resolution: earlier.at(-1) as Resolution, earlier };
  }
}
