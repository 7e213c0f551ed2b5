import type { Clock, Timer } from '../core/clock.js';
import type { Registry, Resolution, ResolveContext } from '../core/registry.js';
import { resolveFrom } from './composite.js';

/** A part without a response within this time counts as slow, and the next part is queried as well. */
const hedgeDelayMs = 500;
/** Maximum time for which a part counts as slow. During this time, lookups query the next part at once. */
const slowPartMs = 5_000;

/**
 * `earlier` has the results of the parts before the chosen part, or of all parts for an absent name. The element of a
 * failed or slow part is undefined.
 */
export interface OrderedResult {
  readonly resolution: Resolution;
  readonly earlier: readonly (Resolution | undefined)[];
}

type PartResult = { readonly resolution: Resolution } | { readonly error: unknown };

/**
 * Looks up names in several registries (parts) in order. The first part that has the name provides the result. A part
 * without a response within 500 ms counts as slow, and the next part is queried as well. For 5 s, or until the slow
 * part responds, lookups query the slow part and the next part together.
 */
export class OrderedLookup {
  readonly #parts: readonly Registry[];
  /** Per part, the time until which the part counts as slow. */
  readonly #slowUntil: number[];

  constructor(parts: readonly Registry[]) {
    this.#parts = parts;
    this.#slowUntil = parts.map(() => 0);
  }

  /** If no part has the name and a part has failed, rejects with the first failure. */
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
        const waiting = results.some((result, i) => result === undefined && !slow.has(i));
        if (part !== undefined && !waiting) start(next, part);
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      settled = true;
      signal.removeEventListener('abort', onAbort);
      for (const timer of timers) timer.cancel();
      if (results.includes(undefined)) controller.abort(new Error(`The lookup of ${name} has ended`));
    }
  }

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

  #decide(
    results: readonly (PartResult | undefined)[],
    slow: ReadonlySet<number>,
  ): OrderedResult | undefined {
    const earlier: (Resolution | undefined)[] = [];
    let failure: { readonly error: unknown } | undefined;
    for (const [i, result] of results.entries()) {
      if (result === undefined) {
        if (!slow.has(i)) return undefined;
        earlier.push(undefined);
      } else if ('error' in result) {
        failure ??= result;
        earlier.push(undefined);
      } else {
        if (result.resolution.kind !== 'absent') return { resolution: result.resolution, earlier };
        earlier.push(result.resolution);
      }
    }
    if (results.length < this.#parts.length || results.includes(undefined)) return undefined;
    if (failure) throw failure.error;
    return { resolution: earlier.at(-1) as Resolution, earlier };
  }
}
