/**
 * Runs `attempt` until it resolves. After a rejection, `onFailed` decides: it resolves to start the next attempt, or
 * rejects to end the loop with its error.
 */
export type RetryLoop = <T>(
  attempt: (number: number) => Promise<T>,
  onFailed: (error: unknown, number: number) => Promise<void>,
) => Promise<T>;
