/** The durable records of the name space, and the changes to them. */
import type { LaunchRule } from '../../../protocol/messages.js';
import type { LaunchRecord } from '../../ports.js';
import type { EndpointStatus } from '../health/endpoint-status.js';

/** A service: its settings, and how it is started. */
export interface ServiceRecord {
  readonly kind: 'service';
  /** A client has defined it. An undefined service is removed when it has had no endpoint for 5 minutes. */
  readonly defined: boolean;
  readonly policy: string | null;
  /** Default timeout of a call, ms. */
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

/** A directory with an identifier that survives moves. */
export interface DirectoryRecord {
  readonly kind: 'directory';
  /** Begins with `#`. */
  readonly id: string;
  readonly guaranteedMs: number;
  readonly pending?: PendingChange;
}

/** The entry at a name. Immutable; equal entries of several names are one object. */
export type EntryRecord = ServiceRecord | LinkRecord | DirectoryRecord;

/** A change that applies when all guarantees given for the entry have ended. The entry is frozen until then. */
export type PendingChange =
  | {
      readonly kind: 'replace';
      readonly record: Omit<ServiceRecord, 'pending'> | Omit<LinkRecord, 'pending'>;
    }
  /** Removes the entry and its endpoints. Names below it have pending changes of their own. */
  | { readonly kind: 'remove' }
  /** Removes an undefined service without endpoints. A registration cancels it. */
  | { readonly kind: 'expire' };

/** A registration. Lookups show it far more often than commands read it, so its JSON is kept. */
export interface EndpointRecord {
  readonly id: string;
  readonly epoch: number;
  readonly leaseMs: number;
  readonly draining: boolean;
  /** The principal whose quota it counts in. */
  readonly principal: string;
  readonly addresses: readonly string[];
  /** The stored value; `endpointJson` returns the part that lookups show. */
  readonly json: string;
}

/** The epochs of a service name. */
export interface EpochCounter {
  /** The highest epoch assigned so far. */
  readonly epoch: number;
  /** An instance without registration and fence must have a higher epoch than this. */
  readonly floor: number;
}

/** The last epoch of an instance that is gone. @see [C5.6](../../../../docs/guarantees.md#c5-6) */
export interface Fence {
  readonly epoch: number;
  /** The instance withdrew, so the same epoch cannot register again. */
  readonly withdrawn: boolean;
}

/**
 * A change of one record. `movedFrom` names the record that this one continues: its lease and its guarantee are
 * carried over.
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
  /** A status is never stored. It only increments the revision, so that watches deliver it in order. */
  | {
      readonly kind: 'status';
      readonly name: string;
      readonly id: string;
      readonly epoch: number;
      readonly status: EndpointStatus;
    }
  /** Raises the epoch at which new names start, above all epochs of removed names. */
  | { readonly kind: 'epoch-floor'; readonly epoch: number };
