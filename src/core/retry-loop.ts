/**
 * Runs `attempt` until it resolves. After a rejection, `onFailed` is called. If `onFailed` resolves, the next attempt
 * starts. If `onFailed` rejects, the loop ends with that error.
 */
export type RetryLoop = <T>(
  attempt: (number: number) => Promise<T>,
  onFailed: (error: unknown, number: number) => Promise<void>,
) => Promise<T>;
