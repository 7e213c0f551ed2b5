/**
 * Runs `attempt` until it resolves. After a rejection, `onFailed` decides: it resolves, after waiting as long as it needs,
 * to try again, or rejects to end the loop with that error. Not used on the warm path of a call.
 */
export type RetryLoop = <T>(
  attempt: (number: number) => Promise<T>,
  onFailed: (error: unknown, number: number) => Promise<void>,
) => Promise<T>;
