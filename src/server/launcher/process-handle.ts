import type { Clock, Timer } from '../../core/clock.js';
import type { ProcessExit, Processes, SpawnedProcess } from '../../core/processes.js';

/**
 * Interval, in ms, between two checks whether an adopted process still runs. The host reports only the exit of child
 * processes, and an adopted process is not a child of this server.
 */
const pollMs = 250;

const unknownExit: ProcessExit = { code: null, signal: null };

/** The process of a launch, which this launcher or an earlier launcher has started. */
export interface ProcessHandle {
  /** Process id; undefined while no process is known. */
  readonly pid: number | undefined;
  /**
   * Id of the process group that the process leads; undefined while no process is known, or when another group may have
   * the id by now.
   */
  readonly processGroup: number | undefined;
  /**
   * Whether the process has certainly ended; false when that is unknown. The method asks the host, so the result can be
   * true before {@link exited} resolves.
   */
  hasExited(): boolean;
  /** Resolves when the process has ended. Never rejects. Never resolves after {@link release}. */
  readonly exited: Promise<ProcessExit>;
  /** Returns the end of the log of the process. */
  logTail(): Promise<string>;
  /** Stops observing the process. */
  release(): void;
}

/** Creates the handle of a process that this launcher has started. */
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

/** Creates the handle of a running process that an earlier launcher has started. */
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

/**
 * Handle of a process that ended while no launcher ran. Another process may have the process id by now, so the handle
 * has no process id.
 */
export const exitedProcess: ProcessHandle = {
  pid: undefined,
  processGroup: undefined,
  hasExited: () => true,
  exited: Promise.resolve(unknownExit),
  logTail: noLogTail,
  release: () => undefined,
};

/** Handle of a launch whose process was not found. The process may never have been started. */
export const unknownProcess: ProcessHandle = {
  ...exitedProcess,
  hasExited: () => false,
  exited: new Promise(() => undefined),
};

function noLogTail(): Promise<string> {
  return Promise.resolve('');
}
