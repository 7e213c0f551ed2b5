/**
 * Runs `attempt` until an attempt resolves. After each rejection, `onFailed` decides: when it resolves, the next
 * attempt starts; when it rejects, the loop rejects with the same error.
 */
export type RetryLoop = <T>(
  attempt: (number: number) => Promise<T>,
  onFailed: (error: unknown, number: number) => Promise<void>,
) => Promise<T>;
