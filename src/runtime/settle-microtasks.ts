/** One turn of the real event loop: how virtual time knows that the program has done all it could at this instant. */

/**
 * Resolves when every promise job and every `process.nextTick` that is ready, and all that they bring about, has run.
 * Uses no virtual clock; meant for a fake runtime, which moves its clock on only then.
 */
export function settleMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
