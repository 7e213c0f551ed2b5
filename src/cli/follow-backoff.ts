import type { Clock } from '../core/clock.js';
import { isClerkError } from '../core/errors.js';
import { exitCodeOf, exitCodes } from './exit-codes.js';
import { styled, type Output } from './output.js';

const firstBackoffMs = 250;
const maxBackoffMs = 5_000;

/**
 * Backoff of a command that follows the registry. The command ends if the registry never responded. Later the backoff
 * doubles from 250 ms to 5 s, with full jitter, until the registry responds again. Each outage is printed once.
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

  /** Waits for the backoff or for the signal. @throws `error` when the registry refused the request or never responded */
  async wait(error: unknown, signal: AbortSignal): Promise<void> {
    const isOutage = isClerkError(error) && exitCodeOf(error.code) === exitCodes.unreachable;
    if (!isOutage || !this.#hasResponded) throw error;
    if (this.#failures === 0)
      await this.#stderr.line(styled('faint', `${error.message}; the command keeps trying`));
    const maxMs = Math.min(maxBackoffMs, firstBackoffMs * 2 ** this.#failures);
    this.#failures += 1;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = this.#clock.setTimer(end, maxMs * this.#clock.random());
      if (signal.aborted) end();
      else signal.addEventListener('abort', end);
    });
  }
}
