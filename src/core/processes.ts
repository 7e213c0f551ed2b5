/**
 * Programs of this host: starting them so that they outlive who started them, telling one from a later one with the
 * same process id, and ending all that a program has brought up. The launcher's door to the machine; a fake of it lets
 * a launcher run in virtual time.
 */

/** What is to be started, and with what. Nothing else of the starting process reaches the program. */
export interface SpawnOptions {
  /** Absolute path of the program. No shell sees it or its arguments. */
  readonly file: string;
  /** What the program is told it was called as. */
  readonly argv0: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Whom it runs as; left out, as who starts it. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Comes on its standard input, and then the end of it. */
  readonly stdin: string;
  /** File for standard output and standard error, begun anew, for its owner alone; undefined: both are thrown away. */
  readonly logFile: string | undefined;
}

/** How a program ended; both are null where nobody can tell. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A program that was started, at the head of a process group of its own. */
export interface SpawnedProcess {
  readonly pid: number;
  /** As {@link Processes.identityOf} says of it; undefined where this host cannot tell. */
  readonly identity: string | undefined;
  /** Resolves when it has ended, whatever its children do. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** The last 4,096 bytes of its log, or less; never rejects. */
  logTail(): Promise<string>;
}

/** The ways to tell a program to end. */
export type TerminationSignal = 'SIGTERM' | 'SIGKILL';

/**
 * Programs of this host. A *mark* is an entry of a program's environment, `NAME=value`, which whatever it starts
 * inherits: it finds those that have left the process group. Where the host does not show environments (no `/proc`),
 * nothing has a mark. Processes that have ended and were not collected by their parents (zombies) count as gone.
 */
export interface Processes {
  /** Rejects when the program cannot be started, saying why. */
  spawn(options: SpawnOptions): Promise<SpawnedProcess>;
  /**
   * What no other process of this host has, had or will have, for a process that lives; undefined when there is none
   * with this id, or where this host cannot tell.
   */
  identityOf(pid: number): string | undefined;
  /** The process with this mark that leads its process group. */
  findGroupLeader(envMarker: string): Promise<number | undefined>;
  /** Whether a member of the group, or anybody with the mark, lives. */
  isAlive(group: number | undefined, envMarker: string): Promise<boolean>;
  /** Tells all members of the group at once, then everybody else with the mark. Whoever is gone is no error. */
  signal(group: number | undefined, envMarker: string, signal: TerminationSignal): Promise<void>;
  /** A variable of the environment of this process. */
  env(name: string): string | undefined;
}
