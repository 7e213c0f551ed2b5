import { constants } from 'node:os';
import { performance } from 'node:perf_hooks';
import type { EndSignal } from '../core/end-signal.js';

const maxLineLength = 65_536;
const lineTimeoutMs = 5_000;

/** Signals for which the program had its own listener when the signal arrived. */
const signalsOfProgram = new Set<EndSignal>();
const ownListeners = new Set<(signal: NodeJS.Signals) => void>();
const endSignals: readonly EndSignal[] = ['SIGTERM', 'SIGINT'];
/** Result of the only read, shared by all callers, because the line can be read from standard input only once. */
let firstLine: Promise<string> | undefined;

export const currentProcess = {
  env: process.env,

  /**
   * Resolves to the first line of standard input. After 5 s, after 65,536 characters, or at the end of the input,
   * resolves to the text read so far.
   */
  readFirstLine(): Promise<string> {
    firstLine ??= readFirstLine();
    return firstLine;
  },

  onEndSignal(callback: (signal: EndSignal) => void): () => void {
    const listener = (signal: NodeJS.Signals): void => {
      const endSignal = signal as EndSignal;
      // Node removes one-time listeners before `endBySignal` runs, so look for listeners of the program now.
      if (process.listeners(signal).some((other) => other !== listener)) signalsOfProgram.add(endSignal);
      callback(endSignal);
    };
    ownListeners.add(listener);
    for (const signal of endSignals) process.prependListener(signal, listener);
    return () => {
      ownListeners.delete(listener);
      for (const signal of endSignals) process.off(signal, listener);
    };
  },

  /**
   * Ends this process as if `signal` had no listener. Does nothing if the program has its own listener for `signal`,
   * unless `always` is true.
   */
  endBySignal(signal: EndSignal, always: boolean): void {
    const others = process.listeners(signal).filter((listener) => !ownListeners.has(listener));
    if (!always && (signalsOfProgram.has(signal) || others.length > 0)) return;
    process.removeAllListeners(signal);
    // Linux does not end PID 1, the first process of a container, by a signal without a listener.
    if (process.pid === 1) process.exit(128 + constants.signals[signal]);
    process.kill(process.pid, signal);
  },

  exit(code: number): void {
    process.exit(code);
  },

  warn(message: string): void {
    process.emitWarning(message, 'ClerkWarning');
  },
};

function readFirstLine(): Promise<string> {
  const { stdin } = process;
  return new Promise((resolve) => {
    let text = '';
    const finish = (): void => {
      clearTimeout(timer);
      stdin.off('data', append).off('end', finish).off('error', finish).off('close', finish);
      stdin.pause();
      // Without `unref`, a pipe that its writer never closes would keep this process alive.
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
}

export function eventLoopActiveMs(): number {
  return performance.eventLoopUtilization().active;
}
