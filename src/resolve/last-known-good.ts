import { isFresh, type ResolvedService, type Resolver } from '../core/resolution-result.js';
import { withTimeout, type Clock, type Timer } from '../core/clock.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import type { EventSink } from '../core/events.js';
import type { RetryLoop } from '../core/retry-loop.js';
import { RegistryIncarnations } from './registry-incarnations.js';
import { createLruMap, type LruMap } from './lru-cache.js';

/** Options of {@link LastKnownGood}. */
export interface LastKnownGoodOptions {
  readonly clock: Clock;
  readonly reporter: EventSink;
  readonly retry: RetryLoop;
  /** How long a result may be used after its expiry, in ms. */
  readonly maxStaleMs: number;
  /** Called with the result when a background retry of a failed lookup succeeded. */
  readonly onRecovered: (resolved: ResolvedService) => void;
  /** Called with each accepted result: a result that is not older than the last known result of its name. */
  readonly onNewer?: (resolved: ResolvedService) => void;
  /** Whether the program has a binding of this name. Results of bound names are never evicted. */
  readonly isBound: (name: string) => boolean;
}

/** How long a call waits for a lookup before the call falls back to the previous result, in ms. */
const maxLookupWaitMs = 100;
/** How long a result may stay cached after it was flagged stale, in ms. */
const staleTtlMs = 1_000;
const minBackoffMs = 200;
const maxBackoffMs = 5_000;
/**
 * Background retries of a name end when no caller has requested the name for this time, in ms. Longer than
 * `staleTtlMs`: while a stale result is cached, requests are answered from the cache and do not reach this class.
 */
const retryWhileWantedMs = 10_000;
/**
 * Maximum number of last results that are kept for existing names. The same maximum applies separately to absent names.
 * @see [C8.3](../../docs/guarantees.md#c8-3)
 */
const maxNames = 10_000;

/**
 * Keeps the last result of each name and returns that result while the registry is down, hangs, or sends invalid or
 * outdated responses. Once a lookup of a name has failed, calls use the last result at once instead of waiting for
 * another lookup. The failed lookup is retried in the background with exponential backoff. The retries end when a
 * lookup succeeds or when no caller has requested the name for 10 s.
 *
 * A result that is used after its `ttlMs` has passed, because the registry failed or did not respond within 100 ms, is
 * flagged `stale`. A result whose `ttlMs` has not passed is never flagged, whatever the state of the registry.
 *
 * A valid response without endpoints is accepted, and is used for its own `ttlMs`. An error is never turned into an
 * empty result: if no endpoints of the name are known, the lookup rejects with the error.
 *
 * @see [C1.1](../../docs/guarantees.md#c1-1), [C1.4](../../docs/guarantees.md#c1-4),
 * [C1.6](../../docs/guarantees.md#c1-6)
 */
export class LastKnownGood implements Resolver {
  readonly #inner: Resolver;
  readonly #options: LastKnownGoodOptions;
  readonly #lastGood: LruMap<ResolvedService>;
  /** Results of bound names that `#lastGood` has evicted. */
  readonly #evictedButBound = new Map<string, ResolvedService>();
  /**
   * Last results of absent names. Kept in a separate map, so that lookups of many absent names do not evict results of
   * present names.
   */
  readonly #lastAbsent = createLruMap<ResolvedService>(maxNames, () => undefined);
  /** Names whose last lookup failed and is retried in the background. */
  readonly #failing = new Map<string, { error: ClerkError; lastWantedAt: number }>();
  /** Callers that wait for the first result of a name, by name. */
  readonly #firstLookupWaiters = new Map<string, Set<(resolved: ResolvedService) => void>>();
  readonly #backoffTimers = new Map<Timer, () => void>();
  readonly #incarnations: RegistryIncarnations;
  #stopped = false;

