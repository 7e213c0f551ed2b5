/** The interfaces between the folders of the server. Each folder imports this file and no other folder. */
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
  CancelRequest,
  ChangeResponse,
  DefineRequest,
  DirectoryRequest,
  DirectoryResponse,
  ExportLine,
  ImportOptions,
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
 * Durable store of records. The server is the only writer, and never runs two writes at the same time. Each
 * implementation must pass `test/server/store/store-suite.ts`.
 */
export interface Store {
  load(): Promise<ReadonlyMap<string, string>>;
  /** {@link DataFolder.identity} of the folder with the records; set after `load`. Default: undefined. */
  readonly folderIdentity?: string | undefined;
  /**
   * Writes all changes or none. Resolves when the changes survive a power failure. After a rejected write, the server
   * rejects all changes until `recover` resolves.
   *
   * @see [C5.1](../../docs/guarantees.md#c5-1), [C5.7](../../docs/guarantees.md#c5-7)
   */
  write(changes: readonly RecordChange[]): Promise<void>;
  /**
   * Called after a rejected write, repeatedly until it resolves. Removes the changes of the rejected write. Resolves
   * when writes can succeed again.
   */
  recover(): Promise<void>;
  /**
   * Receives changes that the server has made only in memory, because the store has rejected a write. Default:
   * ignored.
   */
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
  RightsBelow,
} from './identity-service.js';
export type { AuditEntry, AuditLog, AuditQuery, OwnChange } from './audit-log.js';

/** The key of a secured registry, which another process may replace. */
export interface RegistryKey {
  /** Present key, which the registry uses for connections and tickets. */
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
  /** The result omits names that are not visible, but `next` may be such a name. */
  list(glob: string, after: string | undefined, maxEntries: number, isVisible?: NameVisibility): ListResponse;
  /** The result omits names that are not visible, but `next` may be such a name. */
  search(
    glob: string,
    filter: Readonly<Record<string, string>>,
    after?: string,
    isVisible?: NameVisibility,
  ): SearchResponse;
  /**
   * Like `search`, but other work can run in between. A change of several names is either completely in the result or
   * not at all.
   */
  searchInSlices(
    glob: string,
    filter: Readonly<Record<string, string>>,
    after?: string,
    isVisible?: NameVisibility,
  ): Promise<SearchResponse>;
  /**
   * Runs work that reads many names in slices. The iterator yields the cost of each part. After a change of several
   * names, the work starts again.
   *
   * @throws {@link ClerkError} `LIMIT_EXCEEDED` when such changes interrupt the work too often
   */
  readInSlices<T>(start: () => Iterator<number, T>): Promise<T>;
  /** Returns a visible name that is similar to an absent name, as a hint. Does not restart guarantees. */
  nearName(name: string, isVisible?: NameVisibility): string | undefined;
  whois(address: string): WhoisResponse;
  /**
   * Follows the links in a name. The resulting name need not exist. Returns undefined when the links form a cycle or
   * contain an unknown directory identifier. Does not restart guarantees.
   */
  canonicalOf(name: string): string | undefined;
  /** Revision of the store when it was opened; 0 for an empty store. */
  readonly openedRevision: number;
  status(): StatusResponse & StatusTotals;
  /** The present revision and incarnation, which each response contains. */
  readonly present: { readonly revision: string; readonly incarnation: string };
  /** The last saved position: incarnation, revision and mark. Each client sends its last position with its requests. */
  readonly position: string;
  /**
   * Checks the positions of a request, separated by commas. Returns undefined if they show no loss. If they show that
   * the registry has lost changes, the promise resolves when a new incarnation is durable. The promise never rejects.
   */
  checkPositions(positions: string): Promise<void> | undefined;
  /** Number of expired registrations since this process started. */
  readonly expiredRegistrations: number;
  /** Number of ended instances whose last epochs are stored. */
  readonly fenceCount: number;
  readonly healthStats: {
    /** Number of client reports since this process started. */
    readonly reports: number;
    /** Number of endpoints in these reports. */
    readonly endpointReports: number;
    /** How often an endpoint became suspect since this process started. */
    readonly suspectTransitions: number;
    readonly suspects: number;
  };
  exportLines(): IterableIterator<ExportLine>;

