/**
 * Runs `attempt` until an attempt resolves. After each rejection, calls `onFailed`. If `onFailed` resolves, the next
 * attempt starts. If `onFailed` rejects, the loop rejects with the same error.
 */
export type RetryLoop = <T>(
  attempt: (number: number) => Promise<T>,
  onFailed: (error: unknown, number: number) => Promise<void>,
) => Promise<T>;
