/**
 * Runs `attempt` repeatedly until an attempt resolves. After each rejection, `onFailed` is called: when `onFailed`
 * resolves, the next attempt starts; when `onFailed` rejects, the loop rejects with the same error. `onFailed` can thus
 * delay the next attempt. Not used on the warm path of a call.
 */
export type RetryLoop = <T>(
  attempt: (number: number) => Promise<T>,
  onFailed: (error: unknown, number: number) => Promise<void>,
) => Promise<T>;
