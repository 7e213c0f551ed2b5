/** The port of waiting and trying again, handed to whoever loops. Never on the warm path. */

/**
 * Runs `attempt` until it resolves. After a rejection `onFailed` decides: it resolves (after waiting as long as it
 * likes) to go on, or rejects to end the loop with that error.
 */
export type RetryLoop = <T>(
  attempt: (number: number) => Promise<T>,
  onFailed: (error: unknown, number: number) => Promise<void>,
) => Promise<T>;
