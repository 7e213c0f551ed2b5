import type { ListEntry } from '../core/registry.js';
import type { AuditLine, AuditRequest } from '../protocol/audit-messages.js';
import type { LaunchResponse, StopResponse } from '../protocol/launch-messages.js';
import type { ResolveResponse, SearchMessage, WhoisResponse } from '../protocol/lookup-messages.js';
import type {
  ChangeResponse,
  ChangeScheduling,
  DirectoryResponse,
  ExportLine,
  ImportOptions,
  ImportResponse,
  RemoveRequest,
  ServiceSettings,
} from '../protocol/naming-messages.js';
import type { StatusResponse } from '../protocol/status-messages.js';
import type { AdminRequestOptions } from './admin-request-options.js';
import type { AccessAdmin, GroupAdmin, IdentityAdmin } from './rights-admin.js';

/** Options of {@link RegistryAdmin.define}. */
export interface DefineOptions extends ServiceSettings, ChangeScheduling, AdminRequestOptions {}

/** Options of {@link RegistryAdmin.link}. */
export interface LinkOptions extends ChangeScheduling, AdminRequestOptions {
  /** Time for which clients may rely on the link after a lookup, in ms, at most 7 days. Default 5,000. */
  readonly guaranteedMs?: number;
}

/** Options of {@link RegistryAdmin.directory}. */
export interface DirectoryOptions extends ChangeScheduling, AdminRequestOptions {
  /** Time for which clients may rely on the directory after a lookup, in ms, at most 7 days. Default 5,000. */
  readonly guaranteedMs?: number;
}

/** Options of {@link RegistryAdmin.cancel}. */
export interface CancelOptions extends AdminRequestOptions {
  /** Whether to cancel the changes of all entries below the name too. Default false. */
  readonly recursive?: boolean;
}

/** Options of {@link RegistryAdmin.import}. With `prune`, more than 2,000 lines are rejected. */
export interface ImportRequestOptions extends ImportOptions, AdminRequestOptions {}

/** Options of {@link RegistryAdmin.remove}. */
export interface RemoveOptions extends Omit<RemoveRequest, 'name'>, AdminRequestOptions {}

/** Options of {@link RegistryAdmin.launch}. */
export interface LaunchOptions extends AdminRequestOptions {
  /**
   * Maximum time to wait for the start, in ms, at most 3,600,000. A start that takes longer continues. Default: the
   * option `timeoutMs` of `administer`, or 60,000 without this option.
   */
  readonly waitMs?: number;
}

/** Options of {@link RegistryAdmin.reset}. */
export interface ResetOptions extends AdminRequestOptions {
  /**
   * Whether running instances are replaced one by one, each after its calls have ended. Default false: all instances
   * are stopped before new ones start.
   */
  readonly rolling?: boolean;
}

/** Options of {@link RegistryAdmin.audit}. */
export interface AuditOptions extends Pick<AuditRequest, 'principal' | 'name'>, AdminRequestOptions {
  /** Only lines from this time on: a date, or text as ISO 8601. */
  readonly since?: Date | string;
  /** Only lines after the line with this `seq`. */
  readonly after?: number | string;
  /** Whether to wait for further lines, until `signal` aborts or a request fails. Default false. */
  readonly follow?: boolean;
}

/** Lines of an import: objects, or lines of JSON as `clerk export` prints them. */
export type ImportSource = string | Uint8Array | Iterable<ExportLine> | AsyncIterable<ExportLine>;

/**
 * Administers one registry. The methods correspond to the commands of `clerk`. Every method rejects with a
 * `ClerkError` that has the same code as the command:
 *
 * - `NAME_INVALID`, `CONFIG_INVALID` a name or an option is invalid
 * - `NAME_NOT_FOUND` the name does not exist
 * - `CHANGE_TOO_EARLY` the entry is guaranteed for another `remainingMs`; `whenExpired` schedules the change
 * - `FORBIDDEN`, `IDENTITY_INVALID`, `LIMIT_EXCEEDED` the registry refuses the request
 * - `REGISTRY_UNREACHABLE`, `REGISTRY_INVALID`, `ENDPOINT_UNPROVEN` no registry sent a valid response; with `execution`
 *   `unknown`, the change may have been made
 * - `ABORTED` the signal of the request was aborted
 * - `CLERK_CLOSED` `close` was called before the request
 *
 * A read tries each server until one responds. A change is sent to another server only if no earlier server can have
 * received the change. A change is never sent twice. A request keeps the process alive.
 */
