import type { Clock, Timer } from '../../core/clock.js';
import type { ProcessExit, Processes, SpawnedProcess } from '../../core/processes.js';

/**
 * Interval at which adopted processes are checked, in ms. The operating system reports only the exits of child
 * processes.
 */
const pollMs = 250;

const unknownExit: ProcessExit = { code: null, signal: null };

export interface ProcessHandle {
  readonly pid: number | undefined;
  /**
   * Id of the group that the process leads. Undefined while the process is unknown, and when the id may belong to
   * another group.
   */
  readonly processGroup: number | undefined;
  /** Whether the process has ended for certain. May be true before {@link exited} resolves. */
  hasExited(): boolean;
  /** Never rejects. Never resolves after {@link release}. */
  readonly exited: Promise<ProcessExit>;
  logTail(): Promise<string>;
  release(): void;
}

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

/** A process that has ended. It has no id, because the id may now belong to another process. */
export const exitedProcess: ProcessHandle = {
  pid: undefined,
  processGroup: undefined,
  hasExited: () => true,
  exited: Promise.resolve(unknownExit),
  logTail: noLogTail,
  release: () => undefined,
};

/** A process that was not found, and may never have been started. */
export const unknownProcess: ProcessHandle = {
  ...exitedProcess,
  hasExited: () => false,
  exited: new Promise(() => undefined),
};

function noLogTail(): Promise<string> {
  return Promise.resolve('');
}
