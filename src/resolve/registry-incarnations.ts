import type { ResolvedService } from '../core/resolution-result.js';
import type { Clock } from '../core/clock.js';

/** Upper bound of the rebuild time, however long the leases are, in ms. */
const maxRebuildMs = 300_000;
/** Number of incarnations to keep. With more of them the oldest are dropped, and their empty results accepted. */
const maxIncarnations = 16;

/**
 * Recognizes a registry that restarted without data and has not been rebuilt by re-registrations yet. Its empty
 * results are rejected for the longest lease of the last known endpoints. Until then the previous result is used, as
 * stale.
 *
 * @see [C1.4](../../docs/guarantees.md#c1-4)
 */
export class RegistryIncarnations {
  readonly #clock: Clock;
  readonly #firstSeenAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a result is empty only because the registry's new incarnation is still being rebuilt. */
  isRebuilding(resolved: ResolvedService, previous: ResolvedService | undefined): boolean {
    const { incarnation } = resolved;
    if (incarnation === '') return false;
    const now = this.#clock.now();
    const firstSeenAt = this.#firstSeenAt.get(incarnation) ?? now;
    this.#firstSeenAt.set(incarnation, firstSeenAt);
    for (const oldest of this.#firstSeenAt.keys()) {
      if (this.#firstSeenAt.size <= maxIncarnations) break;
      this.#firstSeenAt.delete(oldest);
    }
    if (previous === undefined || previous.endpoints.length === 0 || resolved.endpoints.length > 0)
      return false;
    if (previous.incarnation === '' || previous.incarnation === incarnation) return false;
    return now - firstSeenAt < Math.min(previous.leaseMs ?? 0, maxRebuildMs);
  }
}
