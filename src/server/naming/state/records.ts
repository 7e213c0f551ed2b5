import type { KeyPin } from '../../../core/key-pin.js';
import type { AttemptTimeoutOptions, RetryOptions } from '../../../core/retry-options.js';
import type { LaunchRule } from '../../../protocol/naming-messages.js';
import type { AccessTriple, LaunchRecord } from '../../ports.js';
import type { EndpointStatus } from '../health/suspect-rule.js';

export interface ServiceRecord {
  readonly kind: 'service';
  /**
   * Whether a client has defined the service. If false, the service is implicit, and is removed 5 min after its last
   * endpoint has ended.
   */
  readonly defined: boolean;
  readonly policy: string | null;
  readonly timeoutMs?: number;
  readonly attemptTimeoutMs?: number | AttemptTimeoutOptions;
  readonly retries?: RetryOptions | false;
  readonly guaranteedMs: number;
  readonly launch: LaunchRule | null;
  readonly pending?: PendingChange;
}

export interface LinkRecord {
  readonly kind: 'link';
  readonly target: string;
  /** Set if a move has left the link at the old name. */
  readonly moved?: true;
  readonly guaranteedMs: number;
  readonly pending?: PendingChange;
}

/** A directory with an identifier that stays the same when the directory moves. */
export interface DirectoryRecord {
  readonly kind: 'directory';
  readonly id: string;
  readonly guaranteedMs: number;
  readonly pending?: PendingChange;
}

/** A group of principals and of other groups. */
export interface GroupRecord {
  readonly kind: 'group';
  readonly members: readonly string[];
  readonly guaranteedMs: number;
  readonly pending?: PendingChange;
}

/** The entry at a name. Entries are immutable, because names with equal entries share one object. */
export type EntryRecord = ServiceRecord | LinkRecord | DirectoryRecord | GroupRecord;

/** A change that waits until all guarantees of the entry have ended. The entry is frozen during this time. */
export type PendingChange =
  | {
      readonly kind: 'replace';
      readonly record:
        | Omit<ServiceRecord, 'pending'>
        | Omit<LinkRecord, 'pending'>
        | Omit<DirectoryRecord, 'pending'>
        | Omit<GroupRecord, 'pending'>;
    }
  /** Removes the entry and its endpoints. Names below the entry have their own pending changes. */
  | { readonly kind: 'remove' }
  /** Removes an implicit service without endpoints. A registration cancels the removal. */
  | { readonly kind: 'expire' };

/** A registered endpoint. Lookups copy the endpoint from `json`, which saves encoding it again. */
export interface EndpointRecord {
  readonly id: string;
  readonly epoch: number;
  readonly leaseMs: number;
  readonly draining: boolean;
  readonly principal: string;
  readonly addresses: readonly string[];
  readonly json: string;
  /** The process that this registration has replaced. Not stored. */
  readonly displaced?: DisplacedHolder;
  /** Whether the endpoint counts its calls, as its registration states. Not stored. */
  readonly countsCalls?: boolean;
  /** Name in the request of the service; not stored. */
  readonly requestedName?: string;
}

/**
 * A process that another process at the same addresses has replaced without the secret. The replaced process may take
 * its instance back until its lease ends.
 */
export interface DisplacedHolder {
  readonly epoch: number;
  readonly secretHash: string;
  /** Until when the process may take its instance back, on the monotonic clock. */
  readonly until: number;
}

export interface EpochCounter {
  readonly epoch: number;
}

/** Last epoch of a removed instance. @see [C5.6](../../../../docs/guarantees.md#c5-6) */
export interface Fence {
  readonly epoch: number;
  /** Whether the instance has withdrawn `epoch`. The instance then needs a higher epoch to register. */
  readonly withdrawn: boolean;
  /** Digest of the secret with which the instance may resume `epoch`. Absent when `withdrawn` is true. */
  readonly secretHash?: string;
  /** Principal of the instance. Absent in a record that an old release has stored. */
  readonly principal?: string;
  /** The process that the removed instance has replaced. Not stored. */
  readonly displaced?: DisplacedHolder;
}

/** A key of a principal. Times are wall-clock times, in ms since 1970. */
export interface KeyRecord {
  readonly enrolledAt: number;
  readonly by: 'init' | 'token' | 'rotation';
  readonly retiresAt?: number | undefined;
  readonly revokedAt?: number | undefined;
}

/** A one-time token, of which only the digest is stored. */
export interface TokenRecord {
  readonly principal: string;
  /** Wall-clock time, in ms since 1970. */
  readonly expiresAt: number;
  readonly issuedBy: string;
}

export type IdentityChange =
  | {
      readonly kind: 'key';
      readonly name: string;
      readonly pin: KeyPin;
      readonly record: KeyRecord | undefined;
    }
  | { readonly kind: 'token'; readonly digest: string; readonly record: TokenRecord | undefined }
  /** `triples` replaces all triples of the directory. */
  | { readonly kind: 'access'; readonly directory: string; readonly triples: readonly AccessTriple[] };

/**
 * A client report that arrived at one server, and is forwarded to the server at which the endpoint renews its lease.
 * Not stored.
 */
export interface SharedReport {
  readonly kind: 'report';
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
  readonly principal: string;
  readonly clerk: string;
  readonly verdict: 'reachable' | 'unreachable';
}

/**
 * A change of one record. Without a `record`, the change removes the stored record. `movedFrom` is the old name of a
 * moved record, whose lease and guarantee continue.
 */
export type StateChange =
  | IdentityChange
  | {
      readonly kind: 'entry';
      readonly name: string;
      readonly record: EntryRecord | undefined;
      readonly movedFrom?: string;
      /** Removed names that this entry now covers. The guarantees of these names continue in this entry. */
      readonly standsFor?: readonly string[];
      /** Principal that has created the name. Absent if the creator is unknown, or the name is removed. */
      readonly creator?: string | undefined;
    }
  | {
      readonly kind: 'endpoint';
      readonly name: string;
      readonly id: string;
      readonly record: EndpointRecord | undefined;
      readonly movedFrom?: string;
    }
  | { readonly kind: 'counter'; readonly name: string; readonly record: EpochCounter | undefined }
  | { readonly kind: 'fence'; readonly name: string; readonly id: string; readonly record: Fence | undefined }
  | {
      readonly kind: 'launch';
      readonly name: string;
      readonly id: string;
      readonly record: LaunchRecord | undefined;
    }
  /**
   * Not stored with a single server. The change still increments the revision, because watches order all changes by
   * revision.
   */
  | {
      readonly kind: 'status';
      readonly name: string;
      readonly id: string;
      readonly epoch: number;
      readonly status: EndpointStatus;
    }
  /** The server at which the lease of a registration is renewed. Only in a registry with several servers. */
  | { readonly kind: 'holder'; readonly name: string; readonly id: string; readonly server: string }
  /** The session of a server, which exists while the server is alive; undefined after the server has closed. */
  | { readonly kind: 'server'; readonly server: string; readonly session: string | undefined }
  /** A client report for the server that decides the status of the endpoint. Not stored. */
  | SharedReport
  | { readonly kind: 'epoch-floor'; readonly epoch: number }
  /** All epochs that are assigned after this change are higher. */
  | { readonly kind: 'epoch-base'; readonly epoch: number }
  /** A record about the registry itself, which no lookup shows. */
  | { readonly kind: 'registry'; readonly key: string; readonly value: string };
