import type { ResolvedService, Resolver } from '../core/resolution-result.js';
import type { Clock } from '../core/clock.js';
import { copyError } from '../core/errors.js';
import type { EventSink } from '../core/events.js';
import { runWithoutInbound } from '../core/inbound-request.js';
import { createResolutionCache, type ResolutionCache } from './lru-cache.js';

export interface CachedResolverOptions {
  readonly clock: Clock;
  readonly reporter: EventSink;
  readonly maxNames: number;
}

/** Minimum interval between two forced lookups of one name. A failed call can force a lookup. */
const minForcedIntervalMs = 100;

/**
 * Concurrent lookups of one name share one request, which continues even if a caller stops waiting. Errors are not
 * cached. Each caller receives its own error object.
 * @see [C1.1](../../docs/guarantees.md#c1-1), [C1.5](../../docs/guarantees.md#c1-5),
 * [C9.3](../../docs/guarantees.md#c9-3)
 */
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

  /**
   * Looks a name up even if the cached result has not expired. Joins a lookup of the name that is in flight. A second
   * lookup with suspects within 100 ms returns the cached result.
   * @param suspects - ids of the instances at which calls have just failed
   */
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

  put(resolved: ResolvedService): void {
    this.#cache.set(resolved);
  }

  forget(name: string): void {
    this.#cache.delete(name);
    this.#lastForcedAt.delete(name);
  }

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
      lookup = runWithoutInbound(() => this.#startLookup(name, context));
      this.#inFlight.set(name, lookup);
    }
    return lookup.catch((error: unknown) => {
      throw copyError(error);
    });
  }

  #startLookup(name: string, context: { readonly suspects: ReadonlySet<string> }): Promise<ResolvedService> {
    const { clock, reporter } = this.#options;
    const sentAt = clock.now();
    return this.#inner.resolve(name, context).then(
      (resolved) => {
        this.#inFlight.delete(name);
        // If the registry did not respond, `resolved` is stale or the cached object.
        const isNew = !resolved.stale && resolved !== this.#cache.get(name);
        this.#cache.set(resolved);
        if (isNew && reporter.hasListeners('resolved'))
          reporter.emit('resolved', {
            name,
            endpoints: resolved.endpoints.map(({ id }) => id),
            revision: resolved.revision,
            durationMs: clock.now() - sentAt,
          });
        return resolved;
      },
      (error: unknown) => {
        this.#inFlight.delete(name);
        throw error;
      },
    );
  }
}
