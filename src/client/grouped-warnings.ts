import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';

const groupMs = 1_000;

/**
 * Logs a warning about a name. Equal warnings about other names in the next 1 s are counted and logged as one line. A
 * registry outage therefore logs two lines, not one line per name.
 */
export class GroupedWarnings {
  readonly #clock: Pick<Clock, 'setTimer'>;
  readonly #logger: Logger;
  /** Number of names after the first, by problem. */
  readonly #counts = new Map<string, number>();

  constructor(clock: Pick<Clock, 'setTimer'>, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** @param format - returns the warning about a subject such as `/shop/orders` or `12 other names` */
  warn(name: string, problem: string, format: (subject: string, problem: string) => string): void {
    const count = this.#counts.get(problem);
    if (count !== undefined) {
      this.#counts.set(problem, count + 1);
      return;
    }
    this.#logger.warn(format(name, problem));
    this.#counts.set(problem, 0);
    this.#clock
      .setTimer(() => {
        const others = this.#counts.get(problem) ?? 0;
        this.#counts.delete(problem);
        if (others > 0)
          this.#logger.warn(format(`${String(others)} other ${others === 1 ? 'name' : 'names'}`, problem));
      }, groupMs)
      .setRef(false);
  }
}
