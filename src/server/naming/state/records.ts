/** Records of the name space that the store keeps, and the changes of these records. */
import type { LaunchRule } from '../../../protocol/messages.js';
import type { LaunchRecord } from '../../ports.js';
import type { EndpointStatus } from '../health/endpoint-status.js';

/** A service: its settings, and the rule for starting the service. */
export interface ServiceRecord {
  readonly kind: 'service';
  /**
   * Whether a client has defined the service. A service that no client has defined is removed 5 minutes after its last
   * endpoint.
   */
  readonly defined: boolean;
  readonly policy: string | null;
  /** Default timeout of a call to the service, in ms. */
  readonly timeoutMs?: number;
  readonly guaranteedMs: number;
  readonly launch: LaunchRule | null;
  readonly pending?: PendingChange;
}

/** A name that resolves to another name. */
export interface LinkRecord {
  readonly kind: 'link';
  readonly target: string;
  readonly guaranteedMs: number;
  readonly pending?: PendingChange;
}

/** A directory with an identifier that stays the same when the directory moves. */
export interface DirectoryRecord {
  readonly kind: 'directory';
  /** Identifier of the directory; begins with `#`. */
  readonly id: string;
  readonly guaranteedMs: number;
  readonly pending?: PendingChange;
}

/** The entry at a name. Entries are immutable, because names with equal entries share one object. */
export type EntryRecord = ServiceRecord | LinkRecord | DirectoryRecord;

/** A change that waits until all guarantees of the entry have ended. Until then, the entry is frozen. */
export type PendingChange =
  | {
      readonly kind: 'replace';
      readonly record: Omit<ServiceRecord, 'pending'> | Omit<LinkRecord, 'pending'>;
    }
  /** Removes the entry and its endpoints. Each name below the entry has its own pending change. */
  | { readonly kind: 'remove' }
  /** Removes a service that no client has defined and that has no endpoints. A registration cancels this change. */
  | { readonly kind: 'expire' };

/**
 * A registered endpoint. `json` is kept because lookups show an endpoint far more often than commands read its fields.
 */
export interface EndpointRecord {
  readonly id: string;
  readonly epoch: number;
  readonly leaseMs: number;
  readonly draining: boolean;
  /** Principal that registered the endpoint, and in whose quota the endpoint counts. */
  readonly principal: string;
  readonly addresses: readonly string[];
  /** Stored value of the record. `endpointJson` extracts the part that lookups show. */
  readonly json: string;
}

/** Counter from which a service name assigns the epochs of its instances. */
export interface EpochCounter {
  /** Highest epoch that the name has assigned so far. */
  readonly epoch: number;
  /**
   * If an instance has neither a registration nor a fence, the epoch in its request must be above this number. A
   * request with a launch ticket is exempt.
   */
  readonly floor: number;
}

/** Last epoch of a removed instance. @see [C5.6](../../../../docs/guarantees.md#c5-6) */
export interface Fence {
  readonly epoch: number;
  /** Whether the instance withdrew `epoch`. A withdrawn epoch cannot register again. */
  readonly withdrawn: boolean;
}

/**
 * A change of one record. If `record` is undefined, the record is removed. If a record moves to another name,
 * `movedFrom` is the old name, whose lease and guarantee continue at the new name.
 */
export type StateChange =
  | {
      readonly kind: 'entry';
      readonly name: string;
      readonly record: EntryRecord | undefined;
      readonly movedFrom?: string;
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
   * The status of an endpoint is not stored. A change of the status still increments the revision, so that watches
   * deliver changes in order.
   */
  | {
      readonly kind: 'status';
      readonly name: string;
      readonly id: string;
      readonly epoch: number;
      readonly status: EndpointStatus;
    }
  /** Raises the epoch floor to the highest epoch of all removed names. Epochs of new names start above this floor. */
  | { readonly kind: 'epoch-floor'; readonly epoch: number };
