import type { Clock } from './clock.js';

interface Parent {
  readonly signal: AbortSignal | undefined;
  /** Returns the error with which the work rejects when the signal aborts. */
  readonly error: (signal: AbortSignal) => unknown;
  /** Whether the signal of the work aborts with the reason of the parent, in place of the error. Default false. */
  readonly forwardsReason?: boolean;
}

export interface Deadline {
  readonly clock: Clock;
  /** Time after which the work is aborted, in ms. Undefined: no limit. */
  readonly limitMs: number | undefined;
  readonly onTimeout: () => Error;
  /** Signals that end the work early. */
  readonly parents: readonly Parent[];
  /** Whether the timer keeps the process alive. Default false. */
  readonly keepsAlive?: boolean;
  /** Whether the signal of the work also aborts when the work resolves, so that no part of it continues. Default false. */
  readonly abortsOnSuccess?: boolean;
}

/**
 * Runs work with its own abort signal, and settles like the work. Rejects early with `onTimeout()` after `limitMs`, or
 * with the error of a parent when its signal aborts. Each rejection also aborts the signal of the work, so that no part
 * of the work continues. Removes its listeners and its timer at the end.
 */
export function withDeadline<T>(
  { clock, limitMs, onTimeout, parents, keepsAlive = false, abortsOnSuccess = false }: Deadline,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const cleanUps: (() => void)[] = [];
    const fail = (error: unknown, reason = error): void => {
      for (const cleanUp of cleanUps) cleanUp();
      controller.abort(reason);
      reject(error);
    };
    for (const { signal, error, forwardsReason = false } of parents) {
      if (signal === undefined) continue;
      const onAbort = (): void => fail(error(signal), forwardsReason ? signal.reason : undefined);
      if (signal.aborted) {
        onAbort();
        return;
      }
      signal.addEventListener('abort', onAbort);
      cleanUps.push(() => signal.removeEventListener('abort', onAbort));
    }
    if (limitMs !== undefined) {
      const timer = clock.setTimer(() => {
        clock.afterPendingIo(() => {
          if (!controller.signal.aborted) fail(onTimeout());
        });
      }, limitMs);
      timer.setRef(keepsAlive);
      cleanUps.push(() => timer.cancel());
    }
    void (async () => {
      try {
        const result = await run(controller.signal);
        for (const cleanUp of cleanUps) cleanUp();
        if (abortsOnSuccess) controller.abort();
        resolve(result);
      } catch (error) {
        if (!controller.signal.aborted) fail(error);
      }
    })();
  });
}
