/**
 * The interfaces between the parts of the server. The folders naming, store, http and launcher import this file, `core`
 * and `protocol`, and not each other; `index.ts` connects them.
 */
import type { Clock } from '../core/clock.js';
import type { Hashing } from '../protocol/launch-proof.js';
import type {
  ChangeResponse,
  DefineRequest,
  DirectoryRequest,
  DirectoryResponse,
  ExportLine,
  ImportResponse,
  LaunchRequest,
  LaunchResponse,
  LaunchRule,
  LinkRequest,
  ListResponse,
  MoveRequest,
  RegisterRequest,
  RegisterResponse,
  RemoveRequest,
  RenewRequest,
  RenewResponse,
  ReportRequest,
  ResolveResponse,
  SearchResponse,
  StatusResponse,
  StopRequest,
  StopResponse,
  WatchEvent,
  WhoisResponse,
  WithdrawRequest,
} from '../protocol/messages.js';

/** Clock, random numbers and hashing of the server. */
export interface ServerRuntime extends Clock, Hashing {}

// ---- store

/** A change of one record; undefined deletes it. */
export interface RecordChange {
  readonly key: string;
  readonly value: string | undefined;
}

/**
 * Durable records: strings by string keys. There is one writer, which waits for each `write` before the next one. Every
 * implementation must pass the store suite.
 */
export interface Store {
  /** Loads all records. Called once, first. Rejects when a record is damaged, naming its key. */
  load(): Promise<ReadonlyMap<string, string>>;
  /**
   * Writes all changes or none. Once it resolves, they survive a crash and a power failure. After it rejects, the
   * server is read-only.
   *
   * @see [C5.1](../../docs/guarantees.md#c5-1), [C5.7](../../docs/guarantees.md#c5-7)
   */
  write(changes: readonly RecordChange[]): Promise<void>;
  /** Releases files and locks. Not called during a `write`. */
  close(): Promise<void>;
}

// ---- naming

/** The sender of a request. Without authentication, all clients of one address are one principal. */
export interface Caller {
  /** Whose quotas apply: `address:127.0.0.1`, `launcher`, … */
  readonly principal: string;
}

/**
 * The name space. Reads are synchronous and show the durable state only. Changes resolve once they are durable, and are
 * visible to every later read and watch. A rejected change rejects with a `ClerkError` and changes nothing.
 */
export interface NameService {
  /** @throws {@link ClerkError} `NAME_NOT_FOUND`; `NAME_INVALID` */
  resolve(name: string): ResolveResponse;
  /**
   * The response of `resolve` as JSON, built once per change rather than per request; undefined when `resolve` would
   * throw. Starts the guarantee of the entries on the path again.
   */
  resolveJson(name: string): string | undefined;
  list(glob: string, after: string | undefined, maxEntries: number): ListResponse;
  search(glob: string, filter: Readonly<Record<string, string>>): SearchResponse;
  whois(address: string): WhoisResponse;
  status(): StatusResponse;
  /** Registrations whose lease has expired, since this process started. */
  readonly expiredRegistrations: number;
  /** Counters since this process started; `suspects` is the present number. */
  readonly healthStats: {
    /** Health reports received. */
    readonly reports: number;
    /** Verdicts on endpoints in those reports. */
    readonly endpointReports: number;
    /** Times an endpoint became suspect. */
    readonly suspectTransitions: number;
    /** Endpoints that are suspect now. */
    readonly suspects: number;
  };
  exportLines(): IterableIterator<ExportLine>;

  define(request: DefineRequest): Promise<ChangeResponse>;
  link(request: LinkRequest): Promise<ChangeResponse>;
  directory(request: DirectoryRequest): Promise<DirectoryResponse>;
  move(request: MoveRequest): Promise<ChangeResponse>;
  remove(request: RemoveRequest): Promise<ChangeResponse>;
  register(request: RegisterRequest, caller: Caller): Promise<RegisterResponse>;
  renew(request: RenewRequest): RenewResponse;
  /** Adds the health report of a client. Never throws; verdicts on unknown endpoints are ignored. */
  report(request: ReportRequest, caller: Caller): void;
  withdraw(request: WithdrawRequest): Promise<ChangeResponse>;
  /** Imports all lines or none. */
  importLines(lines: readonly ExportLine[]): Promise<ImportResponse>;

