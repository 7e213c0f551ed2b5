/**
 * How far the empty answers of a registry that has lost its memory are believed: not before its services had the time
 * to come back. Until then what was known stands, and is old.
 *
 * @see promises C1.4
 */
import type { Answer } from '../core/answer.js';
import type { Clock } from '../core/clock.js';

/** Not even for the longest lease it is doubted for longer, in ms. */
const mostDoubtMs = 300_000;
/** Incarnations that are remembered; a registry that has more of them is believed. */
const mostIncarnations = 16;

/** See the file's header. */
export class Incarnations {
  readonly #clock: Clock;
  readonly #firstSeenAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether an answer says that nobody is there only because the registry does not know yet. */
  isTooYoung(answer: Answer, known: Answer | undefined): boolean {
    const { incarnation } = answer;
    if (incarnation === '') return false;
    const now = this.#clock.now();
    const since = this.#firstSeenAt.get(incarnation) ?? now;
    this.#firstSeenAt.set(incarnation, since);
    for (const oldest of this.#firstSeenAt.keys()) {
      if (this.#firstSeenAt.size <= mostIncarnations) break;
      this.#firstSeenAt.delete(oldest);
    }
    if (known === undefined || known.endpoints.length === 0 || answer.endpoints.length > 0) return false;
    if (known.incarnation === '' || known.incarnation === incarnation) return false;
    return now - since < Math.min(known.leaseMs ?? 0, mostDoubtMs);
  }
}
