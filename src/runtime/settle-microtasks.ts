/** Resolves when all ready promise jobs and `process.nextTick` callbacks have run, with those that they cause. */
export function settleMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
