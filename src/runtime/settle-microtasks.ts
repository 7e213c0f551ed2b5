/**
 * Resolves when all ready promise jobs and `process.nextTick` callbacks have run, including all jobs and callbacks that
 * these cause. A fake runtime waits for this before advancing its clock. The function uses the real event loop, so it
 * belongs to the runtime and not to the test kit.
 */
export function settleMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
