/**
 * What the parts of the server need of each other. The folders beside this file (names, store, http, launcher) know
 * this file, `core` and `wire`, and not one another; `index.ts` puts them together.
 */
import type { Clock } from '../core/clock.js';
import type {
  ChangeResponse,
  DefineRequest,
  DirectoryResponse,
  DirectoryRequest,
  ExportLine,
  ImportResponse,
  LaunchResponse,
  LaunchRequest,
  LaunchRule,
  LinkRequest,
  ListResponse,
  MoveRequest,
  RegisterResponse,
  RegisterRequest,
  RemoveRequest,
  RenewResponse,
  RenewRequest,
  ReportRequest,
  ResolveResponse,
  SearchResponse,
  StatusResponse,
  StopResponse,
  StopRequest,
  WatchEvent,
  WhoisResponse,
  WithdrawRequest,
} from '../protocol/messages.js';
import type { Hashing } from '../protocol/launch-proof.js';

/** Time, chance and hashing, as the server's parts get them. */
export interface ServerRuntime extends Clock, Hashing {}

// ---- store

/** One change of one record; without a value the record goes. */
export interface RecordChange {
  readonly key: string;
  readonly value: string | undefined;
}

/**
 * Records that outlive the process: texts under texts. There is one writer, which waits for each `write` before the
 * next; a suite checks every implementation.
 */
export interface Store {
  /** All records, once, before anything else. Rejects when any of them is damaged, naming it. */
  load(): Promise<ReadonlyMap<string, string>>;
  /**
   * Writes all of it or nothing. Once it resolves no crash of the process and no loss of power takes it back. When it
   * rejects, nothing is acknowledged any more: the server turns read-only. @see promises C5.1, C5.7
   */
  write(changes: readonly RecordChange[]): Promise<void>;
  /** Lets go of files and locks. Not called while a `write` is under way. */
  close(): Promise<void>;
}

// ---- names

/** Who asks; without tickets, everybody from one address is one principal. */
export interface Caller {
  /** For quotas: `address:127.0.0.1`, `launcher`, … */
  readonly principal: string;
}

/**
 * The names themselves. Reads are synchronous and show what is durable, nothing else; changes resolve once they are
 * durable, and are seen by every read and every watch from then on. Refusals reject with a `ClerkError` and change
 * nothing.
 */
export interface NameService {
  /** @throws `NAME_NOT_FOUND`, `NAME_INVALID` */
  resolve(name: string): ResolveResponse;
  /**
   * The body of `resolve`'s answer as JSON, made once for each change rather than for each question; undefined where
   * `resolve` would throw. Counts as a promise given.
   */
  resolveJson(name: string): string | undefined;
  list(glob: string, after: string | undefined, maxEntries: number): ListResponse;
  search(glob: string, filter: Readonly<Record<string, string>>): SearchResponse;
  whois(address: string): WhoisResponse;
  status(): StatusResponse;
  /** Registrations that were dropped since nobody renewed them, from when this process began. */
  readonly expiredRegistrations: number;
  /** Reports that came, opinions in them, marks that were made, from when this process began; endpoints that are suspect now. */
  readonly healthStats: {
    readonly reports: number;
    readonly endpointReports: number;
    readonly suspectTransitions: number;
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
  /** Takes what a clerk says of endpoints. Never refuses: what it does not know it passes over. */
  report(request: ReportRequest, caller: Caller): void;
  withdraw(request: WithdrawRequest): Promise<ChangeResponse>;
  /** All or nothing. */
  importLines(lines: readonly ExportLine[]): Promise<ImportResponse>;

  /** Opens a watch; events come in order, never synchronously from here. */
  watch(options: WatchOptions): OpenWatch;
  /** Said to the launcher and to metrics, after it is durable. Returns what takes it back. */
  onRegistered(listener: (name: string, id: string, epoch: number) => void): () => void;

  /** Records that the launcher keeps beside the names: durable as they are. */
  readonly launches: LaunchRecords;
  /** The rule by which a name is started, after following links, with the name it is started under. */
  launchRule(name: string): { readonly canonical: string; readonly rule: LaunchRule | undefined };

  /** What was acknowledged stays; what waits is refused with `CLERK_CLOSED`. */
  close(): Promise<void>;
}

/** What a watch is opened with. */
export interface WatchOptions {
  readonly id: string;
  readonly globs: readonly string[];
  readonly since: { readonly incarnation: string; readonly revision: string } | undefined;
  /** One event, with the revision it brings the watcher to. Heartbeats come here too. */
  readonly onEvent: (event: WatchEvent, revision: string) => void;
  /**
   * Asked between slices of at most 128 events while all that is there is told; the next slice waits for the promise it
   * gives, if any. Without it slices follow one another as fast as arrivals allow.
   */
  readonly whenDrained?: () => Promise<void> | undefined;
}

/** An open watch. */
export interface OpenWatch {
  /** @throws `NAME_INVALID`, `LIMIT_EXCEEDED` */
  edit(add: readonly string[], remove: readonly string[]): void;
  /** Begins anew, after events were thrown away because nobody took them: `resync`, all that is there, `current`. */
  resync(reason: string): void;
  close(): void;
}

/** What the launcher remembers of one start, by canonical name. */
export interface LaunchRecord {
  readonly name: string;
  readonly manifest: string;
  readonly instance: string;
  readonly epoch: number;
  /** `intent`: it may have been started. `running`: it was, with this process id. */
  readonly state: 'intent' | 'running';
  readonly pid: number | undefined;
  /** Tells the process from a later one with the same id. */
  readonly startTicks: string | undefined;
  /** SHA-256 of the service's half of the ticket pair, hexadecimal; the ticket itself is never stored. */
  readonly ticketHash: string;
  /** The server's own half, from which its proof is made; emptied once the ticket was used. See `proofOf`. */
  readonly registryKey: string;
  /** The ticket was used: it is worth nothing any more. */
  readonly redeemed: boolean;
  /** Wall clock, ms; for people. */
  readonly startedAt: number;
}

/** Durable records of starts. */
export interface LaunchRecords {
  all(): readonly LaunchRecord[];
  /**
   * The fencing number of the next start of a name; durable before it resolves, together with the record.
   * @see promises C6.2
   */
  recordIntent(
    record: Omit<LaunchRecord, 'epoch' | 'state' | 'pid' | 'startTicks' | 'redeemed'>,
  ): Promise<LaunchRecord>;
  update(record: LaunchRecord): Promise<void>;
  remove(name: string, instance: string): Promise<void>;
}

// ---- launcher

/** Starts and ends services of this host. */
export interface Launcher {
  /** Rejects with `START_FAILED` and the reason, `NAME_NOT_FOUND`, `FORBIDDEN` (no rule), `LIMIT_EXCEEDED`. */
  launch(request: LaunchRequest, signal: AbortSignal | undefined): Promise<LaunchResponse>;
  stop(request: StopRequest): Promise<StopResponse>;
  /** Ends it, forgets its failures, and starts it again. */
  reset(request: StopRequest): Promise<LaunchResponse>;
  /** Whether a manifest for this rule exists. */
  hasManifest(manifest: string): boolean;
  /** Stops supervising; what runs goes on running. @see Tcl-DP T6 */
  close(): Promise<void>;
}
