/** The process behind a start, whether this launcher brought it up or found it running. */
import type { Clock, Timer } from '../../core/clock.js';
import type { ProcessExit, Processes, SpawnedProcess } from '../../core/processes.js';

const pollMs = 250;

const unknownExit: ProcessExit = { code: null, signal: null };

/** What is known of a process. */
export interface ProcessHandle {
  /** Undefined while it is not known whether there is one. */
  readonly pid: number | undefined;
  /** Head of which group it is; undefined where that group may be somebody else's by now. */
  readonly processGroup: number | undefined;
  /** Whether it certainly lives no more, though nobody was told yet; asks the host. */
  hasExited(): boolean;
  /** Resolves when it has ended. Never rejects, nor resolves after {@link release}. */
  readonly exited: Promise<ProcessExit>;
  /** The end of what it printed. */
  logTail(): Promise<string>;
  /** Looks no more. */
  release(): void;
}

/** One that was started here. */
export function spawnedProcess(processes: Processes, spawned: SpawnedProcess): ProcessHandle {
  const { pid, exited, identity } = spawned;
  let released = false;
  return {
    pid,
    processGroup: pid,
    hasExited: () => identity !== undefined && processes.identityOf(pid) !== identity,
    exited: new Promise((resolve) => void exited.then((exit) => (released ? undefined : resolve(exit)))),
    logTail: () => spawned.logTail(),
    release: () => (released = true),
  };
}

/** One that somebody else started, and that lives: it is looked at four times a second. */
export function adoptedProcess(
  processes: Processes,
  clock: Clock,
  pid: number,
  identity: string,
): ProcessHandle {
  let timer: Timer | undefined;
  const exited = new Promise<ProcessExit>((resolve) => {
    const poll = (): void => {
      if (processes.identityOf(pid) !== identity) {
        resolve(unknownExit);
        return;
      }
      timer = clock.setTimer(poll, pollMs);
      timer.setRef(false);
    };
    poll();
  });
  return {
    pid,
    processGroup: pid,
    hasExited: () => processes.identityOf(pid) !== identity,
    exited,
    logTail: noLogTail,
    release: () => timer?.cancel(),
  };
}

/** One that ended while nobody looked. Its process id may be another's by now. */
export const exitedProcess: ProcessHandle = {
  pid: undefined,
  processGroup: undefined,
  hasExited: () => true,
  exited: Promise.resolve(unknownExit),
  logTail: noLogTail,
  release: () => undefined,
};

/** One that may never have been there. */
export const unknownProcess: ProcessHandle = {
  ...exitedProcess,
  hasExited: () => false,
  exited: new Promise(() => undefined),
};

function noLogTail(): Promise<string> {
  return Promise.resolve('');
}