  // A secured registry rejects a change without `caller`.
  define(request: DefineRequest, caller?: Caller): Promise<ChangeResponse>;
  link(request: LinkRequest, caller?: Caller): Promise<ChangeResponse>;
  directory(request: DirectoryRequest, caller?: Caller): Promise<DirectoryResponse>;
  move(request: MoveRequest, caller?: Caller): Promise<ChangeResponse>;
  cancel(request: CancelRequest, caller?: Caller): Promise<ChangeResponse>;
  remove(request: RemoveRequest, caller?: Caller): Promise<ChangeResponse>;
  register(request: RegisterRequest, caller: Caller): Promise<RegisterResponse>;
  /**
   * Must be called before `renew`, which may be called when the promise has resolved. Returns undefined when `renew`
   * may be called at once. In a registry with one server, this is always so.
   *
   * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` through the promise, when this server may not renew leases
   */
  prepareRenewals(request: RenewRequest): Promise<void> | undefined;
  renew(request: RenewRequest, caller?: Caller): RenewResponse;
  /** Never throws. Ignores unknown endpoints. */
  report(request: ReportRequest, caller: Caller): void;
  /** Withdraws an endpoint. `caller` is undefined when the server itself withdraws it, which needs no secret. */
  withdraw(request: WithdrawRequest, caller?: Caller): Promise<ChangeResponse>;
  importLines(
    lines: readonly ExportLine[],
    caller?: Caller,
    options?: ImportOptions,
  ): Promise<ImportResponse>;

  /** Opens a watch. `onEvent` is called with each event in order, but never before `watch` has returned. */
  watch(options: WatchOptions): OpenWatch;
  /**
   * Whether the endpoint is suspect: its renewal is overdue, or most principals vote `unreachable`. If the service
   * has no other endpoint, lookups still show the endpoint as `up`.
   */
  isSuspect(name: string, id: string): boolean;
  /**
   * Calls `listener` for each report that a registered endpoint is unreachable. Returns a function that removes the
   * listener.
   */
  onUnreachable(listener: (id: string) => void): () => void;
  /**
   * Calls `listener` when a write to the store has failed. Changes are then rejected until the store recovers.
   * Returns a function that removes the listener.
   */
  onStoreFailed(listener: (failure: ClerkError) => void): () => void;
  /**
   * Calls `listener` for each renewal that states the calls of the service. Returns a function that removes the
   * listener.
   */
  onActivity(listener: (id: string, activity: CallActivity) => void): () => void;
  /**
   * Calls `listener` for each durable registration of an endpoint that accepts connections. Returns a function that
   * removes the listener.
   */
  onRegistered(listener: (name: string, id: string, epoch: number) => void): () => void;

  readonly launches: LaunchRecords;
  readonly identities: IdentityService;
  /** Returns the launch rule of a service; `rule` is undefined if there is none. */
  launchRule(name: string): { readonly canonical: string; readonly rule: LaunchRule | undefined };

  /**
   * Returns the former names of an entry that are still links, because moves have left them: at most
   * `limits.maxFormerNames`.
   * @param name - canonical name
   */
  formerNames(name: string): readonly string[];

  /** Undefined in a registry with one server. */
  readonly servers?: ServerList | undefined;

  close(): Promise<void>;
}

/** The servers of a registry with several servers. */
export interface ServerList {
  /** Value of the header `clerk-servers`; undefined while no server has announced itself. */
  readonly statement: string | undefined;
  /**
   * Registers this server in the name space, and keeps it registered until the name service is closed.
   *
   * @param addresses - 1 to 16 valid addresses at which clients reach this server, best first
   */
  announce(addresses: readonly string[]): void;
}

