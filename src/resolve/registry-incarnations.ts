/**
 * How far the empty answers of a registry that has lost its memory are believed: not before its services had the time
 * to come back. Until then what was known stands, and is old.
 *
 * @see promises C1.4
 */
import type { ResolvedService } from '../core/resolution-result.js';
import type { Clock } from '../core/clock.js';

/** Not even for the longest lease it is doubted for longer, in ms. */
const maxRebuildMs = 300_000;
/** Incarnations that are remembered; a registry that has more of them is believed. */
const maxIncarnations = 16;

/** See the file's header. */
export class RegistryIncarnations {
  readonly #clock: Clock;
  readonly #firstSeenAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether an answer says that nobody is there only because the registry does not know yet. */
  isRebuilding(answer: ResolvedService, previous: ResolvedService | undefined): boolean {
    const { incarnation } = answer;
    if (incarnation === '') return false;
    const now = this.#clock.now();
    const firstSeenAt = this.#firstSeenAt.get(incarnation) ?? now;
    this.#firstSeenAt.set(incarnation, firstSeenAt);
    for (const oldest of this.#firstSeenAt.keys()) {
      if (this.#firstSeenAt.size <= maxIncarnations) break;
      this.#firstSeenAt.delete(oldest);
    }
    if (previous === undefined || previous.endpoints.length === 0 || answer.endpoints.length > 0)
      return false;
    if (previous.incarnation === '' || previous.incarnation === incarnation) return false;
    return now - firstSeenAt < Math.min(previous.leaseMs ?? 0, maxRebuildMs);
  }
}
