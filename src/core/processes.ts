import type { Address } from './address.js';

/** How to start a program. The program inherits no environment, files or working directory from this process. */
export interface SpawnOptions {
  /** Absolute path of the program, which is started without a shell. */
  readonly file: string;
  readonly argv0: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Default: user and group of this process. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Text that the program gets on its standard input, which ends after the text. */
  readonly stdin: string;
  /** New file for standard output and standard error, readable by its owner only. If undefined, both are discarded. */
  readonly logFile: string | undefined;
  readonly maxLogFiles: number;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A started program, the leader of a process group of its own. */
export interface SpawnedProcess {
  readonly pid: number;
  readonly identity: string | undefined;
  /** Resolves when the leader has ended. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  logTail(): Promise<string>;
}

/**
 * State of the listener at an address, determined without a connection:
 *
 * - `none`: no socket of this host listens at the address
 * - `stopped`: every process that has the listening socket open is stopped (SIGSTOP)
 * - `listening`: a socket listens at the address
 * - `unknown`: the address may belong to another host, or this host has no `/proc`
 */
export type ListenerState = 'none' | 'stopped' | 'listening' | 'unknown';

/**
 * What was done with a log file:
 *
 * - `kept`: nothing
 * - `copied`: the file was too long; it was copied and emptied
 * - `emptied`: the file was too long and no earlier files are kept, so it was emptied
 * - `discarded`: the disk has too little space, so earlier files were removed, or the file was emptied, or both
 */
export type LogRotation = 'kept' | 'copied' | 'emptied' | 'discarded';

export type TerminationSignal = 'SIGTERM' | 'SIGKILL';

/**
 * Port to the processes of this host, for the launcher. An *environment marker* is an entry `NAME=value` in the
 * environment of a program. Processes that the program starts inherit the marker, so they are found even outside the
 * process group. Without `/proc`, no process is found by marker. Zombies count as ended.
 */
export interface Processes {
  /** Whether this process has process id 1. If so, a process whose parent has ended becomes a child of this process. */
  readonly isInit: boolean;
  /** Starts a program that runs on after the end of this process. Rejects when the program cannot be started. */
  spawn(options: SpawnOptions): Promise<SpawnedProcess>;
  /** Returns a text that no other process has, not even a later process with the same pid; undefined when unknown. */
  identityOf(pid: number): string | undefined;
  /**
   * Whether a job control signal, such as SIGSTOP, has stopped a process. A process that a debugger has stopped does
   * not count.
   */
  isStopped(pid: number): boolean;
  listenerState(address: Address): Promise<ListenerState>;
  /**
   * Returns the number of connections that no process has accepted yet. If several sockets listen at the address,
   * returns the lowest of their numbers. Returns 0 when no socket listens, or the number is unknown.
   */
  waitingConnections(address: Address): Promise<number>;
  /**
   * Connects to an address of this host and waits for an answer: a byte, the end of a TLS handshake, or the end of
   * the connection. At a `tcp` address, an established connection is an answer.
   * - `silent`: there was no connection or no answer before `signal` aborted
   * - `unknown`: the address may belong to another host, so no connection was tried
   */
  probe(address: Address, signal: AbortSignal): Promise<'answered' | 'silent' | 'unknown'>;
  /**
   * If a log file is longer than `maxBytes`, copies the file to `<path>.1` and empties the file. If the file is longer
   * than twice `maxBytes`, copies only its last `maxBytes`. Keeps `maxFiles` earlier files. If the disk is almost full,
   * removes the earlier files. If that does not make enough space, empties a file of more than 64 KiB.
   * Output that the program writes during the copy may be lost.
   */
  rotateLog(path: string, maxBytes: number, maxFiles: number): Promise<LogRotation>;
  findGroupLeader(envMarker: string): Promise<number | undefined>;
  /** Whether any process in the group or with the marker is alive. */
  isAlive(group: number | undefined, envMarker: string): Promise<boolean>;
  /** Sends a signal to the group, then to all other processes with the marker. Ended processes are ignored. */
  signal(group: number | undefined, envMarker: string, signal: TerminationSignal): Promise<void>;
  env(name: string): string | undefined;
}
