export interface RetryLoopOptions {
  /** Ends the loop, which then rejects with the reason of the signal. No attempt starts after the abort. */
  readonly signal?: AbortSignal;
  /** Returns whether the loop continues after the error. Otherwise it rejects with the error. Default: it continues. */
  readonly shouldRetry?: (error: unknown) => boolean;
  /**
   * Waits before the next attempt. Called after `shouldRetry`, with the number of attempts that have failed. Should
   * resolve as soon as the signal aborts.
   */
  readonly wait: (error: unknown, failures: number) => Promise<void>;
}

/** Runs `attempt` until it resolves. The error may be any value. */
export type RetryLoop = <T>(attempt: (number: number) => Promise<T>, options: RetryLoopOptions) => Promise<T>;
