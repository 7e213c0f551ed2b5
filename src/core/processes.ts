/**
 * Port to the processes of this host, for the launcher. The port starts programs that outlive this process, and ends
 * all processes that a program has started. The port distinguishes a process from a later process with the same process
 * id. With a fake of this port, tests run the launcher in virtual time.
 */

/**
 * How to start a program. The program gets only the environment, files and working directory in these options, and
 * inherits none from this process.
 */
export interface SpawnOptions {
  /** Absolute path of the program. No shell is involved. */
  readonly file: string;
  /** `argv[0]` of the program. */
  readonly argv0: string;
  readonly args: readonly string[];
  /** The complete environment of the program. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** User and group that the program runs as. Default: user and group of this process. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Text that is written to the program's standard input. The standard input is closed afterwards. */
  readonly stdin: string;
  /** Path of a new file for standard output and standard error, readable by its owner only. Undefined discards both. */
  readonly logFile: string | undefined;
}

/** How a program ended: with an exit code, or by a signal. Both are null when it is unknown how the program ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A started program, which leads a process group of its own. */
export interface SpawnedProcess {
  readonly pid: number;
  /** Result of {@link Processes.identityOf} for the program's process. */
  readonly identity: string | undefined;
  /** Resolves when the program's own process has ended. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** Resolves to the last 4,096 bytes of the program's log file. Never rejects. */
  logTail(): Promise<string>;
}

/** Signals that end a program. */
export type TerminationSignal = 'SIGTERM' | 'SIGKILL';

/**
 * Processes of this host. An *environment marker* is an entry `NAME=value` in the environment of a program; the
 * processes that the program starts inherit the marker. So a process that has left the program's process group can still
 * be found by the marker. On a host without `/proc`, no process is found by marker. Zombies count as ended.
 */
export interface Processes {
  /** Starts a program. Rejects with the reason when the program cannot be started. */
  spawn(options: SpawnOptions): Promise<SpawnedProcess>;
  /**
   * Returns a string that identifies the process among all present and future processes of this host. Undefined when
   * the process is not alive, or when the host provides no identities.
   */
  identityOf(pid: number): string | undefined;
  /** Resolves to the id of the process with this marker that leads a process group; undefined when there is none. */
  findGroupLeader(envMarker: string): Promise<number | undefined>;
  /** Whether any process in the group or any process with the marker is alive. */
  isAlive(group: number | undefined, envMarker: string): Promise<boolean>;
  /**
   * Sends a signal to all processes in the group, then to all other processes with the marker. Processes that have
   * ended are ignored.
   */
  signal(group: number | undefined, envMarker: string, signal: TerminationSignal): Promise<void>;
  /** Returns a variable of the environment of this process. */
  env(name: string): string | undefined;
}
