import type { ClerkContext } from '../client/clerk-context.js';
import { errorMessage, isClerkError } from '../core/errors.js';
import { parseSnapshot } from '../core/parse-snapshot.js';
import type { ResolvedService } from '../core/resolution-result.js';
import { parseResolution } from '../resolve/parse-resolution.js';
import { stopWatch } from '../resolve/stop-watch.js';

/**
 * The watch of one name in the registry. If the watch cannot start, only lookups find changes, and a warning is
 * logged. An invalid snapshot is ignored, and only the first of several in a row is logged. The callback that
 * receives the snapshots never throws into the registry.
 * @see [C1.4](../../docs/guarantees.md#c1-4)
 */
export class ServiceWatch {
  readonly #name: string;
  readonly #clerk: ClerkContext;
  readonly #onResolution: (resolution: ResolvedService) => void;
  #unwatch: (() => void) | undefined;
  #isWatching = false;
  #isClosed = false;
  #isInvalidLogged = false;

  constructor(name: string, clerk: ClerkContext, onResolution: (resolution: ResolvedService) => void) {
    this.#name = name;
    this.#clerk = clerk;
    this.#onResolution = onResolution;
  }

  /** Does nothing if the watch was started before, or the registry has no watches. */
  start(): void {
    const { asyncContext, registry, logger, watchWarnings } = this.#clerk;
    if (this.#isWatching || this.#isClosed || registry.watch === undefined) return;
    this.#isWatching = true;
    try {
      this.#unwatch = asyncContext.runInAsyncScope(() =>
        registry.watch?.(
          this.#name,
          (snapshot) => this.#onSnapshot(snapshot),
          (error) => {
            const isLimit = isClerkError(error) && error.code === 'LIMIT_EXCEEDED';
            watchWarnings.warn(this.#name, errorMessage(error), isLimit ? formatLimit : formatOutage);
          },
        ),
      );
    } catch (error) {
      logger.warn(
        `The registry could not start a watch of ${this.#name}: ${errorMessage(error)}; changes of this name are found by lookups only`,
      );
    }
  }

  close(): void {
    this.#isClosed = true;
    stopWatch(this.#unwatch, this.#name, this.#clerk.logger);
  }

  #onSnapshot(snapshot: unknown): void {
    if (this.#isClosed) return;
    try {
      this.#apply(snapshot);
      this.#isInvalidLogged = false;
    } catch (error) {
      if (this.#isInvalidLogged) return;
      this.#isInvalidLogged = true;
      this.#clerk.logger.warn(`${errorMessage(error)}; the last known result stays in use`);
    }
  }

  #apply(snapshot: unknown): void {
    const name = this.#name;
    const { clock, resolver, lastKnownGood } = this.#clerk;
    const byName = parseSnapshot(snapshot, name);
    const raw: unknown = byName.has(name) ? byName.get(name) : { kind: 'absent' };
    const parsed = parseResolution(raw, name);
    // A snapshot of a link does not contain the target of the link, so the snapshot is ignored. The next lookup follows
    // the link.
    if (parsed.kind === 'link') return;
    const now = clock.now();
    const { statedAt } = raw as { readonly statedAt?: unknown };
    const ageMs = typeof statedAt === 'number' && statedAt <= now ? now - statedAt : 0;
    const resolution: ResolvedService = Object.freeze({
      ...parsed,
      kind: parsed.kind,
      name,
      requestedAt: now - ageMs,
      requestedWallAt: clock.wallNow() - ageMs,
      stale: false,
    });
    if (!lastKnownGood.applyIfNewer(resolution)) return;
    resolver.put(resolution);
    this.#onResolution(resolution);
  }
}

function formatOutage(subject: string, problem: string): string {
  return `The watch of ${subject} was interrupted: ${problem}; the watch continues when the registry responds again`;
}

function formatLimit(subject: string, problem: string): string {
  return `${problem}; changes of ${subject} are found by lookups only`;
}
