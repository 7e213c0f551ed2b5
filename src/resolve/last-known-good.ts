import { isFresh, type ResolvedService, type Resolver } from '../core/resolution-result.js';
import { withTimeout, type Clock } from '../core/clock.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import type { EventSink } from '../core/events.js';
import type { RetryLoop } from '../core/retry-loop.js';
import { RegistryIncarnations } from './registry-incarnations.js';
import { BackgroundLookups } from './background-lookups.js';
import { createLruMap, type LruMap } from './lru-cache.js';

export interface LastKnownGoodOptions {
  readonly clock: Clock;
  readonly reporter: EventSink;
  readonly retry: RetryLoop;
  readonly maxStaleMs: number;
  readonly onRecovered: (resolved: ResolvedService) => void;
  readonly onNewer?: (resolved: ResolvedService) => void;
  /** Returns the result of a name that an earlier run of the program has stored, at most once per name. */
  readonly stored?: (name: string) => ResolvedService | undefined;
  /** Whether a binding uses the name. The results of such names are never evicted. */
  readonly isBound: (name: string) => boolean;
}

/** Maximum time for which a call waits for a lookup if there is a previous result, in ms. */
const maxLookupWaitMs = 100;
const staleTtlMs = 1_000;
/**
 * Maximum number of results of existing names, and separately of absent names. @see
 * [C8.3](../../docs/guarantees.md#c8-3)
 */
const maxNames = 10_000;

/**
 * Returns the last result of a name while the registry is down, hangs, or sends invalid or outdated responses. A
 * failed lookup is retried in the background, while calls use the last result at once. A result that is used after
 * its `ttlMs` is flagged `stale`. A valid response without endpoints is not a failure, and replaces the last result.
 * @see [C1.1](../../docs/guarantees.md#c1-1), [C1.4](../../docs/guarantees.md#c1-4),
 * [C1.6](../../docs/guarantees.md#c1-6)
 */
export class LastKnownGood implements Resolver {
  readonly #inner: Resolver;
  readonly #options: LastKnownGoodOptions;
  readonly #lastGood: LruMap<ResolvedService>;
  readonly #evictedButBound = new Map<string, ResolvedService>();
  /** A separate map, so that absent names never evict the result of an existing name. */
  readonly #lastAbsent = createLruMap<ResolvedService>(maxNames, () => undefined);
  readonly #retries: BackgroundLookups;
  readonly #firstLookupWaiters = new Map<string, Set<(resolved: ResolvedService) => void>>();
  readonly #incarnations: RegistryIncarnations;
  #stopped = false;

  constructor(inner: Resolver, options: LastKnownGoodOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#incarnations = new RegistryIncarnations(options.clock);
    this.#retries = new BackgroundLookups({
      clock: options.clock,
      retry: options.retry,
      lookup: (name) => this.#lookup(name, { suspects: new Set() }),
      hasUsable: (name) => this.#lastUsable(name) !== undefined,
      onRecovered: options.onRecovered,
    });
    this.#lastGood = createLruMap<ResolvedService>(maxNames, (resolved) => {
      if (options.isBound(resolved.name)) this.#evictedButBound.set(resolved.name, resolved);
    });
  }

  async resolve(name: string, context: { readonly suspects: ReadonlySet<string> }): Promise<ResolvedService> {
    const good = this.#lastUsable(name);
    if (good === undefined) return this.#resolveFirst(name, context);
    const error = this.#retries.errorFor(name);
    if (error !== undefined) return this.#fallback(good, error);
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
      this.#retries.start(name, reason, lookup);
      const latest = this.#lastUsable(name);
      // A watch may have delivered a newer result during the lookup.
      return latest !== undefined && latest !== good ? latest : this.#fallback(good, reason);
    }
  }

  /**
   * Stores a result as the last result of its name. Ignores an older result. While the registry is being rebuilt, also
   * ignores a result without endpoints. Returns whether the result was stored.
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

  /** Returns the last result of a name, unless the result has no endpoints or expired more than `maxStaleMs` ago. */
  peek(name: string): ResolvedService | undefined {
    return this.#lastUsable(name);
  }

  forget(name: string): void {
    this.#lastGood.delete(name);
    this.#evictedButBound.delete(name);
    this.#lastAbsent.delete(name);
  }

  /** Stops all retries. From then on, a failed lookup rejects. */
  stop(): void {
    this.#stopped = true;
    this.#retries.stop();
  }

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
    const position = this.#lastKnown(name)?.position;
    const resolved = await this.#inner.resolve(name, { ...context, position });
    if (this.applyIfNewer(resolved)) return resolved;
    const known = this.#lastKnown(name);
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

  /** Returns the last result of a name, unless it expired more than `maxStaleMs` ago. */
  #lastKnown(name: string): ResolvedService | undefined {
    const known =
      this.#lastGood.get(name) ??
      this.#evictedButBound.get(name) ??
      this.#lastAbsent.get(name) ??
      this.#findStored(name);
    if (known === undefined) return undefined;
    if (
      known.ttlMs === Infinity ||
      this.#options.clock.now() - known.requestedAt <= known.ttlMs + this.#options.maxStaleMs
    )
      return known;
    this.forget(name);
    return undefined;
  }

  #findStored(name: string): ResolvedService | undefined {
    const stored = this.#options.stored?.(name);
    if (stored !== undefined) this.#lastGood.set(name, stored);
    return stored;
  }

  /** Returns the last result of a name, unless it has no endpoints. */
  #lastUsable(name: string): ResolvedService | undefined {
    const known = this.#lastKnown(name);
    return known !== undefined && known.endpoints.length > 0 ? known : undefined;
  }

  #withLastKnown(name: string, error: ClerkError): ClerkError {
    const known = this.#lastKnown(name);
    if (known === undefined || this.#stopped) return error;
    const agoMs = Math.round(this.#options.clock.now() - known.requestedAt);
    const state = known.kind === 'absent' ? 'was not registered' : 'had no endpoints';
    return new ClerkError(
      error.code,
      `${error.message}; ${name} ${state} when last looked up, ${String(agoMs)} ms ago`,
      { cause: error },
    );
  }

  /** Returns `good`, or a copy flagged stale if `good` has expired. After `stop`, throws `error`. */
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
}

/**
 * Whether `resolved` has a lower revision than `known`. Results of two incarnations, and revisions that are not
 * numeric, are compared by request time. False if the canonical name has changed, because the new target of a link
 * may have a lower revision. @see [decision 027](../../docs/decisions/027-link-revisions.md)
 */
function isOlder(resolved: ResolvedService, known: ResolvedService): boolean {
  if (resolved.incarnation !== known.incarnation) return resolved.requestedAt < known.requestedAt;
  if (resolved.canonical !== known.canonical) return false;
  if (isNumeric(resolved.revision) && isNumeric(known.revision))
    return BigInt(resolved.revision) < BigInt(known.revision);
  return resolved.requestedAt < known.requestedAt;
}

function isNumeric(revision: string): boolean {
  return /^[0-9]{1,64}$/.test(revision);
}
