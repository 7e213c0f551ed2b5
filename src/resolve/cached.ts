/**
 * Remembers answers until their time runs out. An answer is a hint: handed out unchecked, dropped by the first caller
 * that finds it wrong. Concurrent look-ups of one name share a flight, and a caller that gives up leaves it running.
 * Errors are never remembered.
 *
 * @see promises C1.1, C1.5
 */
import type { Answer, Resolver } from '../core/answer.js';
import type { Clock } from '../core/clock.js';
import type { Reporter } from '../core/events.js';
import { answerStore, type AnswerStore } from './lru.js';

/** What remembering needs. */
export interface CachedOptions {
  readonly clock: Clock;
  readonly reporter: Reporter;
  /** Most names that are remembered. */
  readonly maxNames: number;
}

/** Shortest time between two look-ups of a name that were forced by failures, in ms. */
const forcedGapMs = 100;

/** See the file's header. */
export class Cached implements Resolver {
  readonly #inner: Resolver;
  readonly #options: CachedOptions;
  readonly #store: AnswerStore;
  readonly #flights = new Map<string, Promise<Answer>>();
  readonly #forcedAt = new Map<string, number>();

  constructor(inner: Resolver, options: CachedOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#store = answerStore(options.clock, options.maxNames);
  }

  /** What is remembered, at once. */
  peek(name: string): Answer | undefined {
    return this.#store.get(name);
  }

  resolve(
    name: string,
    context: { readonly suspects: ReadonlySet<string> } = { suspects: new Set() },
  ): Promise<Answer> {
    const known = this.#store.get(name);
    return known === undefined ? this.#fly(name, context) : Promise.resolve(known);
  }

  /** Asks the registry although the answer's time has not run out; joins a look-up that is under way. */
  refresh(name: string, suspects: ReadonlySet<string>): Promise<Answer> {
    const now = this.#options.clock.now();
    const known = this.#store.get(name);
    if (suspects.size > 0 && !this.#flights.has(name)) {
      if (known && now - (this.#forcedAt.get(name) ?? -Infinity) < forcedGapMs) return Promise.resolve(known);
      this.#force(name, now);
    }
    return this.#fly(name, { suspects });
  }

  /** Takes over an answer that came by another way. */
  learn(answer: Answer): void {
    this.#store.set(answer);
  }

  /** Forgets a name. */
  forget(name: string): void {
    this.#store.delete(name);
    this.#forcedAt.delete(name);
  }

  /** Number of names remembered. */
  get size(): number {
    return this.#store.size;
  }

  #force(name: string, now: number): void {
    if (this.#forcedAt.size >= this.#options.maxNames) {
      for (const [other, at] of this.#forcedAt) if (now - at >= forcedGapMs) this.#forcedAt.delete(other);
    }
    this.#forcedAt.set(name, now);
  }

  #fly(name: string, context: { readonly suspects: ReadonlySet<string> }): Promise<Answer> {
    let flight = this.#flights.get(name);
    if (flight === undefined) {
      const { clock, reporter } = this.#options;
      const sentAt = clock.now();
      flight = this.#inner.resolve(name, context).then(
        (answer) => {
          this.#flights.delete(name);
          // The same as before is no answer to this question: the registry could not be asked.
          const isNew = !answer.stale && answer !== this.#store.get(name);
          this.#store.set(answer);
          if (isNew && reporter.wants('resolved'))
            reporter.report('resolved', {
              name,
              endpoints: answer.endpoints.map(({ id }) => id),
              revision: answer.revision,
              ms: clock.now() - sentAt,
            });
          return answer;
        },
        (error: unknown) => {
          this.#flights.delete(name);
          throw error;
        },
      );
      this.#flights.set(name, flight);
    }
    return flight;
  }
}
