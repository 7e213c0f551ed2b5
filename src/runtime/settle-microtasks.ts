/**
 * Resolves when all promise jobs and `process.nextTick` callbacks that are ready, and all that these cause, have run. A fake
 * runtime advances its clock only then. It needs one turn of the real event loop, so it is here and not in the test kit.
 */
export function settleMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