  /** Opens a watch. Events arrive in order, never synchronously from here. */
  watch(options: WatchOptions): OpenWatch;
  /** Calls the listener for every durable registration. Returns a function that removes it. */
  onRegistered(listener: (name: string, id: string, epoch: number) => void): () => void;

  /** The launcher's records, in the same store. */
  readonly launches: LaunchRecords;
  /** The launch rule of a name, and its canonical name. */
  launchRule(name: string): { readonly canonical: string; readonly rule: LaunchRule | undefined };

  /** Completes the write in progress. Rejects queued changes with `CLERK_CLOSED`. */
  close(): Promise<void>;
}

/** Options of a watch. */
export interface WatchOptions {
  readonly id: string;
  readonly globs: readonly string[];
  readonly since: { readonly incarnation: string; readonly revision: string } | undefined;
  /** Receives each event, including heartbeats, with the revision that the watch has reached. */
  readonly onEvent: (event: WatchEvent, revision: string) => void;
  /**
   * Called between slices of at most 128 events of a snapshot. The next slice waits until the result
   * settles. Without it, slices follow each other as pending I/O allows.
   */
  readonly whenDrained?: () => Promise<void> | undefined;
}

/** A running watch. */
export interface OpenWatch {
  /** @throws {@link ClerkError} `NAME_INVALID`; `LIMIT_EXCEEDED` */
  edit(add: readonly string[], remove: readonly string[]): void;
  /** Sends `resync`, a full snapshot and `current`, after events were dropped because the client was slow. */
  resync(reason: string): void;
  close(): void;
}

/** The record of one start. */
export interface LaunchRecord {
  /** Canonical name. */
  readonly name: string;
  readonly manifest: string;
  readonly instance: string;
  readonly epoch: number;
  /** `intent`: the process may have been started. `running`: it was started as `pid`. */
  readonly state: 'intent' | 'running';
  readonly pid: number | undefined;
  /** Start time of the process, which distinguishes it from a later process with the same pid. */
  readonly startTicks: string | undefined;
  /** SHA-256 of the service's half of the ticket pair, hexadecimal. The ticket itself is never stored. */
  readonly ticketHash: string;
  /** The server's half, from which `launchProof` makes the proof. Empty once the ticket is redeemed. */
  readonly registryKey: string;
  /** The ticket was used and is no longer valid. */
  readonly redeemed: boolean;
  /** Wall clock, ms since 1970; for display only. */
  readonly startedAt: number;
}

/** A start that is about to happen. Recording it assigns its epoch. */
export type LaunchIntent = Omit<LaunchRecord, 'epoch' | 'state' | 'pid' | 'startTicks' | 'redeemed'>;

/** Durable records of starts. */
export interface LaunchRecords {
  all(): readonly LaunchRecord[];
  /**
   * Assigns the epoch of a start and records it. Both are durable before it resolves.
   *
   * @see [C6.2](../../docs/guarantees.md#c6-2)
   */
  recordIntent(intent: LaunchIntent): Promise<LaunchRecord>;
  update(record: LaunchRecord): Promise<void>;
  remove(name: string, instance: string): Promise<void>;
}

// ---- launcher

/** Starts and stops services on this host. */
export interface Launcher {
  /**
   * Starts a service, or waits for a start in progress.
   *
   * @throws {@link ClerkError} `START_FAILED` with the reason; `NAME_NOT_FOUND`; `FORBIDDEN` when the service has no
   *   launch rule; `LIMIT_EXCEEDED`
   */
  launch(request: LaunchRequest, signal: AbortSignal | undefined): Promise<LaunchResponse>;
  stop(request: StopRequest): Promise<StopResponse>;
  /** Stops a service, resets its start backoff, and starts it again. */
  reset(request: StopRequest): Promise<LaunchResponse>;
  /** Whether this manifest exists. */
  hasManifest(manifest: string): boolean;
  /** Stops supervising. Started services keep running. @see [T6](../../docs/background.md#t6) */
  close(): Promise<void>;
}
