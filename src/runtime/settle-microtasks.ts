/** Resolves after all pending promise jobs and `process.nextTick` callbacks, including those that they add. */
export function settleMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
