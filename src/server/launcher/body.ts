/** The process behind a start, whether this launcher brought it up or found it running. */
import type { Clock, Timer } from '../../core/clock.js';
import type { ProcessExit, Processes, SpawnedProcess } from '../../core/processes.js';

const pollMs = 250;

const unknown: ProcessExit = { code: null, signal: null };

/** What is known of a process. */
export interface Body {
  /** Undefined while it is not known whether there is one. */
  readonly pid: number | undefined;
  /** Head of which group it is; undefined where that group may be somebody else's by now. */
  readonly group: number | undefined;
  /** Whether it certainly lives no more, though nobody was told yet; asks the host. */
  isGone(): boolean;
  /** Resolves when it has ended. Never rejects, nor resolves after {@link release}. */
  readonly exited: Promise<ProcessExit>;
  /** The end of what it printed. */
  lastWords(): Promise<string>;
  /** Looks no more. */
  release(): void;
}

/** One that was started here. */
export function ownBody(processes: Processes, process: SpawnedProcess): Body {
  const { pid, exited, identity } = process;
  let released = false;
  return {
    pid,
    group: pid,
    isGone: () => identity !== undefined && processes.identityOf(pid) !== identity,
    exited: new Promise((resolve) => void exited.then((exit) => (released ? undefined : resolve(exit)))),
    lastWords: () => process.lastWords(),
    release: () => (released = true),
  };
}

/** One that somebody else started, and that lives: it is looked at four times a second. */
export function foundBody(processes: Processes, clock: Clock, pid: number, identity: string): Body {
  let timer: Timer | undefined;
  const exited = new Promise<ProcessExit>((resolve) => {
    const look = (): void => {
      if (processes.identityOf(pid) !== identity) {
        resolve(unknown);
        return;
      }
      timer = clock.setTimer(look, pollMs);
      timer.setRef(false);
    };
    look();
  });
  return {
    pid,
    group: pid,
    isGone: () => processes.identityOf(pid) !== identity,
    exited,
    lastWords: silence,
    release: () => timer?.cancel(),
  };
}

/** One that ended while nobody looked. Its process id may be another's by now. */
export const lostBody: Body = {
  pid: undefined,
  group: undefined,
  isGone: () => true,
  exited: Promise.resolve(unknown),
  lastWords: silence,
  release: () => undefined,
};

/** One that may never have been there. */
export const doubtfulBody: Body = { ...lostBody, isGone: () => false, exited: new Promise(() => undefined) };

function silence(): Promise<string> {
  return Promise.resolve('');
}
