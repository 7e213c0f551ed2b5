/**
 * Resolves when all promise jobs and `process.nextTick` callbacks have run, including those that are added meanwhile.
 */
export function settleMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
