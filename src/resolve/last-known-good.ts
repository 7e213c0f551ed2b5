/**
 * Keeps what a registry last said, and goes on using it while the registry is down, hangs, lies or answers with something
 * older. Calls do not wait for a registry that is known to be in trouble: it is asked again in the background, further and
 * further apart, until it answers.
 *
 * The flag `stale` says one thing: this answer is used beyond its own time, because there was no newer one within 100 ms.
 * While its time lasts it is an answer like any other, whatever becomes of the registry. So a registry that is only far
 * away makes nothing stale that is asked for ahead of time.
 *
 * A real empty answer is believed for its own time. An error is never an empty answer: when nobody is known, there is
 * nothing to fall back to, and the error is the answer.
 *
 * @see promises C1.1, C1.4, C1.6
 */
import { isFresh, type ResolvedService, type Resolver } from '../core/resolution-result.js';
import { withTimeout, type Clock, type Timer } from '../core/clock.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import type { EventSink } from '../core/events.js';
import type { RetryLoop } from '../core/retry-loop.js';
import { RegistryIncarnations } from './registry-incarnations.js';
import { createLruMap, type LruMap } from './lru-cache.js';

/** What keeping needs. */
export interface LastKnownGoodOptions {
  readonly clock: Clock;
  readonly reporter: EventSink;
  readonly retry: RetryLoop;
  /** For how long after its time an answer goes on being used, in ms. */
  readonly maxStaleMs: number;
  /** An answer came in after a time of trouble. */
  readonly onRecovered: (answer: ResolvedService) => void;
  /** Something newer was said of a name. */
  readonly onNewer?: (answer: ResolvedService) => void;
  /** Whether a program holds a binding of that name: what is known of it is never pushed out. */
  readonly isBound: (name: string) => boolean;
}

/** How long a call waits for a registry that was well the last time, when there is an old answer to fall back to. */
const maxLookupWaitMs = 100;
/** For how long a stale answer is used before this is asked again. */
const staleTtlMs = 1_000;
const minBackoffMs = 200;
const maxBackoffMs = 5_000;
/** How long a registry in trouble goes on being asked for a name that nobody wants, in ms; longer than a stale answer is used. */
const retryWhileWantedMs = 10_000;
/** Most names of each kind that are remembered. @see promises C8.3 */
const maxNames = 10_000;

/** See the file's header. */
export class LastKnownGood implements Resolver {
  readonly #inner: Resolver;
  readonly #options: LastKnownGoodOptions;
  readonly #lastGood: LruMap<ResolvedService>;
  /** What others have pushed out of there although it is held. */
  readonly #evictedButBound = new Map<string, ResolvedService>();
  /** Names that were absent the last time; apart, so that however many are tried, none of the others is forgotten. */
  readonly #lastAbsent = createLruMap<ResolvedService>(maxNames, () => undefined);
  /** Names that the registry could not answer the last time: they are asked for in the background. */
  readonly #failing = new Map<string, { error: ClerkError; wantedAt: number }>();
  /** Who waits for the first answer of a name. */
  readonly #firstLookupWaiters = new Map<string, Set<(answer: ResolvedService) => void>>();
  readonly #backoffTimers = new Map<Timer, () => void>();
  readonly #incarnations: RegistryIncarnations;
  #stopped = false;

