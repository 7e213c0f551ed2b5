/**
 * When a service that could not be started may be tried again: after a pause that doubles from 1 s to 30 s, and never
 * more often than three failing starts in any 60 s.
 *
 * @see promises C6.3
 */

const firstPauseMs = 1_000;
const longestPauseMs = 30_000;
const windowMs = 60_000;
const mostInWindow = 3;

/** The failures of one service since it last ran well. */
export class Failures {
  readonly #at: number[] = [];
  #count = 0;
  #pauses = 0;
  #reason = '';

  /** It was started and never came up. */
  failed(now: number, reason: string): void {
    this.#pauses++;
    this.#note(now, reason);
  }

  /** It came up and ended soon. Once is bad luck, and it is started again at once; from then on it is a failure. */
  faltered(now: number, reason: string): void {
    if (this.#count > 0) this.#pauses++;
    this.#note(now, reason);
  }

  /** Forgets all of them. */
  clear(): void {
    this.#at.length = 0;
    this.#count = this.#pauses = 0;
  }

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** What went wrong last, and for how long it is not tried again, in ms; undefined when it may be. */
  pause(now: number): { readonly reason: string; readonly remainingMs: number } | undefined {
    const last = this.#at.at(-1);
    if (last === undefined) return undefined;
    const pauseMs = this.#pauses === 0 ? 0 : Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#pauses - 1));
    const oldest = this.#at.length < mostInWindow ? undefined : this.#at[0];
    const until = Math.max(last + pauseMs, oldest === undefined ? 0 : oldest + windowMs);
    return until > now ? { reason: this.#reason, remainingMs: until - now } : undefined;
  }

  #note(now: number, reason: string): void {
    this.#count++;
    this.#at.push(now);
    if (this.#at.length > mostInWindow) this.#at.shift();
    this.#reason = reason;
  }
}
