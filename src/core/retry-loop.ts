/**
 * Runs `attempt` until an attempt resolves. Calls `onFailed` after each rejection. The next attempt starts if
 * `onFailed` resolves; the loop ends with the same error if `onFailed` rejects.
 */
export type RetryLoop = <T>(
  attempt: (number: number) => Promise<T>,
  onFailed: (error: unknown, number: number) => Promise<void>,
) => Promise<T>;
