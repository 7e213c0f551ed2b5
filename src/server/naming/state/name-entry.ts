/** What a name is in memory: its record, and beside it what runs and is nobody's record. */
import type { EndpointStatus } from '../health/votes.js';
import type { EpochCounter, EntryRecord, Fence } from './records.js';
import type { RegistrationSet } from './registration-set.js';

/** A name that there is. */
export interface NameEntry {
  readonly name: string;
  record: EntryRecord;
  /** When it was last given out, monotonic ms; 0 for never. @see GNS G4 */
  lastServedAt: number;
  /** Another number, never had before, after every change of what look-ups show of it; −1 once it is gone. */
  version: number;
  /** What only names with registrations have. */
  service: ServiceRegistrations | undefined;
}

/** Registrations of a service, and what they left. */
export interface ServiceRegistrations {
  readonly endpoints: RegistrationSet<Registration>;
  /** How many of them are held for something else than good. */
  unhealthyCount: number;
  epochCounter: EpochCounter;
  fences: Map<string, Fence> | undefined;
}

/** An endpoint and its lease. */
export interface Registration {
  entry: NameEntry;
  readonly id: string;
  epoch: number;
  leaseMs: number;
  draining: boolean;
  principal: string;
  json: string;
  /** Monotonic ms; of a draining one, when it goes. */
  expiresAt: number;
  /** Where the leases keep it; −1 for nowhere. */
  leaseSlot: number;
  /** Its removal is on its way to the store: no renewal saves it. */
  isRemovalPending: boolean;
  /** As it is told; see {@link markedOf}. */
  status: EndpointStatus;
}

/** Called for what begins or goes on at a moment, which only the outside knows. */
export interface StateObserver {
  /** A registration came, was renewed by registering, or began to drain. */
  readonly onRegistered: (registration: Registration) => void;
  /** What a registration is held for was told. */
  readonly onStatusApplied: (registration: Registration) => void;
  /** A registration is gone. */
  readonly onRemoved: (registration: Registration) => void;
}
