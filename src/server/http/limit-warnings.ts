import type { Clock } from '../../core/clock.js';
import { isClerkError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';

const intervalMs = 60_000;
const maxEntries = 1_000;

/** Logs that a client has reached a limit, at most once in 60 s per client and limit. */
export class LimitWarnings {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #loggedAt = new Map<string, number>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** @param error - logged only if its code is `LIMIT_EXCEEDED` */
  record(principal: string, error: unknown): void {
    if (!isClerkError(error) || error.code !== 'LIMIT_EXCEEDED') return;
    const text = `Principal ${principal} reached a limit: ${error.message}`;
    const now = this.#clock.now();
    const last = this.#loggedAt.get(text);
    if (last !== undefined && now - last < intervalMs) return;
    if (this.#loggedAt.size >= maxEntries) this.#loggedAt.clear();
    this.#loggedAt.set(text, now);
    this.#logger.warn(text);
  }
}
