/** The interfaces between the folders of the server. Folders of the server import this file, and never each other. */
import type { CallActivity } from '../core/call-activity.js';
import type { Clock } from '../core/clock.js';
import type { CheckedCredentials } from '../core/credentials.js';
import type { ClerkError } from '../core/errors.js';
import type { KeyPin } from '../core/key-pin.js';
import type { Hashing } from '../protocol/launch-proof.js';
import type {
  LaunchRequest,
  LaunchResponse,
  ResetRequest,
  StopRequest,
  StopResponse,
} from '../protocol/launch-messages.js';
import type {
  ListResponse,
  ResolveResponse,
  SearchResponse,
  WhoisResponse,
} from '../protocol/lookup-messages.js';
import type {
  ChangeResponse,
  DefineRequest,
  DirectoryRequest,
  DirectoryResponse,
  ExportLine,
  ImportResponse,
  LaunchRule,
  LinkRequest,
  MoveRequest,
  RemoveRequest,
} from '../protocol/naming-messages.js';
import type {
  RegisterRequest,
  RegisterResponse,
  RenewRequest,
  RenewResponse,
  ReportRequest,
  WithdrawRequest,
} from '../protocol/registration-messages.js';
import type { OutdatedInstance, StatusResponse, StatusTotals } from '../protocol/status-messages.js';
import type { WatchEvent } from '../protocol/watch-messages.js';
import type { Caller, IdentityService } from './identity-service.js';

export interface ServerRuntime extends Clock, Hashing {}

export interface RecordChange {
  readonly key: string;
  readonly value: string | undefined;
}

/**
 * Durable store of records. The server is the only writer, and never runs two writes at once. Each implementation
 * must pass `test/server/store/store-suite.ts`.
 */
export interface Store {
  load(): Promise<ReadonlyMap<string, string>>;
  /** After `load`: {@link DataFolder.identity} of the folder that holds the records. Default: undefined. */
  readonly folderIdentity?: string | undefined;
  /**
   * Writes all changes or none. Resolves when the changes survive a power failure. After a rejected write, the server
   * is read-only until `recover` resolves.
   *
   * @see [C5.1](../../docs/guarantees.md#c5-1), [C5.7](../../docs/guarantees.md#c5-7)
   */
  write(changes: readonly RecordChange[]): Promise<void>;
  /**
   * Called after a rejected write, again and again. Resolves when writes may succeed again, and the changes of the
   * rejected write are removed.
   */
  recover(): Promise<void>;
  /** Receives changes that the server applies only in memory, after a rejected write. Default: ignored. */
  onUnsaved?(changes: readonly RecordChange[]): void;
  close(): Promise<void>;
}

export type {
  AccessGrant,
  AccessTriple,
  Caller,
  IdentityService,
  InstanceOfKey,
  KeyOwner,
} from './identity-service.js';
export type { AuditEntry, AuditLog, AuditQuery, OwnChange } from './audit-log.js';

/** The key of a secured registry, which another process may replace. */
export interface RegistryKey {
  /** The key that the registry proves, and with which it signs tickets. */
  readonly credentials: CheckedCredentials;
  /** The keys that clients and services must accept, the present key first. */
  readonly pins: readonly KeyPin[];
  /** Called before connections and requests are handled. Never throws. */
  poll(): void;
  /** Calls the listener after each change. */
  onChanged(listener: () => void): void;
}

/**
 * The names of the server. Reads are synchronous and show only durable state. A change is durable and visible when
 * its promise resolves. A rejected change has no effect.
 */
