import { abortableSleep } from '../core/abortable-sleep.js';
import { backoffMs } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { isClerkError } from '../core/errors.js';
import { exitCodeOf, exitCodes } from './exit-codes.js';
import { styled, type Output } from './output.js';

const backoff = { firstMs: 250, maxMs: 5_000 };

/**
 * Backoff of a command that prints changes until an interrupt. If the registry has never responded, the command fails
 * at once. During an outage, the backoff doubles from 250 ms to 5,000 ms, with full jitter, until the registry
 * responds again. Each outage is printed once.
 */
export class FollowBackoff {
  readonly #clock: Clock;
  readonly #stderr: Output;
  #hasResponded = false;
  #failures = 0;

  constructor({ clock, stderr }: { readonly clock: Clock; readonly stderr: Output }) {
    this.#clock = clock;
    this.#stderr = stderr;
  }

  async onResponse(): Promise<void> {
    this.#hasResponded = true;
    if (this.#failures > 0) await this.#stderr.line(styled('faint', 'The registry responds again'));
    this.#failures = 0;
  }

  /**
   * Waits until the backoff ends or `signal` aborts.
   *
   * @throws `error` if it is not an outage, or if the registry has never responded
   */
  async wait(error: unknown, signal: AbortSignal): Promise<void> {
    const isOutage = isClerkError(error) && exitCodeOf(error.code) === exitCodes.unreachable;
    if (!isOutage || !this.#hasResponded) throw error;
    if (this.#failures === 0)
      await this.#stderr.line(
        styled('faint', `${error.message}; the command retries until the registry responds`),
      );
    this.#failures += 1;
    const delayMs = backoffMs(backoff, this.#failures, this.#clock.random());
    await abortableSleep(this.#clock, delayMs, signal);
  }
}
