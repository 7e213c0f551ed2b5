/**
 * Runs `attempt` repeatedly until an attempt resolves. After each rejection, `onFailed` is called: when `onFailed`
 * resolves, the next attempt starts; when `onFailed` rejects, the loop rejects with the same error. `onFailed` can thus
 * delay the next attempt. Over HTTP, a call uses the loop only after the first attempt of the call has failed.
 */
export type RetryLoop = <T>(
  attempt: (number: number) => Promise<T>,
  onFailed: (error: unknown, number: number) => Promise<void>,
) => Promise<T>;
