/**
 * Resolves when all ready promise jobs and `process.nextTick` callbacks have run, including the jobs and callbacks that
 * they cause.
 */
export function settleMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