  constructor(inner: Resolver, options: LastKnownGoodOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#incarnations = new RegistryIncarnations(options.clock);
    this.#lastGood = createLruMap<ResolvedService>(maxNames, (resolved) => {
      if (options.isBound(resolved.name)) this.#evictedButBound.set(resolved.name, resolved);
    });
  }

  async resolve(name: string, context: { readonly suspects: ReadonlySet<string> }): Promise<ResolvedService> {
    const good = this.#lastUsable(name);
    if (good === undefined) return this.#resolveFirst(name, context);
    const failing = this.#failing.get(name);
    if (failing) {
      failing.lastWantedAt = this.#options.clock.now();
      return this.#fallback(good, failing.error);
    }
    const lookup = this.#lookup(name, context);
    const { clock } = this.#options;
    try {
      return await withTimeout(
        clock,
        maxLookupWaitMs,
        lookup,
        () =>
          new ClerkError(
            'REGISTRY_UNREACHABLE',
            `The registry did not respond to the lookup of ${name} within ${String(maxLookupWaitMs)} ms`,
          ),
      );
    } catch (error) {
      const reason = isClerkError(error)
        ? error
        : new ClerkError('REGISTRY_UNREACHABLE', errorMessage(error), { cause: error });
      this.#retryInBackground(name, reason, lookup);
      const latest = this.#lastUsable(name);
      // A newer result that a watch delivered during the lookup is better than the fallback.
      return latest !== undefined && latest !== good ? latest : this.#fallback(good, reason);
    }
  }

  /**
   * Stores a result of a lookup, a watch or the snapshot file, unless the last known result of the name is newer. Also
   * ignores a result without endpoints from a registry that restarted without data and is still being rebuilt.
   *
   * @returns whether the result was stored
   */
  applyIfNewer(resolved: ResolvedService): boolean {
    const { name } = resolved;
    const known = this.#lastKnown(name);
    if (this.#incarnations.isRebuilding(resolved, known) || (known && isOlder(resolved, known))) return false;
    const [target, other] =
      resolved.kind === 'absent' ? [this.#lastAbsent, this.#lastGood] : [this.#lastGood, this.#lastAbsent];
    other.delete(name);
    this.#evictedButBound.delete(name);
    target.set(name, resolved);
    for (const resolve of this.#firstLookupWaiters.get(name) ?? []) resolve(resolved);
    this.#options.onNewer?.(resolved);
    return true;
  }

  /** Removes the last result of a name. */
  forget(name: string): void {
    this.#lastGood.delete(name);
    this.#evictedButBound.delete(name);
    this.#lastAbsent.delete(name);
  }

  /** Ends all background retries. From then on a failed lookup rejects instead of returning the previous result. */
  stop(): void {
    this.#stopped = true;
    this.#failing.clear();
    for (const [timer, resolve] of this.#backoffTimers) {
      timer.cancel();
      resolve();
    }
    this.#backoffTimers.clear();
  }

  /**
   * Looks up a name of which no endpoints are known. Resolves to the result of the lookup or of a watch, whichever
   * arrives first.
   */
  #resolveFirst(name: string, context: { readonly suspects: ReadonlySet<string> }): Promise<ResolvedService> {
    return new Promise((resolve, reject) => {
      let waiters = this.#firstLookupWaiters.get(name);
      if (waiters === undefined) this.#firstLookupWaiters.set(name, (waiters = new Set()));
      waiters.add(resolve);
      const done = (): void => {
        waiters.delete(resolve);
        if (waiters.size === 0 && this.#firstLookupWaiters.get(name) === waiters)
          this.#firstLookupWaiters.delete(name);
      };
      this.#lookup(name, context).then(
        (resolved) => {
          done();
          resolve(resolved);
        },
        (error: unknown) => {
          done();
          const known = this.#lastUsable(name);
          if (known && isClerkError(error) && !this.#stopped) resolve(this.#fallback(known, error));
          else reject(isClerkError(error) ? this.#withLastKnown(name, error) : error);
        },
      );
    });
  }

  async #lookup(name: string, context: { readonly suspects: ReadonlySet<string> }): Promise<ResolvedService> {
    const resolved = await this.#inner.resolve(name, context);
    if (this.applyIfNewer(resolved)) return resolved;
    const known = this.#lastKnown(name);
    // If a watch delivered a newer result during the lookup, the outdated response is not an error of the registry.
    if (known && known.requestedAt > resolved.requestedAt) return known;
    if (known !== undefined && known.incarnation !== resolved.incarnation)
      throw new ClerkError(
        'REGISTRY_UNREACHABLE',
        `The registry restarted without data and has no endpoints of ${name} yet; the previous endpoints stay in use`,
      );
    throw new ClerkError(
      'REGISTRY_INVALID',
      `The registry's response for ${name} is outdated: the revision must be at least '${known?.revision ?? ''}'; got '${resolved.revision}'`,
    );
  }

  /** Waits for `ms` or until {@link LastKnownGood.stop} is called. Does not keep the process alive. */
  #backOff(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimer(() => {
        this.#backoffTimers.delete(timer);
        resolve();
      }, ms);
      timer.setRef(false);
      this.#backoffTimers.set(timer, resolve);
    });
  }

  /**
   * Returns the last result of a name; undefined when there is none, or when the last result expired more than
   * `maxStaleMs` ago.
   */
  #lastKnown(name: string): ResolvedService | undefined {
    const known = this.#lastGood.get(name) ?? this.#evictedButBound.get(name) ?? this.#lastAbsent.get(name);
    if (known === undefined) return undefined;
    if (
      known.ttlMs === Infinity ||
      this.#options.clock.now() - known.requestedAt <= known.ttlMs + this.#options.maxStaleMs
    )
      return known;
    this.forget(name);
    return undefined;
  }

  /** Returns the last result of a name; undefined when there is none, or when the last result has no endpoints. */
  #lastUsable(name: string): ResolvedService | undefined {
    const known = this.#lastKnown(name);
    return known !== undefined && known.endpoints.length > 0 ? known : undefined;
  }

  /** Adds to the message of a lookup error that the name was absent or had no endpoints when last looked up. */
  #withLastKnown(name: string, error: ClerkError): ClerkError {
    const known = this.#lastKnown(name);
    if (known === undefined || this.#stopped) return error;
    const agoMs = Math.round(this.#options.clock.now() - known.requestedAt);
    const state = known.kind === 'absent' ? 'was not registered' : 'had no endpoints';
    return new ClerkError(
      error.code,
      `${error.message}; when last looked up ${String(agoMs)} ms ago, ${name} ${state}`,
      {
        cause: error,
      },
    );
  }

  /**
   * Returns `good`, the last result of a name, in place of the result of a failed lookup. If `good` has expired,
   * returns a copy that is flagged stale.
   */
  #fallback(good: ResolvedService, error: ClerkError): ResolvedService {
    const { clock, reporter } = this.#options;
    if (this.#stopped) throw error;
    const now = clock.now();
    if (isFresh(good, now, clock.wallNow())) return good;
    if (reporter.hasListeners('stale'))
      reporter.emit('stale', { name: good.name, ageMs: now - good.requestedAt, error });
    return Object.freeze({
      ...good,
      stale: true,
      ttlMs: now - good.requestedAt + staleTtlMs,
      requestedWallAt: clock.wallNow() - (now - good.requestedAt),
    });
  }

  /**
   * Retries a failed lookup until a retry succeeds. Gives up when the name has not been requested for 10 s, or when no
   * last result with endpoints is left.
   */
  #retryInBackground(name: string, error: ClerkError, lookup: Promise<ResolvedService>): void {
    if (this.#stopped || this.#failing.has(name)) return;
    const { clock, retry, onRecovered } = this.#options;
    const failing = { error, lastWantedAt: clock.now() };
    this.#failing.set(name, failing);
    retry(
      (attempt) => (attempt === 1 ? lookup : this.#lookup(name, { suspects: new Set() })),
      async (failure, attempt) => {
        if (isClerkError(failure)) failing.error = failure;
        // The wait is random between half of the backoff and the full backoff, so that clerks that lost the registry at
        // the same time retry at different times.
        const backoffMs =
          Math.min(maxBackoffMs, minBackoffMs * 2 ** (attempt - 1)) * (0.5 + 0.5 * clock.random());
        await this.#backOff(backoffMs);
        if (
          this.#stopped ||
          clock.now() - failing.lastWantedAt > retryWhileWantedMs ||
          this.#lastUsable(name) === undefined
        )
          throw failing.error;
      },
    ).then(
      (resolved) => {
        this.#failing.delete(name);
        if (!this.#stopped) onRecovered(resolved);
      },
      () => this.#failing.delete(name),
    );
  }
}

/**
 * Whether `resolved` is older than `known`. A lower revision is older. If one of the two revisions is not numeric, the
 * request times are compared instead. A result whose incarnation or canonical name differs from `known` never counts as
 * older, because the two revisions cannot be compared. Example: after a link has changed, the result has the revision
 * of the new target, which may be lower.
 *
 * @see [decision 027](../../docs/decisions/027-link-revisions.md)
 */
function isOlder(resolved: ResolvedService, known: ResolvedService): boolean {
  if (resolved.incarnation !== known.incarnation || resolved.canonical !== known.canonical) return false;
  if (isNumeric(resolved.revision) && isNumeric(known.revision))
    return BigInt(resolved.revision) < BigInt(known.revision);
  return resolved.requestedAt < known.requestedAt;
}

function isNumeric(revision: string): boolean {
  return /^[0-9]{1,64}$/.test(revision);
}
