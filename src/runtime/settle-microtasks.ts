/**
 * Resolves when all ready promise jobs and `process.nextTick` callbacks have run, including all jobs and callbacks that
 * these cause. A fake runtime calls this function before advancing its clock. The function is not part of the test kit,
 * because the function uses the real event loop.
 */
export function settleMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
