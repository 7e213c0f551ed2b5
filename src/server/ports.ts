/**
 * The interfaces between the parts of the server. The folders naming, store, http and launcher may import this file,
 * `core` and `protocol`, but never each other. `index.ts` connects the parts.
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

/** A change of one stored record: stores `value` under `key`, or deletes the record when `value` is undefined. */
export interface RecordChange {
  readonly key: string;
  readonly value: string | undefined;
}

/**
 * Durable store of records. The server is the only writer, and never calls `write` while another `write` is in
 * progress. Every implementation must pass `test/server/store/store-suite.ts`.
 */
export interface Store {
  /**
   * Loads all records. Called once, before any other method. Rejects when a record is damaged; the error names the key
   * of the record.
   */
  load(): Promise<ReadonlyMap<string, string>>;
  /**
   * Writes all changes or none. Once the promise resolves, the changes survive a crash and a power failure. After a
   * rejected `write`, the server is read-only.
   *
   * @see [C5.1](../../docs/guarantees.md#c5-1), [C5.7](../../docs/guarantees.md#c5-7)
   */
  write(changes: readonly RecordChange[]): Promise<void>;
  /** Releases files and locks. Not called during a `write`. */
  close(): Promise<void>;
}

// ---- naming

/**
 * The sender of a request. The server has no authentication, so all clients with the same IP address share one
 * principal.
 */
export interface Caller {
  /** Principal whose quotas the request uses: `address:127.0.0.1`, `launcher`, … */
  readonly principal: string;
}

/**
 * The name space of the server. Reads are synchronous and show only durable state. When the promise of a change
 * resolves, the change is durable, and every read and watch shows the change. A change that is rejected with a
 * `ClerkError` has no effect.
 */
export interface NameService {
  /** @throws {@link ClerkError} `NAME_NOT_FOUND`; `NAME_INVALID` */
  resolve(name: string): ResolveResponse;
  /**
   * Returns the response of `resolve` as JSON; undefined where `resolve` would throw. The JSON is usually cached until
   * the name changes. Like `resolve`, restarts the time for which the entries on the path are guaranteed not to change.
   */
  resolveJson(name: string): string | undefined;
  list(glob: string, after: string | undefined, maxEntries: number): ListResponse;
  search(glob: string, filter: Readonly<Record<string, string>>): SearchResponse;
  whois(address: string): WhoisResponse;
  status(): StatusResponse;
  /** Number of registrations whose lease has expired since this process started. */
  readonly expiredRegistrations: number;
  /** Health statistics. The counters start at 0 when this process starts; `suspects` is a current number. */
  readonly healthStats: {
    /** Number of health reports received. */
    readonly reports: number;
    /** Number of verdicts in all received health reports. A report can have verdicts on several endpoints. */
    readonly endpointReports: number;
    /** Number of times that an endpoint became suspect. */
    readonly suspectTransitions: number;
    /** Number of endpoints that are suspect now. */
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
  /** Counts the health report of a client. Never throws. Ignores verdicts on unknown endpoints. */
  report(request: ReportRequest, caller: Caller): void;
  withdraw(request: WithdrawRequest): Promise<ChangeResponse>;
  /** Imports all lines or none. */
  importLines(lines: readonly ExportLine[]): Promise<ImportResponse>;

  /** Opens a watch. `onEvent` is called in the order of the events, and never during this call. */
  watch(options: WatchOptions): OpenWatch;
  /**
   * Calls `listener` for each registration of an endpoint, once the registration is durable. Returns a function that
   * removes the listener.
   */
  onRegistered(listener: (name: string, id: string, epoch: number) => void): () => void;

  /** The launcher's records of starts, kept in the same store as the names. */
  readonly launches: LaunchRecords;
  /**
   * Returns the canonical name to which `name` leads through links, and the launch rule of the service with this
   * canonical name. The rule is undefined when the service has none.
   */
  launchRule(name: string): { readonly canonical: string; readonly rule: LaunchRule | undefined };

  /**
   * Closes the name server. Waits for the store write in progress, and rejects the changes that wait for a write with
   * `CLERK_CLOSED`.
   */
  close(): Promise<void>;
}

/** Options of a watch. */
export interface WatchOptions {
  readonly id: string;
  readonly globs: readonly string[];
  readonly since: { readonly incarnation: string; readonly revision: string } | undefined;
  /**
   * Called with each event, including heartbeats. `revision` is the position from which a client that has received the
   * event can resume.
   */
  readonly onEvent: (event: WatchEvent, revision: string) => void;
  /**
   * Called after each slice of a snapshot; a slice has at most 128 events. If this function returns a promise, the next
   * slice is sent when the promise resolves. Otherwise the next slice is sent after pending I/O was handled.
   */
  readonly whenDrained?: () => Promise<void> | undefined;
}

/** A running watch. */
export interface OpenWatch {
  /** @throws {@link ClerkError} `NAME_INVALID`; `LIMIT_EXCEEDED` */
  edit(add: readonly string[], remove: readonly string[]): void;
  /**
   * Sends a `resync` event with `reason`, a full snapshot, and a `current` event. To be called after events were
   * dropped because the client read too slowly.
   */
  resync(reason: string): void;
  close(): void;
}

/** The durable record of one start of a service. */
export interface LaunchRecord {
  /** Canonical name of the service. */
  readonly name: string;
  readonly manifest: string;
  readonly instance: string;
  readonly epoch: number;
  /** `intent`: the process may have been started. `running`: the process was started with process id `pid`. */
  readonly state: 'intent' | 'running';
  readonly pid: number | undefined;
  /**
   * Start time of the process, as the operating system reports it. Together with `pid`, identifies the process, even if
   * another process gets the same `pid` after the process has ended.
   */
  readonly startTicks: string | undefined;
  /** SHA-256 of the ticket that the service received, as hexadecimal digits. The ticket itself is never stored. */
  readonly ticketHash: string;
  /**
   * Secret of the registry, from which `launchProof` computes the proof for the service. Empty once the ticket is
   * redeemed.
   */
  readonly registryKey: string;
  /** Whether the ticket was used; a used ticket is no longer valid. */
  readonly redeemed: boolean;
  /** Wall-clock time of the start, in ms since 1970; for display only. */
  readonly startedAt: number;
}

/** A start that is about to happen. `LaunchRecords.recordIntent` assigns the epoch of the start. */
export type LaunchIntent = Omit<LaunchRecord, 'epoch' | 'state' | 'pid' | 'startTicks' | 'redeemed'>;

/** Durable records of starts. */
export interface LaunchRecords {
  all(): readonly LaunchRecord[];
  /**
   * Assigns the epoch of a start and records the start. The epoch and the record are durable when the promise resolves.
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
   * Starts a service, or waits for a start of the same service that is in progress.
   *
   * @throws {@link ClerkError} `START_FAILED` with the reason; `NAME_NOT_FOUND`; `FORBIDDEN` when the service has no
   *   launch rule; `LIMIT_EXCEEDED`
   */
  launch(request: LaunchRequest, signal: AbortSignal | undefined): Promise<LaunchResponse>;
  stop(request: StopRequest): Promise<StopResponse>;
  /** Stops a service, resets the start backoff of the service, and starts the service again. */
  reset(request: StopRequest): Promise<LaunchResponse>;
  /** Whether a manifest with this name exists. */
  hasManifest(manifest: string): boolean;
  /** Stops supervising the started services. The services keep running. @see [T6](../../docs/background.md#t6) */
  close(): Promise<void>;
}
