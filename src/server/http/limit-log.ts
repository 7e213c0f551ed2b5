import type { Clock } from '../../core/clock.js';
import { isClerkError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';

/** Minimum time between two messages about the same client and limit, in ms. */
const intervalMs = 60_000;
const maxEntries = 1_000;

/** Logs that a client has reached a limit of the server. Logs at most once in 60 s for each client and limit. */
export class LimitLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Time of the last message with each text. */
  readonly #loggedAt = new Map<string, number>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** @param error - error of a request; only an error with code `LIMIT_EXCEEDED` is logged */
  record(principal: string, error: unknown): void {
    if (!isClerkError(error) || error.code !== 'LIMIT_EXCEEDED') return;
    const text = `A request of ${principal} reached a limit: ${error.message}`;
    const now = this.#clock.now();
    const last = this.#loggedAt.get(text);
    if (last !== undefined && now - last < intervalMs) return;
    if (this.#loggedAt.size >= maxEntries) this.#loggedAt.clear();
    this.#loggedAt.set(text, now);
    this.#logger.warn(text);
  }
}