export interface RegistryAdmin extends AsyncDisposable {
  /** Defines a service, or changes its settings. Settings that are not given keep their values. */
  define(name: string, options?: DefineOptions): Promise<ChangeResponse>;
  /** Links a name to another name, which need not exist. With a link from `/a` to `/b`, `/a/x` stands for `/b/x`. */
  link(name: string, target: string, options?: LinkOptions): Promise<ChangeResponse>;
  /** Creates a directory, or changes its guarantee. A directory that exists keeps its identifier. */
  directory(name: string, options?: DirectoryOptions): Promise<DirectoryResponse>;
  /**
   * Cancels the scheduled change of an entry, which then keeps its present value.
   *
   * @throws {@link ClerkError} `NAME_NOT_FOUND` when no change is scheduled
   */
  cancel(name: string, options?: CancelOptions): Promise<ChangeResponse>;
  /** Moves a name and all names below it. The old name becomes a link, so the move takes effect at once. */
  move(from: string, to: string, options?: AdminRequestOptions): Promise<ChangeResponse>;
  /** Removes a name. */
  remove(name: string, options?: RemoveOptions): Promise<ChangeResponse>;
  /**
   * Starts a service that has no endpoint, and waits until an instance of the service has registered. If the service
   * has an endpoint, returns at once.
   */
  launch(name: string, options?: LaunchOptions): Promise<LaunchResponse>;
  /** Stops the processes that the registry has started for a service. The next call starts the service again. */
  stop(name: string, options?: AdminRequestOptions): Promise<StopResponse>;
  /** Reads the manifest of a service again, stops its instances and starts the service again. */
  reset(name: string, options?: ResetOptions): Promise<LaunchResponse>;
  /** Returns the version and the size of the registry, and the parts that do not work. */
  status(options?: AdminRequestOptions): Promise<StatusResponse>;
  /** Looks a name up, without a cache. */
  resolve(name: string, options?: AdminRequestOptions): Promise<ResolveResponse>;
  /**
   * Yields the names that match a glob, in pages of up to 1,000 names. Default: all names.
   *
   * @throws {@link ClerkError} `REGISTRY_INVALID` when the registry loses its data or is replaced during the listing
   */
  list(glob?: string, options?: AdminRequestOptions): AsyncGenerator<readonly ListEntry[], void, void>;
  /**
   * Yields the services whose names match a glob, each with its endpoints that match the filter, in pages of up to 1,000
   * services. A service without such an endpoint is omitted. A page may be empty.
   *
   * @param filter - required values by key: `id`, `zone`, `host`, `version`, or the name of an attribute other than `glob`
   *   and `after`; default `{}`, which matches all endpoints
   * @throws {@link ClerkError} `REGISTRY_INVALID` when the registry loses its data or is replaced during the search
   */
  search(
    glob: string,
    filter?: Readonly<Record<string, string>>,
    options?: AdminRequestOptions,
  ): AsyncGenerator<readonly SearchMessage[], void, void>;
  /** Returns the registrations that have an address, at most 5,000. The address must be written as it was registered. */
  whois(address: string, options?: AdminRequestOptions): Promise<WhoisResponse['owners']>;
  /**
   * Yields all definitions: services, links and directories; in a secured registry, groups and rights too. The time
   * limit applies to the wait for each part of the response. It does not include the time in which the program uses
   * a part.
   */
  export(options?: AdminRequestOptions): AsyncGenerator<ExportLine, void, void>;
  /**
   * Imports definitions. Up to 2,000 lines are imported as a whole or not at all. More lines are imported in parts, in
   * order; the time limit applies to each part.
   */
  import(lines: ImportSource, options?: ImportRequestOptions): Promise<ImportResponse>;
  /**
   * Yields the lines of the audit log, oldest first. With `follow`, waits for further lines. To read on after an error,
   * pass the `seq` of the last line as `after`. Needs the right `admin` on `/`; with `name`, needs it on `name` only.
   */
  audit(options?: AuditOptions): AsyncGenerator<AuditLine, void, void>;
  /**
   * Like {@link RegistryAdmin.audit}, in pages of up to 500 lines. With `follow`, yields an empty page after each
   * 15,000 ms without a new line.
   */
  auditPages(options?: AuditOptions): AsyncGenerator<readonly AuditLine[], void, void>;
  /** Rights of principals on names. Needs a secured registry. */
  readonly access: AccessAdmin;
  /** Groups of principals. Needs a secured registry. */
  readonly groups: GroupAdmin;
  /** Keys of principals. Needs a secured registry. */
  readonly identities: IdentityAdmin;
  /** Ends all requests. Later requests reject with `CLERK_CLOSED`. Repeated calls have no effect. */
  close(): Promise<void>;
  /** Calls {@link RegistryAdmin.close}. */
  [Symbol.asyncDispose](): Promise<void>;
}
