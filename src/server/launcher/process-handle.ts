import type { Clock, Timer } from '../../core/clock.js';
import type { ProcessExit, Processes, SpawnedProcess } from '../../core/processes.js';

/** Interval at which an adopted process is checked, in ms: the host reports the exit of child processes only. */
const pollMs = 250;

const unknownExit: ProcessExit = { code: null, signal: null };

/** The process of a launch: spawned by this launcher, or adopted from an earlier one. */
export interface ProcessHandle {
  /** Undefined while no process is known. */
  readonly pid: number | undefined;
  /** Id of the process group it leads; undefined when the id may belong to another group by now. */
  readonly processGroup: number | undefined;
  /** Whether the process has certainly ended; asks the host, so it can be true before {@link exited} resolves. */
  hasExited(): boolean;
  /** Resolves when the process has ended. Never rejects, and never resolves after {@link release}. */
  readonly exited: Promise<ProcessExit>;
  /** The end of the process's log. */
  logTail(): Promise<string>;
  /** Stops watching the process. */
  release(): void;
}

/** Handle of a process that this launcher has started. */
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

/** Handle of a running process that an earlier launcher has started. */
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

/** Handle of a process that ended while no launcher ran. Its process id may be in use again. */
export const exitedProcess: ProcessHandle = {
  pid: undefined,
  processGroup: undefined,
  hasExited: () => true,
  exited: Promise.resolve(unknownExit),
  logTail: noLogTail,
  release: () => undefined,
};

/** Handle of a process that may never have been started. */
export const unknownProcess: ProcessHandle = {
  ...exitedProcess,
  hasExited: () => false,
  exited: new Promise(() => undefined),
};

function noLogTail(): Promise<string> {
  return Promise.resolve('');
}
