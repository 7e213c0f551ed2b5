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
import { isFresh, type Answer, type Resolver } from '../core/answer.js';
import { within, type Clock, type Timer } from '../core/clock.js';
import { ClerkError, isClerkError, reasonOf } from '../core/errors.js';
import type { Reporter } from '../core/events.js';
import type { Retry } from '../core/retry.js';
import { Incarnations } from './incarnations.js';
import { recentlyUsed, type RecentlyUsed } from './lru.js';

/** What keeping needs. */
export interface LastKnownGoodOptions {
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly retry: Retry;
  /** For how long after its time an answer goes on being used, in ms. */
  readonly maxStaleMs: number;
  /** An answer came in after a time of trouble. */
  readonly onRecovered: (answer: Answer) => void;
  /** Something newer was said of a name. */
  readonly onLearned?: (answer: Answer) => void;
  /** Whether a program holds a binding of that name: what is known of it is never pushed out. */
  readonly isHeld: (name: string) => boolean;
}

/** How long a call waits for a registry that was well the last time, when there is an old answer to fall back to. */
const patienceMs = 100;
/** For how long a stale answer is used before this is asked again. */
const staleTtlMs = 1_000;
const firstPauseMs = 200;
const longestPauseMs = 5_000;
/** How long a registry in trouble goes on being asked for a name that nobody wants, in ms; longer than a stale answer is used. */
const interestMs = 10_000;
/** Most names of each kind that are remembered. @see promises C8.3 */
const mostNames = 10_000;

/** See the file's header. */
export class LastKnownGood implements Resolver {
  readonly #inner: Resolver;
  readonly #options: LastKnownGoodOptions;
  readonly #good: RecentlyUsed<Answer>;
  /** What others have pushed out of there although it is held. */
  readonly #held = new Map<string, Answer>();
  /** Names that were absent the last time; apart, so that however many are tried, none of the others is forgotten. */
  readonly #absent = recentlyUsed<Answer>(mostNames, () => undefined);
  /** Names that the registry could not answer the last time: they are asked for in the background. */
  readonly #troubled = new Map<string, { error: ClerkError; wantedAt: number }>();
  /** Who waits for the first answer of a name. */
  readonly #waiting = new Map<string, Set<(answer: Answer) => void>>();
  readonly #pauses = new Map<Timer, () => void>();
  readonly #incarnations: Incarnations;
  #stopped = false;

