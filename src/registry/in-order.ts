/**
 * Asks several registries one after the other, and waits for none longer than it takes to see that it hangs: then the
 * next is asked beside it. An answer that comes once another was given is nobody's any more; whoever is still being asked
 * then is told to stop. What hangs is not waited for again for a while.
 */
import type { Clock, Timer } from '../core/clock.js';
import type { Registry, Resolution, ResolveContext } from '../core/registry.js';
import { ask } from './several.js';

/** How long one is waited for before the next is asked too, in ms. */
const patienceMs = 500;
/** For how long one that hung is asked and not waited for, in ms. */
const spareMs = 5_000;

/** What was found, and what those before it said: undefined for one that failed or hangs. */
export interface Found {
  readonly resolution: Resolution;
  readonly passed: readonly (Resolution | undefined)[];
}

/** What one of them has said. */
type Said = { readonly resolution: Resolution } | { readonly error: unknown };

/** See the file's header. */
export class InOrder {
  readonly #parts: readonly Registry[];
  /** Until when each is not waited for, on the clock of whoever asks. */
  readonly #sparedUntil: number[];

  constructor(parts: readonly Registry[]) {
    this.#parts = parts;
    this.#sparedUntil = parts.map(() => 0);
  }

  /**
   * The first that knows the name, or the last that is sure not to. Rejects with the first failure when nobody knows it
   * and not all are sure; waits for those that hang when only they could know.
   */
  async resolve(name: string, context: ResolveContext): Promise<Found> {
    const { clock, signal } = context;
    const controller = new AbortController();
    const said: (Said | undefined)[] = [];
    const late = new Set<number>();
    const timers: Timer[] = [];
    let wake = (): void => undefined;
    let over = false;
    const onAbort = (): void => {
      controller.abort(signal.reason);
      wake();
    };
    const begin = (i: number, part: Registry): void => {
      said[i] = undefined;
      if (clock && i < this.#parts.length - 1) this.#watchOver(i, clock, late, timers, () => wake());
      const hear = (what: Said): void => {
        if (over) return;
        said[i] = what;
        this.#sparedUntil[i] = 0;
        wake();
      };
      ask(part, name, { ...context, signal: controller.signal }).then(
        (resolution) => hear({ resolution }),
        (error: unknown) => hear({ error }),
      );
    };
    signal.addEventListener('abort', onAbort);
    try {
      for (;;) {
        signal.throwIfAborted();
        const found = this.#verdict(said, late);
        if (found !== undefined) return found;
        const next = said.length;
        const part = this.#parts[next];
        const waiting = said.some((what, i) => what === undefined && !late.has(i));
        if (part !== undefined && !waiting) begin(next, part);
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      over = true;
      signal.removeEventListener('abort', onAbort);
      for (const timer of timers) timer.cancel();
      if (said.includes(undefined)) controller.abort(new Error(`Nobody waits for ${name} any more`));
    }
  }

  /** Says when one is late. */
  #watchOver(i: number, clock: Clock, late: Set<number>, timers: Timer[], onLate: () => void): void {
    if (clock.now() < (this.#sparedUntil[i] ?? 0)) {
      late.add(i);
      return;
    }
    const timer = clock.setTimer(() => {
      late.add(i);
      this.#sparedUntil[i] = clock.now() + spareMs;
      onLate();
    }, patienceMs);
    timer.setRef(false);
    timers.push(timer);
  }

  /** What can be said so far; undefined while nothing can. */
  #verdict(said: readonly (Said | undefined)[], late: ReadonlySet<number>): Found | undefined {
    const passed: (Resolution | undefined)[] = [];
    let failure: { readonly error: unknown } | undefined;
    for (const [i, what] of said.entries()) {
      if (what === undefined) {
        if (!late.has(i)) return undefined;
        passed.push(undefined);
      } else if ('error' in what) {
        failure ??= what;
        passed.push(undefined);
      } else {
        if (what.resolution.kind !== 'absent') return { resolution: what.resolution, passed };
        passed.push(what.resolution);
      }
    }
    if (said.length < this.#parts.length || said.includes(undefined)) return undefined;
    if (failure) throw failure.error;
    return { resolution: passed.at(-1) as Resolution, passed };
  }
}
