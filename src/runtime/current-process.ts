/** This process: its environment, its standard input, the signal that asks it to end, and the host that it runs on. */
import { networkInterfaces } from 'node:os';
import { performance } from 'node:perf_hooks';

/** Most characters of a line on standard input. */
const maxLineLength = 65_536;
/** Whoever starts a process with a line for it writes that at once; not waited for longer, in ms. */
const lineTimeoutMs = 5_000;

/** Who else listened for SIGTERM when it came. */
let otherListeners = 0;

/** See the file's header. */
export const currentProcess = {
  env: process.env,

  /** The first line of standard input; what came of it, if it ends or is late. */
  readFirstLine(): Promise<string> {
    const { stdin } = process;
    return new Promise((resolve) => {
      let text = '';
      const done = (): void => {
        clearTimeout(timer);
        stdin.off('data', take).off('end', done).off('error', done).off('close', done);
        stdin.pause();
        // A pipe that its writer never closes must not keep this process alive.
        (stdin as { unref?: () => void }).unref?.();
        resolve(text.split('\n')[0] as string);
      };
      const take = (chunk: Buffer | string): void => {
        text += chunk.toString();
        if (text.includes('\n') || text.length > maxLineLength) done();
      };
      const timer = setTimeout(done, lineTimeoutMs);
      stdin.on('data', take).on('end', done).on('error', done).on('close', done);
    });
  },

  onSigterm(callback: () => void): () => void {
    const listener = (): void => {
      // Others may listen for one signal only, and be gone when it is asked who decides.
      otherListeners = process.listenerCount('SIGTERM');
      callback();
    };
    // In front, so that nobody has gone yet.
    process.prependOnceListener('SIGTERM', listener);
    return () => void process.off('SIGTERM', listener);
  },

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

/** Addresses of this host that others can reach, IPv4 first; those that need a zone are of no use to others. */
export function hostAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address));
  return [
    ...all.filter(({ family }) => family === 'IPv4'),
    ...all.filter(({ family }) => family !== 'IPv4'),
  ].map(({ address }) => address);
}

/** For how long this thread's event loop has worked so far, in ms: all of the time but what it waited. */
export function eventLoopActiveMs(): number {
  return performance.eventLoopUtilization().active;
}
