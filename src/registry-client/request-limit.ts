import { isAbortSignal, allowListeners } from '../core/abort-signal.js';
import type { Clock, Timer } from '../core/clock.js';
import { describeValue } from '../core/describe-value.js';
import { ClerkError, isClerkError } from '../core/errors.js';

export interface RequestLimitOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Signal of the program that aborts the request. */
  readonly signal: AbortSignal | undefined;
  /** Whether the request keeps the process alive. The connections of the request never keep it alive. */
  readonly keepsAlive: boolean;
  /** The request, as the subject of messages. */
  readonly subject: string;
  readonly urls: readonly string[];
}

/** Ends a request after `timeoutMs`, or when the program aborts the request. */
export class RequestLimit {
  readonly #options: RequestLimitOptions;
  readonly #controller = new AbortController();
  #timer: Timer | undefined;

  /** @throws {@link ClerkError} `ABORTED`, or `CONFIG_INVALID` for a value that is not a signal */
  constructor(options: RequestLimitOptions) {
    this.#options = options;
    const { signal, subject } = options;
    if (signal !== undefined) {
      if (!isAbortSignal(signal))
        throw new ClerkError(
          'CONFIG_INVALID',
          `${subject}: signal must be an AbortSignal; got ${describeValue(signal)}`,
        );
      if (signal.aborted) throw this.#abortedError('none');
      allowListeners(signal);
      signal.addEventListener('abort', this.#onAbort);
    }
    this.restart();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  pause(): void {
    this.#timer?.cancel();
  }

  restart(): void {
    const { clock, timeoutMs, keepsAlive, urls } = this.#options;
    this.#timer?.cancel();
    this.#timer = clock.setTimer(
      () =>
        this.#controller.abort(
          new ClerkError(
            'REGISTRY_UNREACHABLE',
            `The registry at ${urls.join(', ')} did not respond within ${String(timeoutMs)} ms; increase timeoutMs, or check whether the registry runs`,
          ),
        ),
      timeoutMs,
    );
    this.#timer.setRef(keepsAlive);
  }

  /** Aborts the request, because the program does not want the rest of its response. */
  cancel(): void {
    this.#controller.abort(new Error('The program has stopped reading the response'));
  }

  end(): void {
    this.#timer?.cancel();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }

  /** Returns the error for the program. If a clerk has aborted the request, this is the error of the clerk. */
  errorOf(error: unknown): unknown {
    const { signal } = this.#options;
    if (signal?.aborted !== true) return error;
    if (isClerkError(signal.reason)) return signal.reason;
    return this.#abortedError(isClerkError(error) ? error.execution : 'none');
  }

  #abortedError(execution: ClerkError['execution']): ClerkError {
    const { signal, subject } = this.#options;
    const isSent = execution === 'unknown';
    return new ClerkError(
      'ABORTED',
      `${subject} was aborted by its caller${isSent ? ' after the request was sent; the registry may have made the change' : ''}`,
      { cause: signal?.reason, execution },
    );
  }

  readonly #onAbort = (): void => this.#controller.abort(this.#options.signal?.reason);
}

/** Runs a request within a limit. */
export async function runWithinLimit<T>(
  options: RequestLimitOptions,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new RequestLimit(options);
  try {
    return await run(limit.signal);
  } catch (error) {
    throw limit.errorOf(error);
  } finally {
    limit.end();
  }
}