  constructor(inner: Resolver, options: LastKnownGoodOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#incarnations = new Incarnations(options.clock);
    this.#good = recentlyUsed<Answer>(mostNames, (answer) => {
      if (options.isHeld(answer.name)) this.#held.set(answer.name, answer);
    });
  }

  async resolve(name: string, context: { readonly suspects: ReadonlySet<string> }): Promise<Answer> {
    const good = this.#usable(name);
    if (good === undefined) return this.#first(name, context);
    const trouble = this.#troubled.get(name);
    if (trouble) {
      trouble.wantedAt = this.#options.clock.now();
      return this.#inPlace(good, trouble.error);
    }
    const flight = this.#ask(name, context);
    const { clock } = this.#options;
    try {
      return await within(
        clock,
        patienceMs,
        flight,
        () =>
          new ClerkError(
            'REGISTRY_UNREACHABLE',
            `The registry did not answer for ${name} within ${String(patienceMs)} ms`,
          ),
      );
    } catch (error) {
      const reason = isClerkError(error)
        ? error
        : new ClerkError('REGISTRY_UNREACHABLE', reasonOf(error), { cause: error });
      this.#pursue(name, reason, flight);
      const known = this.#usable(name);
      // A watch may have been faster than the look-up.
      return known !== undefined && known !== good ? known : this.#inPlace(good, reason);
    }
  }

  /** An answer that came by another way, a watch or a snapshot. @returns whether it is newer than what is known */
  learn(answer: Answer): boolean {
    const known = this.#known(answer.name);
    if (this.#incarnations.isTooYoung(answer, known) || (known && isOlder(answer, known))) return false;
    const [here, there] = answer.kind === 'absent' ? [this.#absent, this.#good] : [this.#good, this.#absent];
    there.delete(answer.name);
    this.#held.delete(answer.name);
    here.set(answer.name, answer);
    for (const resolve of this.#waiting.get(answer.name) ?? []) resolve(answer);
    this.#options.onLearned?.(answer);
    return true;
  }

  /** Forgets a name that nobody is interested in any more. */
  forget(name: string): void {
    this.#good.delete(name);
    this.#held.delete(name);
    this.#absent.delete(name);
  }

  /** Asks nobody any more. */
  stop(): void {
    this.#stopped = true;
    this.#troubled.clear();
    for (const [timer, resolve] of this.#pauses) {
      timer.cancel();
      resolve();
    }
    this.#pauses.clear();
  }

  /** Waits for the registry's first answer, or for one that comes by another way meanwhile. */
  #first(name: string, context: { readonly suspects: ReadonlySet<string> }): Promise<Answer> {
    return new Promise((resolve, reject) => {
      let waiting = this.#waiting.get(name);
      if (waiting === undefined) this.#waiting.set(name, (waiting = new Set()));
      waiting.add(resolve);
      const done = (): void => {
        waiting.delete(resolve);
        if (waiting.size === 0 && this.#waiting.get(name) === waiting) this.#waiting.delete(name);
      };
      this.#ask(name, context).then(
        (answer) => {
          done();
          resolve(answer);
        },
        (error: unknown) => {
          done();
          const known = this.#usable(name);
          if (known && isClerkError(error) && !this.#stopped) resolve(this.#inPlace(known, error));
          else reject(isClerkError(error) ? this.#explained(name, error) : error);
        },
      );
    });
  }

  async #ask(name: string, context: { readonly suspects: ReadonlySet<string> }): Promise<Answer> {
    const answer = await this.#inner.resolve(name, context);
    if (this.learn(answer)) return answer;
    const known = this.#known(name);
    // What came by another way while this question was out is newer, and no reason to distrust the registry.
    if (known && known.askedAt > answer.askedAt) return known;
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
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimer(() => {
        this.#pauses.delete(timer);
        resolve();
      }, ms);
      timer.setRef(false);
      this.#pauses.set(timer, resolve);
    });
  }

  /** What was last said of a name, as long as that means anything. */
  #known(name: string): Answer | undefined {
    const known = this.#good.get(name) ?? this.#held.get(name) ?? this.#absent.get(name);
    if (known === undefined) return undefined;
    if (
      known.ttlMs === Infinity ||
      this.#options.clock.now() - known.askedAt <= known.ttlMs + this.#options.maxStaleMs
    )
      return known;
    this.forget(name);
    return undefined;
  }

  /** What may be used in place of an answer: somebody who can be called. */
  #usable(name: string): Answer | undefined {
    const known = this.#known(name);
    return known !== undefined && known.endpoints.length > 0 ? known : undefined;
  }

  /** Why there is no answer, and what there was before, which is none. */
  #explained(name: string, error: ClerkError): ClerkError {
    const known = this.#known(name);
    if (known === undefined || this.#stopped) return error;
    const agoMs = Math.round(this.#options.clock.now() - known.askedAt);
    const what = known.kind === 'absent' ? 'there was no such name' : 'nobody ran it';
    return new ClerkError(error.code, `${error.message}; when asked ${String(agoMs)} ms ago, ${what}`, {
      cause: error,
    });
  }

  /** What is known, in place of an answer that does not come: as it is while its time lasts, and flagged from then on. */
  #inPlace(good: Answer, error: ClerkError): Answer {
    const { clock, reporter } = this.#options;
    if (this.#stopped) throw error;
    const now = clock.now();
    if (isFresh(good, now, clock.wallNow())) return good;
    if (reporter.wants('stale'))
      reporter.report('stale', { name: good.name, ageMs: now - good.askedAt, error });
    return Object.freeze({
      ...good,
      stale: true,
      ttlMs: now - good.askedAt + staleTtlMs,
      askedWallAt: clock.wallNow() - (now - good.askedAt),
    });
  }

  /** Asks in the background until there is an answer, or nobody has wanted one for a while. */
  #pursue(name: string, error: ClerkError, flight: Promise<Answer>): void {
    if (this.#stopped || this.#troubled.has(name)) return;
    const { clock, retry, onRecovered } = this.#options;
    const trouble = { error, wantedAt: clock.now() };
    this.#troubled.set(name, trouble);
    retry(
      (number) => (number === 1 ? flight : this.#ask(name, { suspects: new Set() })),
      async (failure, number) => {
        if (isClerkError(failure)) trouble.error = failure;
        // Full jitter on the upper half, so that clerks which lost the registry together do not return together.
        const pauseMs =
          Math.min(longestPauseMs, firstPauseMs * 2 ** (number - 1)) * (0.5 + 0.5 * clock.random());
        await this.#pause(pauseMs);
        if (this.#stopped || clock.now() - trouble.wantedAt > interestMs || this.#usable(name) === undefined)
          throw trouble.error;
      },
    ).then(
      (answer) => {
        this.#troubled.delete(name);
        if (!this.#stopped) onRecovered(answer);
      },
      () => this.#troubled.delete(name),
    );
  }
}

/**
 * Whether an answer is from before the one that is known, by their revisions if both are numbers, else by when they
 * were asked for. They are compared within one incarnation and for one name only: a link that leads elsewhere now has
 * the revision of what it leads to.
 */
function isOlder(answer: Answer, known: Answer): boolean {
  if (answer.incarnation !== known.incarnation || answer.canonical !== known.canonical) return false;
  if (isNumber(answer.revision) && isNumber(known.revision))
    return BigInt(answer.revision) < BigInt(known.revision);
  return answer.askedAt < known.askedAt;
}

function isNumber(revision: string): boolean {
  return /^[0-9]{1,64}$/.test(revision);
}