export interface NameService {
  resolve(name: string): ResolveResponse;
  /** Like `resolve`, but returns undefined in place of an error. */
  resolveJson(name: string): string | undefined;
  /** The result omits names that are not visible, except as `next`. */
  list(glob: string, after: string | undefined, maxEntries: number, isVisible?: NameVisibility): ListResponse;
  /** The result omits names that are not visible. */
  search(glob: string, filter: Readonly<Record<string, string>>, isVisible?: NameVisibility): SearchResponse;
  /** Like `search`. Lets the event loop handle other work, and shows each change of several names whole or not at all. */
  searchInSlices(
    glob: string,
    filter: Readonly<Record<string, string>>,
    isVisible?: NameVisibility,
  ): Promise<SearchResponse>;
  /**
   * Does work that reads many names, and yields the cost of each of its parts. The work begins again after a change of
   * several names.
   *
   * @throws {@link ClerkError} `LIMIT_EXCEEDED` when such changes follow each other too fast
   */
  readInSlices<T>(start: () => Iterator<number, T>): Promise<T>;
  whois(address: string): WhoisResponse;
  /**
   * Follows the links in a name. The result may be the name of no entry. Returns undefined when the links form a cycle
   * or contain an unknown directory identifier. Restarts no guarantee.
   */
  canonicalOf(name: string): string | undefined;
  /** Revision of the store when it was opened; 0 for an empty store. */
  readonly openedRevision: number;
  status(): StatusResponse & StatusTotals;
  /** The last saved position: incarnation, revision and mark. Each client returns the last position that it has seen. */
  readonly position: string;
  /**
   * Checks positions that a client has returned, separated by commas. If they show that the registry has lost changes,
   * the promise resolves when the new incarnation of the registry is durable. Otherwise returns undefined. The promise
   * never rejects.
   */
  checkPositions(positions: string): Promise<void> | undefined;
  /** Since this process started. */
  readonly expiredRegistrations: number;
  readonly healthStats: {
    /** Since this process started. */
    readonly reports: number;
    /** Endpoints in these reports. */
    readonly endpointReports: number;
    /** How often an endpoint became suspect since this process started. */
    readonly suspectTransitions: number;
    readonly suspects: number;
  };
  exportLines(): IterableIterator<ExportLine>;

  // A secured registry refuses a change without `caller`.
  define(request: DefineRequest, caller?: Caller): Promise<ChangeResponse>;
  link(request: LinkRequest, caller?: Caller): Promise<ChangeResponse>;
  directory(request: DirectoryRequest, caller?: Caller): Promise<DirectoryResponse>;
  move(request: MoveRequest, caller?: Caller): Promise<ChangeResponse>;
  remove(request: RemoveRequest, caller?: Caller): Promise<ChangeResponse>;
  register(request: RegisterRequest, caller: Caller): Promise<RegisterResponse>;
  renew(request: RenewRequest, caller?: Caller): RenewResponse;
  /** Never throws. Ignores unknown endpoints. */
  report(request: ReportRequest, caller: Caller): void;
  /** Without `caller`, the server itself withdraws the endpoint, and needs no secret. */
  withdraw(request: WithdrawRequest, caller?: Caller): Promise<ChangeResponse>;
  importLines(lines: readonly ExportLine[], caller?: Caller): Promise<ImportResponse>;

  /** Opens a watch. `onEvent` is called with each event in order, but never before `watch` has returned. */
  watch(options: WatchOptions): OpenWatch;
  /**
   * Whether the endpoint is suspect: its renewal is overdue, or most principals vote `unreachable`. If the service
   * has no other endpoint, lookups still show the endpoint as `up`.
   */
  isSuspect(name: string, id: string): boolean;
  /**
   * Called for each report that a registered endpoint is unreachable. Returns a function that removes the listener.
   */
  onUnreachable(listener: (id: string) => void): () => void;
  /**
   * Called when a write to the store has failed, so that changes are rejected until the store recovers. Returns a
   * function that removes the listener.
   */
  onStoreFailed(listener: (failure: ClerkError) => void): () => void;
  /** Called for each renewal that states the calls of the service. Returns a function that removes the listener. */
  onActivity(listener: (id: string, activity: CallActivity) => void): () => void;
  /**
   * Calls `listener` for each durable registration of an endpoint that accepts connections. Returns a function that
   * removes the listener.
   */
  onRegistered(listener: (name: string, id: string, epoch: number) => void): () => void;

  readonly launches: LaunchRecords;
  readonly identities: IdentityService;
  /** Returns undefined as `rule` for a service without a launch rule. */
  launchRule(name: string): { readonly canonical: string; readonly rule: LaunchRule | undefined };

