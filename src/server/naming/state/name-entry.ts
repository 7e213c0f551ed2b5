import type { EndpointStatus } from '../health/endpoint-status.js';
import type { EntryRecord, EpochCounter, Fence } from './records.js';
import type { RegistrationSet } from './registration-set.js';

/** An existing name in memory: its record, and the state that is not durable. */
export interface NameEntry {
  readonly name: string;
  record: EntryRecord;
  /** When a lookup last showed it, monotonic ms; 0 for never. @see [G4](../../../../docs/background.md#g4) */
  lastServedAt: number;
  /** A new unique number after every change that lookups show; −1 once the name is removed. */
  version: number;
  /** Present only when the name has or had registrations. */
  service: ServiceRegistrations | undefined;
}

/** The registrations of a service, and the fences of former ones. */
export interface ServiceRegistrations {
  readonly endpoints: RegistrationSet<Registration>;
  /** Endpoints whose status is not `healthy`. */
  unhealthyCount: number;
  epochCounter: EpochCounter;
  fences: Map<string, Fence> | undefined;
}

/** A registered endpoint and its lease. */
export interface Registration {
  entry: NameEntry;
  readonly id: string;
  epoch: number;
  leaseMs: number;
  draining: boolean;
  principal: string;
  json: string;
  /** End of the lease, or of the drain time, monotonic ms. */
  expiresAt: number;
  /** The slot of `Leases` that holds it; −1 for none. */
  leaseSlot: number;
  /** Its removal is being written, so a renewal fails. */
  isRemovalPending: boolean;
  /** The published status; `visibleHealth` derives what lookups show. */
  status: EndpointStatus;
}

/** Notified when durable changes are applied, for timers that depend on them. */
export interface StateObserver {
  /** An endpoint registered, registered again or began to drain. */
  readonly onRegistered: (registration: Registration) => void;
  /** A status change was applied. */
  readonly onStatusApplied: (registration: Registration) => void;
  readonly onRemoved: (registration: Registration) => void;
}
