import type { Clock, Timer } from '../../core/clock.js';

const pollMs = 50;
/** Maximum time that counts between two polls, in ms. A longer gap means that the event loop was blocked. */
const maxCountedMs = 100;

/**
 * Calls `callback` when the event loop has run for `durationMs`. Time in which the loop was blocked does not count,
 * because the loop reads no responses in this time. Does not keep the process alive.
 *
 * @returns a function that cancels the call
 */
export function afterRunningTime(clock: Clock, durationMs: number, callback: () => void): () => void {
  let ranMs = 0;
  let polledAt = clock.now();
  let timer: Timer | undefined;
  const schedule = (): void => {
    timer = clock.setTimer(poll, Math.min(pollMs, durationMs - ranMs));
    timer.setRef(false);
  };
  const poll = (): void => {
    const now = clock.now();
    ranMs += Math.min(now - polledAt, maxCountedMs);
    polledAt = now;
    if (ranMs < durationMs) schedule();
    else callback();
  };
  schedule();
  return () => timer?.cancel();
}