  constructor(inner: Resolver, options: LastKnownGoodOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#incarnations = new RegistryIncarnations(options.clock);
    this.#lastGood = createLruMap<ResolvedService>(maxNames, (answer) => {
      if (options.isBound(answer.name)) this.#evictedButBound.set(answer.name, answer);
    });
  }

  async resolve(name: string, context: { readonly suspects: ReadonlySet<string> }): Promise<ResolvedService> {
    const good = this.#lastUsable(name);
    if (good === undefined) return this.#resolveFirst(name, context);
    const failing = this.#failing.get(name);
    if (failing) {
      failing.wantedAt = this.#options.clock.now();
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
            `The registry did not answer for ${name} within ${String(maxLookupWaitMs)} ms`,
          ),
      );
    } catch (error) {
      const reason = isClerkError(error)
        ? error
        : new ClerkError('REGISTRY_UNREACHABLE', errorMessage(error), { cause: error });
      this.#retryInBackground(name, reason, lookup);
      const known = this.#lastUsable(name);
      // A watch may have been faster than the look-up.
      return known !== undefined && known !== good ? known : this.#fallback(good, reason);
    }
  }

  /** An answer that came by another way, a watch or a snapshot. @returns whether it is newer than what is known */
  applyIfNewer(answer: ResolvedService): boolean {
    const known = this.#lastKnown(answer.name);
    if (this.#incarnations.isRebuilding(answer, known) || (known && isOlder(answer, known))) return false;
    const [target, other] =
      answer.kind === 'absent' ? [this.#lastAbsent, this.#lastGood] : [this.#lastGood, this.#lastAbsent];
    other.delete(answer.name);
    this.#evictedButBound.delete(answer.name);
    target.set(answer.name, answer);
    for (const resolve of this.#firstLookupWaiters.get(answer.name) ?? []) resolve(answer);
    this.#options.onNewer?.(answer);
    return true;
  }

  /** Forgets a name that nobody is interested in any more. */
  forget(name: string): void {
    this.#lastGood.delete(name);
    this.#evictedButBound.delete(name);
    this.#lastAbsent.delete(name);
  }

  /** Asks nobody any more. */
  stop(): void {
    this.#stopped = true;
    this.#failing.clear();
    for (const [timer, resolve] of this.#backoffTimers) {
      timer.cancel();
      resolve();
    }
    this.#backoffTimers.clear();
  }

  /** Waits for the registry's first answer, or for one that comes by another way meanwhile. */
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
        (answer) => {
          done();
          resolve(answer);
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
    const answer = await this.#inner.resolve(name, context);
    if (this.applyIfNewer(answer)) return answer;
    const known = this.#lastKnown(name);
    // What came by another way while this question was out is newer, and no reason to distrust the registry.
    if (known && known.requestedAt > answer.requestedAt) return known;
    if (known !== undefined && known.incarnation !== answer.incarnation)
      throw new ClerkError(
        'REGISTRY_UNREACHABLE',
        `The registry has lost its memory, and knows nobody yet who runs ${name}; what it said before is used meanwhile`,
      );
    throw new ClerkError(
      'REGISTRY_INVALID',
      `The registry's answer for ${name} has revision '${answer.revision}', older than '${known?.revision ?? ''}' which it gave before`,
    );
  }

  /** Waits without keeping the process alive, and not longer than until `stop`. */
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

  /** What was last said of a name, as long as that means anything. */
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

  /** What may be used in place of an answer: somebody who can be called. */
  #lastUsable(name: string): ResolvedService | undefined {
    const known = this.#lastKnown(name);
    return known !== undefined && known.endpoints.length > 0 ? known : undefined;
  }

  /** Why there is no answer, and what there was before, which is none. */
  #withLastKnown(name: string, error: ClerkError): ClerkError {
    const known = this.#lastKnown(name);
    if (known === undefined || this.#stopped) return error;
    const agoMs = Math.round(this.#options.clock.now() - known.requestedAt);
    const what = known.kind === 'absent' ? 'there was no such name' : 'nobody ran it';
    return new ClerkError(error.code, `${error.message}; when asked ${String(agoMs)} ms ago, ${what}`, {
      cause: error,
    });
  }

  /** What is known, in place of an answer that does not come: as it is while its time lasts, and flagged from then on. */
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
      askedWallAt: clock.wallNow() - (now - good.requestedAt),
    });
  }

  /** Asks in the background until there is an answer, or nobody has wanted one for a while. */
  #retryInBackground(name: string, error: ClerkError, lookup: Promise<ResolvedService>): void {
    if (this.#stopped || this.#failing.has(name)) return;
    const { clock, retry, onRecovered } = this.#options;
    const failing = { error, wantedAt: clock.now() };
    this.#failing.set(name, failing);
    retry(
      (attempt) => (attempt === 1 ? lookup : this.#lookup(name, { suspects: new Set() })),
      async (failure, attempt) => {
        if (isClerkError(failure)) failing.error = failure;
        // Full jitter on the upper half, so that clerks which lost the registry together do not return together.
        const backoffMs =
          Math.min(maxBackoffMs, minBackoffMs * 2 ** (attempt - 1)) * (0.5 + 0.5 * clock.random());
        await this.#backOff(backoffMs);
        if (
          this.#stopped ||
          clock.now() - failing.wantedAt > retryWhileWantedMs ||
          this.#lastUsable(name) === undefined
        )
          throw failing.error;
      },
    ).then(
      (answer) => {
        this.#failing.delete(name);
        if (!this.#stopped) onRecovered(answer);
      },
      () => this.#failing.delete(name),
    );
  }
}

/**
 * Whether an answer is from before the one that is known, by their revisions if both are numbers, else by when they
 * were asked for. They are compared within one incarnation and for one name only: a link that leads elsewhere now has
 * the revision of what it leads to.
 */
function isOlder(answer: ResolvedService, known: ResolvedService): boolean {
  if (answer.incarnation !== known.incarnation || answer.canonical !== known.canonical) return false;
  if (isNumeric(answer.revision) && isNumeric(known.revision))
    return BigInt(answer.revision) < BigInt(known.revision);
  return answer.requestedAt < known.requestedAt;
}

function isNumeric(revision: string): boolean {
  return /^[0-9]{1,64}$/.test(revision);
}
