/**
 * Port to the processes of this host, for the launcher. It starts programs that outlive this process, and ends all
 * processes that a program has started. It distinguishes a process from a later one with the same process id. A fake lets the launcher run in
 * virtual time.
 */

/** How to start a program. It inherits nothing else of this process. */
export interface SpawnOptions {
  /** Absolute path of the program. No shell is involved. */
  readonly file: string;
  /** Its `argv[0]`. */
  readonly argv0: string;
  readonly args: readonly string[];
  /** The complete environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** User and group to run as. Default: those of this process. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Written to its standard input, which is then closed. */
  readonly stdin: string;
  /** File for standard output and standard error, newly created, for its owner only; undefined discards both. */
  readonly logFile: string | undefined;
}

/** How a program ended; both are null when that is unknown. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A started program. It leads its own process group. */
export interface SpawnedProcess {
  readonly pid: number;
  /** Result of {@link Processes.identityOf}. */
  readonly identity: string | undefined;
  /** Resolves when the program itself has ended. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** The last 4,096 bytes of its log file. Never rejects. */
  logTail(): Promise<string>;
}

/** Signals that end a program. */
export type TerminationSignal = 'SIGTERM' | 'SIGKILL';

/**
 * Processes of this host. An *environment marker* is an entry `NAME=value` of a program's environment, which all processes
 * it starts inherit. It finds processes that have left the process group. A host without `/proc` finds none by marker.
 * Zombies count as ended.
 */
export interface Processes {
  /** Rejects with the reason when the program cannot be started. */
  spawn(options: SpawnOptions): Promise<SpawnedProcess>;
  /**
   * A string that no other process of this host has or will ever have; undefined when no such process is alive, or when
   * the host provides no identity.
   */
  identityOf(pid: number): string | undefined;
  /** Id of the process with this marker that leads its process group. */
  findGroupLeader(envMarker: string): Promise<number | undefined>;
  /** Whether any process of the group, or with the marker, is alive. */
  isAlive(group: number | undefined, envMarker: string): Promise<boolean>;
  /** Signals all processes of the group, then all others with the marker. Processes that have ended are ignored. */
  signal(group: number | undefined, envMarker: string, signal: TerminationSignal): Promise<void>;
  /** A variable of the environment of this process. */
  env(name: string): string | undefined;
}
