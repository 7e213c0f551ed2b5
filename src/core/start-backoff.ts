import { backoffBoundMs } from './backoff.js';

const backoff = { firstMs: 1_000, maxMs: 30_000 };
const windowMs = 60_000;
const maxFailuresInWindow = 3;

/**
 * Delays the starts of a service whose program fails. After each failed start, the delay doubles, from 1 s to 30 s.
 * After 3 failures within 60 s, the next start waits until the first of the 3 failures is 60 s old.
 *
 * @see [C6.3](../../docs/guarantees.md#c6-3)
 */
export class StartBackoff {
  readonly #failedAt: number[] = [];
  #failureCount = 0;
  #backoffSteps = 0;
  #lastReason = '';

  onStartFailed(now: number, reason: string): void {
    this.#backoffSteps++;
    this.#record(now, reason);
  }

  /** Records an exit soon after the registration. The first exit since the last reset causes no delay. */
  onEarlyExit(now: number, reason: string): void {
    if (this.#failureCount > 0) this.#backoffSteps++;
    this.#record(now, reason);
  }

  reset(): void {
    this.#failedAt.length = 0;
    this.#failureCount = this.#backoffSteps = 0;
  }

  get isEmpty(): boolean {
    return this.#failureCount === 0;
  }

  remaining(now: number): { readonly reason: string; readonly remainingMs: number } | undefined {
    const last = this.#failedAt.at(-1);
    if (last === undefined) return undefined;
    const oldest = this.#failedAt.length < maxFailuresInWindow ? undefined : this.#failedAt[0];
    const nextStartAt = Math.max(
      last + backoffBoundMs(backoff, this.#backoffSteps),
      oldest === undefined ? 0 : oldest + windowMs,
    );
    return nextStartAt > now ? { reason: this.#lastReason, remainingMs: nextStartAt - now } : undefined;
  }

  #record(now: number, reason: string): void {
    this.#failureCount++;
    this.#failedAt.push(now);
    if (this.#failedAt.length > maxFailuresInWindow) this.#failedAt.shift();
    this.#lastReason = reason;
  }
}
