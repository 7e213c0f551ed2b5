import type { AttemptTimeoutOptions, RetryOptions } from '../core/retry-options.js';
import type { AccessEntry, GroupRequest } from './identity-messages.js';

/** How a launcher starts a service. */
export interface LaunchRule {
  /** Name of the manifest: the name of its file without the extension. */
  readonly manifest: string;
  /** Values of the parameters of the manifest, by name of the parameter. */
  readonly params?: Readonly<Record<string, string | number>>;
}

/** When a change applies. */
export interface ChangeScheduling {
  /**
   * Whether a change during a guarantee is scheduled for the end of the guarantee. The entry is frozen until then.
   * Default false: such a change fails with `CHANGE_TOO_EARLY`.
   */
  readonly whenExpired?: boolean;
}

/** The service config of a name. A field that is absent keeps its value. */
export interface ServiceSettings {
  /** Name of the load-balancing policy of the clients. Null: each client chooses. */
  readonly policy?: string | null;
  /** Call timeout, in ms, at most 7 days. Null: the default of the client. */
  readonly timeoutMs?: number | null;
  /** Attempt timeout: a number of ms, or bounds. Null: the default of the client. */
  readonly attemptTimeoutMs?: number | AttemptTimeoutOptions | null;
  /** Null: the default of the client. With `false`, a request that was sent is not retried. */
  readonly retries?: RetryOptions | false | null;
  /**
   * A lookup guarantees for this time that the entry does not change; at most 7 days, 0 for no guarantee. Default
   * 5,000.
   */
  readonly guaranteedMs?: number;
  /** The manifest that starts the service on demand. Null: no launcher starts the service. */
  readonly launch?: LaunchRule | null;
}

/** Defines a service, or changes its settings. */
export interface DefineRequest extends ServiceSettings, ChangeScheduling {
  /** Name of the service. */
  readonly name: string;
}

/** Creates or changes a link. The target need not exist. @see [G2](../../docs/background.md#g2) */
export interface LinkRequest extends ChangeScheduling {
  /** Name of the link. */
  readonly name: string;
  /** The name to which the link leads. */
  readonly target: string;
  /** A lookup guarantees for this time that the link does not change, in ms. Default 5,000. */
  readonly guaranteedMs?: number;
}

/** @see [G1](../../docs/background.md#g1) */
export interface DirectoryRequest extends ChangeScheduling {
  readonly name: string;
  /**
   * A lookup guarantees for this time that the directory does not change, in ms. Default: unchanged; 5,000 for a new
   * directory.
   */
  readonly guaranteedMs?: number;
}

/** The result of a change of a directory. */
export interface DirectoryResponse extends ChangeResponse {
  /** Identifier of the directory. In names, `#<id>` can be used instead of the name of the directory. */
  readonly id: string;
}

/**
 * Moves an entry and all entries below it, and leaves a link at the old name. The new name may be a link that leads to
 * the entry, so a move can be reversed. @see [G5](../../docs/background.md#g5)
 */
export interface MoveRequest {
  readonly from: string;
  readonly to: string;
}

export interface RemoveRequest extends ChangeScheduling {
  readonly name: string;
  /** Must be true if the entry has endpoints, or if other entries are below it. */
  readonly recursive?: boolean;
  /** Whether to ignore guarantees. The registry logs a forced removal. */
  readonly force?: boolean;
}

/** Cancels the scheduled change of an entry, which then keeps its present value. */
export interface CancelRequest {
  readonly name: string;
  /** Whether to cancel the changes of all entries below the entry too. Default false. */
  readonly recursive?: boolean;
}

/** The result of a change. */
export interface ChangeResponse {
  /** Decimal number that grows with every change of this incarnation. */
  readonly revision: string;
  /** Changes when the registry loses its data. */
  readonly incarnation: string;
  /** Time until the change applies, in ms. 0 when the change already applies. */
  readonly appliesInMs: number;
}

/** One line of an export or import. Endpoints are not exported, since their processes register again. */
export type ExportLine = ServiceLine | LinkLine | DirectoryLine | GroupLine | AccessLine;

/** A service in an export. */
export interface ServiceLine extends Omit<DefineRequest, 'whenExpired'> {
  /** Kind of the line. */
  readonly kind: 'service';
}

/** A link in an export. */
export interface LinkLine extends Omit<LinkRequest, 'whenExpired'> {
  /** Kind of the line. */
  readonly kind: 'link';
  /** Whether a move has left the link. Default false. */
  readonly moved?: boolean;
}

/** A directory in an export. */
export interface DirectoryLine {
  /** Kind of the line. */
  readonly kind: 'directory';
  /** Name of the directory. */
  readonly name: string;
  /** Permanent identifier of the directory. */
  readonly id: string;
  /** A lookup guarantees for this time that the directory does not change, in ms. Default 5,000. */
  readonly guaranteedMs?: number;
}

/** A group of principals in an export. */
export interface GroupLine extends Omit<GroupRequest, 'whenExpired'> {
  /** Kind of the line. */
  readonly kind: 'group';
}

/** A grant of rights in an export. */
export interface AccessLine extends AccessEntry {
  /** Kind of the line. */
  readonly kind: 'access';
}

/** Query of an import. The value of each parameter is `true` or `false`; default false. */
export interface ImportOptions {
  /** Whether to return only the difference that the import would make. */
  readonly dryRun?: boolean;
  /**
   * Whether changes during a guarantee are scheduled. All changes and removals of present entries then apply together,
   * when the last of these guarantees has ended.
   */
  readonly whenExpired?: boolean;
  /**
   * Whether to remove the services, links and directories that no line names and that the caller may change. A service
   * with endpoints loses its definition and keeps its endpoints. Links that a move has left are not removed.
   */
  readonly prune?: boolean;
}

/** One entry in the difference of an import. */
export interface ImportDifference {
  /** Kind of the entry. */
  readonly kind: 'service' | 'link' | 'directory' | 'group' | 'access';
  /** Name of the entry; for rights, the directory that stores the rights. */
  readonly name: string;
  /** Fields that change. Absent for an entry that is added or removed. */
  readonly fields?: readonly string[];
  /** Time until the change or the removal applies, in ms. Only for an entry in `waiting`. */
  readonly appliesInMs?: number;
}

/**
 * The result of an import, which applies all lines or none. Each entry is in one of the lists `added`, `changed`,
 * `removed`, `unchanged` and `waiting`.
 */
export interface ImportResponse {
  /** Number of lines. */
  readonly entries: number;
  /** Decimal number that grows with every change of the registry. */
  readonly revision: string;
  /** Changes when the registry loses its data. */
  readonly incarnation: string;
  /** True when no entry was changed, because the request asked only for the difference. */
  readonly dryRun: boolean;
  /** Entries that are new. */
  readonly added: readonly ImportDifference[];
  /** Entries that have other values. */
  readonly changed: readonly ImportDifference[];
  /** Entries that `prune` removes, because no line names them. */
  readonly removed: readonly ImportDifference[];
  /** Entries that already have the values of their lines. */
  readonly unchanged: readonly ImportDifference[];
  /** Changes and removals that are scheduled. With `dryRun`, those that must wait for the end of a guarantee. */
  readonly waiting: readonly ImportDifference[];
}