/** Whether a caller may see a name. By default, every name is visible. */
export type NameVisibility = (name: string) => boolean;

export interface WatchOptions {
  readonly id: string;
  readonly globs: readonly string[];
  readonly since: { readonly incarnation: string; readonly revision: string } | undefined;
  /** Which names the watch may show. A link to an invisible name appears as deleted. */
  readonly isVisible?: NameVisibility;
  /**
   * Receives each event, including heartbeats. After this event, a client can resume from `revision`. `position` is the
   * revision with incarnation and mark.
   */
  readonly onEvent: (event: WatchEvent, revision: string, position: string) => void;
  /**
   * Called after each part of a snapshot, which has at most 128 events. The next part waits for the returned promise.
   */
  readonly whenDrained?: () => Promise<void> | undefined;
}

export interface OpenWatch {
  /** Total length of all names and globs of the watch, in characters. */
  readonly globBytes: number;
  edit(add: readonly string[], remove: readonly string[]): void;
  /** Sends `resync` with the reason, a full snapshot and `current`, for example after events were dropped. */
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
  /**
   * Identity of the host in the registration that redeemed the ticket. The process may run in another network
   * namespace.
   */
  readonly hostId?: string;
  /** Dead endpoints that this process replaces. They are withdrawn when it has registered. Default: none. */
  readonly replaces?: readonly ReplacedEndpoint[];
  /** Result of `manifestVersion` at the start. Absent in a record that an old release has stored. */
  readonly manifestVersion?: string;
  /** Wall-clock time of the start, in ms since 1970, for display only. */
  readonly startedAt: number;
  /** Owner mark of the data folder at the start. The process carries the mark in its environment. */
  readonly owner: string;
  /** The server that has started the process, and its host. Absent in a registry with one server. */
  readonly server?: string;
  readonly host?: string;
}

/** A dead endpoint that the launcher did not start. */
export interface ReplacedEndpoint {
  readonly id: string;
  readonly epoch: number;
}

export type LaunchIntent = Omit<
  LaunchRecord,
  | 'epoch'
  | 'state'
  | 'pid'
  | 'startTicks'
  | 'key'
  | 'redeemed'
  | 'addresses'
  | 'hostId'
  | 'owner'
  | 'server'
  | 'host'
>;

export interface IntentConditions {
  /** Whether to start an instance even if the service has callable endpoints. */
  readonly isBeside: boolean;
  /** Ids of endpoints that were found dead. */
  readonly deadIds: readonly string[];
}

export interface LaunchRecords {
  /** Returns the launch records of this host that no other server supervises. */
  all(): readonly LaunchRecord[];
  /**
   * Assigns an epoch to a start. The epoch and the record are durable when the promise resolves.
   *
   * @see [C6.2](../../docs/guarantees.md#c6-2)
   */
  recordIntent(intent: LaunchIntent): Promise<LaunchRecord>;
  /**
   * Like the form with one argument. With several servers, resolves with undefined when another server starts the
   * service, or the service has an endpoint.
   */
  recordIntent(intent: LaunchIntent, conditions: IntentConditions): Promise<LaunchRecord | undefined>;
  /** Whether another server is starting the service. */
  isStartingElsewhere(name: string): boolean;
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
   * replaces the running instances one by one; without it, stops them first. An invalid manifest changes nothing.
   */
  reset(request: ResetRequest, signal?: AbortSignal): Promise<LaunchResponse>;
  outdated(): readonly OutdatedInstance[];
  /**
   * Checks the launch rule of a service. Accepts a manifest that is not on this host, because it may be on another
   * host.
   *
   * @throws {@link ClerkError} `FORBIDDEN` when the manifest is on this host and is not for this service
   */
  checkRule(name: string, rule: LaunchRule): void;
  /** Closes the launcher. The started services keep running. @see [T6](../../docs/background.md#t6) */
  close(): Promise<void>;
}
