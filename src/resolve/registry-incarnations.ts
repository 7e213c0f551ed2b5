import type { ResolvedService } from '../core/resolution-result.js';
import type { Clock } from '../core/clock.js';

const maxRebuildMs = 300_000;
/** Number of incarnations that are remembered. A forgotten incarnation that appears again counts as new. */
const maxIncarnations = 16;

/**
 * Recognizes a registry that restarted without data, and is being rebuilt while the instances register again. A rebuild
 * begins with the first result of the new incarnation. The rebuild lasts as long as the longest lease of the last known
 * endpoints, at most 5 min.
 * @see [C1.4](../../docs/guarantees.md#c1-4)
 */
export class RegistryIncarnations {
  readonly #clock: Clock;
  readonly #firstSeenAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether `resolved` has no endpoints because the registry is being rebuilt, while `previous` has endpoints. */
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
