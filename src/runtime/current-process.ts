import { performance } from 'node:perf_hooks';

const maxLineLength = 65_536;
/** A launcher writes the line at once, so a longer wait is useless; in ms. */
const lineTimeoutMs = 5_000;

/** Other SIGTERM listeners that existed when the signal arrived. */
let otherListeners = 0;

/** This process: its environment, standard input, SIGTERM and exit. */
export const currentProcess = {
  env: process.env,

  /** The first line of standard input; what was read of it when the input ends or takes longer than 5 s. */
  readFirstLine(): Promise<string> {
    const { stdin } = process;
    return new Promise((resolve) => {
      let text = '';
      const finish = (): void => {
        clearTimeout(timer);
        stdin.off('data', append).off('end', finish).off('error', finish).off('close', finish);
        stdin.pause();
        // A pipe that its writer never closes must not keep this process alive.
        (stdin as { unref?: () => void }).unref?.();
        resolve(text.split('\n')[0] as string);
      };
      const append = (chunk: Buffer | string): void => {
        text += chunk.toString();
        if (text.includes('\n') || text.length > maxLineLength) finish();
      };
      const timer = setTimeout(finish, lineTimeoutMs);
      stdin.on('data', append).on('end', finish).on('error', finish).on('close', finish);
    });
  },

  /** Calls back at the first SIGTERM. Returns a function that removes the listener. */
  onSigterm(callback: () => void): () => void {
    const listener = (): void => {
      // Counted now, since one-time listeners are gone when `exitBySigterm` runs.
      otherListeners = process.listenerCount('SIGTERM');
      callback();
    };
    // Prepended, so that no other one-time listener has been removed yet.
    process.prependOnceListener('SIGTERM', listener);
    return () => void process.off('SIGTERM', listener);
  },

  /** Ends the process by SIGTERM, unless the program has a SIGTERM listener of its own. */
  exitBySigterm(): void {
    if (otherListeners + process.listenerCount('SIGTERM') === 0) process.kill(process.pid, 'SIGTERM');
  },

  exit(code: number): void {
    process.exit(code);
  },

  warn(message: string): void {
    process.emitWarning(message, 'ClerkWarning');
  },
};

/** Time for which the event loop of this thread has been active so far, in ms. */
export function eventLoopActiveMs(): number {
  return performance.eventLoopUtilization().active;
}
