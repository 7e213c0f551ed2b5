/** Calls a listener of the program. Its error, or the rejection of an async listener, goes to `onError`. */
export function callListener<T>(
  listener: (payload: T) => unknown,
  payload: T,
  onError: (error: unknown) => void,
): void {
  try {
    const result = listener(payload);
    if (result instanceof Promise) result.catch(onError);
  } catch (error) {
    onError(error);
  }
}