  close(): Promise<void>;
}

/** Whether a caller may see a name. By default, every name is visible. */
export type NameVisibility = (name: string) => boolean;

export interface WatchOptions {
  readonly id: string;
  readonly globs: readonly string[];
  readonly since: { readonly incarnation: string; readonly revision: string } | undefined;
  /** The watch sends no event with another name. A link to a name that is not visible looks deleted. */
  readonly isVisible?: NameVisibility;
  /**
   * Receives each event, including heartbeats. A client that has received the event can resume from `revision`, of which
   * `position` is the full form.
   */
  readonly onEvent: (event: WatchEvent, revision: string, position: string) => void;
  /**
   * Called after each part of a snapshot, which has at most 128 events. The next part waits for the returned promise.
   */
  readonly whenDrained?: () => Promise<void> | undefined;
}

export interface OpenWatch {
  edit(add: readonly string[], remove: readonly string[]): void;
  /** Sends `resync`, a full snapshot and `current`, after events were dropped for a slow client. */
  resync(reason: string): void;
  close(): void;
}

export interface LaunchRecord {
  readonly name: string;
  readonly manifest: string;
  readonly instance: string;
  readonly epoch: number;
  /** `intent`: the process may have been started. `running`: the process was started. */
  readonly state: 'intent' | 'running';
  readonly pid: number | undefined;
  /**
   * Start time of the process, as the operating system reports it. Distinguishes the process from a later process
   * with the same `pid`.
   */
  readonly startTicks: string | undefined;
  /** SHA-256 of the ticket as hexadecimal digits. The ticket itself is never stored. */
  readonly ticketHash: string;
  /** Secret for `launchProof`, which proves the identity of the registry. Empty after the ticket was redeemed. */
  readonly registryKey: string;
  readonly key?: KeyPin;
  /** Whether the ticket was redeemed. A ticket can be redeemed once. */
  readonly redeemed: boolean;
  /** Addresses of the registration that redeemed the ticket. The launcher connects to no other address. */
  readonly addresses?: readonly string[];
  /** Result of `manifestVersion` at the start. Absent in a record of an earlier version. */
  readonly manifestVersion?: string;
  /** In ms since 1970, for display only. */
  readonly startedAt: number;
  /** Owner mark of the data folder at the start. The process carries the mark in its environment. */
  readonly owner: string;
}

export type LaunchIntent = Omit<
  LaunchRecord,
  'epoch' | 'state' | 'pid' | 'startTicks' | 'key' | 'redeemed' | 'addresses' | 'owner'
>;

export interface LaunchRecords {
  all(): readonly LaunchRecord[];
  /**
   * Assigns an epoch to a start. The epoch and the record are durable when the promise resolves.
   *
   * @see [C6.2](../../docs/guarantees.md#c6-2)
   */
  recordIntent(intent: LaunchIntent): Promise<LaunchRecord>;
  update(record: LaunchRecord): Promise<void>;
  remove(name: string, instance: string): Promise<void>;
}

export interface Launcher {
  /**
   * Starts a service, or joins a start that is in progress.
   *
   * @throws {@link ClerkError} `START_FAILED` with the reason; `NAME_NOT_FOUND`; `FORBIDDEN` when the service has no
   *   launch rule; `LIMIT_EXCEEDED`
   */
  launch(request: LaunchRequest, signal: AbortSignal | undefined): Promise<LaunchResponse>;
  stop(request: StopRequest): Promise<StopResponse>;
  /**
   * Reads the manifest of a service again, resets the start backoff, and starts the service again. With `rolling`,
   * replaces the running instances one by one. Otherwise, first stops them. When the manifest is invalid, changes nothing.
   */
  reset(request: ResetRequest, signal?: AbortSignal): Promise<LaunchResponse>;
  outdated(): readonly OutdatedInstance[];
  hasManifest(manifest: string): boolean;
  /** The started services keep running. @see [T6](../../docs/background.md#t6) */
  close(): Promise<void>;
}
