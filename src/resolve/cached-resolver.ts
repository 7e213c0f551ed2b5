/**
 * Remembers answers until their time runs out. An answer is a hint: handed out unchecked, dropped by the first caller
 * that finds it wrong. Concurrent look-ups of one name share a flight, and a caller that gives up leaves it running.
 * Errors are never remembered.
 *
 * @see promises C1.1, C1.5
 */
import type { ResolvedService, Resolver } from '../core/resolution-result.js';
import type { Clock } from '../core/clock.js';
import type { EventSink } from '../core/events.js';
import { createResolutionCache, type ResolutionCache } from './lru-cache.js';

/** What remembering needs. */
export interface CachedResolverOptions {
  readonly clock: Clock;
  readonly reporter: EventSink;
  /** Most names that are remembered. */
  readonly maxNames: number;
}

/** Shortest time between two look-ups of a name that were forced by failures, in ms. */
const minForcedIntervalMs = 100;

/** See the file's header. */
export class CachedResolver implements Resolver {
  readonly #inner: Resolver;
  readonly #options: CachedResolverOptions;
  readonly #cache: ResolutionCache;
  readonly #inFlight = new Map<string, Promise<ResolvedService>>();
  readonly #lastForcedAt = new Map<string, number>();

  constructor(inner: Resolver, options: CachedResolverOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#cache = createResolutionCache(options.clock, options.maxNames);
  }

  /** What is remembered, at once. */
  peek(name: string): ResolvedService | undefined {
    return this.#cache.get(name);
  }

  resolve(
    name: string,
    context: { readonly suspects: ReadonlySet<string> } = { suspects: new Set() },
  ): Promise<ResolvedService> {
    const cached = this.#cache.get(name);
    return cached === undefined ? this.#lookup(name, context) : Promise.resolve(cached);
  }

  /** Asks the registry although the answer's time has not run out; joins a look-up that is under way. */
  refresh(name: string, suspects: ReadonlySet<string>): Promise<ResolvedService> {
    const now = this.#options.clock.now();
    const cached = this.#cache.get(name);
    if (suspects.size > 0 && !this.#inFlight.has(name)) {
      if (cached && now - (this.#lastForcedAt.get(name) ?? -Infinity) < minForcedIntervalMs)
        return Promise.resolve(cached);
      this.#recordForced(name, now);
    }
    return this.#lookup(name, { suspects });
  }

  /** Takes over an answer that came by another way. */
  put(resolved: ResolvedService): void {
    this.#cache.set(resolved);
  }

  /** Forgets a name. */
  forget(name: string): void {
    this.#cache.delete(name);
    this.#lastForcedAt.delete(name);
  }

  /** Number of names remembered. */
  get size(): number {
    return this.#cache.size;
  }

  #recordForced(name: string, now: number): void {
    if (this.#lastForcedAt.size >= this.#options.maxNames) {
      for (const [other, at] of this.#lastForcedAt)
        if (now - at >= minForcedIntervalMs) this.#lastForcedAt.delete(other);
    }
    this.#lastForcedAt.set(name, now);
  }

  #lookup(name: string, context: { readonly suspects: ReadonlySet<string> }): Promise<ResolvedService> {
    let lookup = this.#inFlight.get(name);
    if (lookup === undefined) {
      const { clock, reporter } = this.#options;
      const sentAt = clock.now();
      lookup = this.#inner.resolve(name, context).then(
        (answer) => {
          this.#inFlight.delete(name);
          // The same as before is no answer to this question: the registry could not be asked.
          const isNew = !answer.stale && answer !== this.#cache.get(name);
          this.#cache.set(answer);
          if (isNew && reporter.hasListeners('resolved'))
            reporter.emit('resolved', {
              name,
              endpoints: answer.endpoints.map(({ id }) => id),
              revision: answer.revision,
              durationMs: clock.now() - sentAt,
            });
          return answer;
        },
        (error: unknown) => {
          this.#inFlight.delete(name);
          throw error;
        },
      );
      this.#inFlight.set(name, lookup);
    }
    return lookup;
  }
}
