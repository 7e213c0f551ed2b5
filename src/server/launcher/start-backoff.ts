/**
 * When a service that could not be started may be tried again: after a pause that doubles from 1 s to 30 s, and never
 * more often than three failing starts in any 60 s.
 *
 * @see promises C6.3
 */

const initialBackoffMs = 1_000;
const maxBackoffMs = 30_000;
const windowMs = 60_000;
const maxFailuresInWindow = 3;

/** The failures of one service since it last ran well. */
export class StartBackoff {
  readonly #failedAt: number[] = [];
  #failureCount = 0;
  #backoffSteps = 0;
  #lastReason = '';

  /** It was started and never came up. */
  onStartFailed(now: number, reason: string): void {
    this.#backoffSteps++;
    this.#record(now, reason);
  }

  /** It came up and ended soon. Once is bad luck, and it is started again at once; from then on it is a failure. */
  onEarlyExit(now: number, reason: string): void {
    if (this.#failureCount > 0) this.#backoffSteps++;
    this.#record(now, reason);
  }

  /** Forgets all of them. */
  reset(): void {
    this.#failedAt.length = 0;
    this.#failureCount = this.#backoffSteps = 0;
  }

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#failureCount === 0;
  }

  /** What went wrong last, and for how long it is not tried again, in ms; undefined when it may be. */
  remaining(now: number): { readonly reason: string; readonly remainingMs: number } | undefined {
    const last = this.#failedAt.at(-1);
    if (last === undefined) return undefined;
    const backoffMs =
      this.#backoffSteps === 0 ? 0 : Math.min(maxBackoffMs, initialBackoffMs * 2 ** (this.#backoffSteps - 1));
    const oldest = this.#failedAt.length < maxFailuresInWindow ? undefined : this.#failedAt[0];
    const nextStartAt = Math.max(last + backoffMs, oldest === undefined ? 0 : oldest + windowMs);
    return nextStartAt > now ? { reason: this.#lastReason, remainingMs: nextStartAt - now } : undefined;
  }

  #record(now: number, reason: string): void {
    this.#failureCount++;
    this.#failedAt.push(now);
    if (this.#failedAt.length > maxFailuresInWindow) this.#failedAt.shift();
    this.#lastReason = reason;
  }
}
