import { performance } from 'node:perf_hooks';

const maxLineLength = 65_536;
/** Timeout of `readFirstLine`, in ms. The timeout is short, since a launcher writes the line at once. */
const lineTimeoutMs = 5_000;

/** Number of SIGTERM listeners of the program when SIGTERM arrived; 0 before SIGTERM. */
let otherListeners = 0;

/** Access to this process: environment, standard input, SIGTERM, exit and warnings. */
export const currentProcess = {
  env: process.env,

  /**
   * Resolves to the first line of standard input. If no line end arrives within 5 s, within 65,536 characters, or
   * before the input ends, resolves to the text read so far.
   */
  readFirstLine(): Promise<string> {
    const { stdin } = process;
    return new Promise((resolve) => {
      let text = '';
      const finish = (): void => {
        clearTimeout(timer);
        stdin.off('data', append).off('end', finish).off('error', finish).off('close', finish);
        stdin.pause();
        // Without `unref`, a pipe that is never closed by its writer would keep this process alive.
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

  /** Calls `callback` at the first SIGTERM. Returns a function that removes the listener. */
  onSigterm(callback: () => void): () => void {
    const listener = (): void => {
      // The listeners are counted here, since one-time listeners are removed before `exitBySigterm` runs.
      otherListeners = process.listenerCount('SIGTERM');
      callback();
    };
    // This listener must run first, because it counts the other listeners before one-time listeners are removed.
    process.prependOnceListener('SIGTERM', listener);
    return () => void process.off('SIGTERM', listener);
  },

  /**
   * Ends this process with SIGTERM, if the program has no SIGTERM listener of its own. Otherwise, the listener of the
   * program decides when the process exits.
   */
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

/** Returns the total active time of this thread's event loop, in ms. */
export function eventLoopActiveMs(): number {
  return performance.eventLoopUtilization().active;
}
