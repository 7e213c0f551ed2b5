/** What a name is in memory: its record, and beside it what runs and is nobody's record. */
import type { Standing } from './poll.js';
import type { Counter, EntryRecord, Fence } from './records.js';
import type { Registrations } from './registrations.js';

/** A name that there is. */
export interface Place {
  readonly name: string;
  record: EntryRecord;
  /** When it was last given out, monotonic ms; 0 for never. @see GNS G4 */
  givenAt: number;
  /** Another number, never had before, after every change of what look-ups show of it; −1 once it is gone. */
  version: number;
  /** What only names with registrations have. */
  service: ServiceState | undefined;
}

/** Registrations of a service, and what they left. */
export interface ServiceState {
  readonly endpoints: Registrations<Registration>;
  /** How many of them are held for something else than good. */
  marked: number;
  counter: Counter;
  fences: Map<string, Fence> | undefined;
}

/** An endpoint and its lease. */
export interface Registration {
  place: Place;
  readonly id: string;
  epoch: number;
  leaseMs: number;
  draining: boolean;
  by: string;
  text: string;
  /** Monotonic ms; of a draining one, when it goes. */
  endsAt: number;
  /** Where the leases keep it; −1 for nowhere. */
  slot: number;
  /** Its removal is on its way to the store: no renewal saves it. */
  leaving: boolean;
  /** As it is told; see {@link markedOf}. */
  standing: Standing;
}

/** Called for what begins or goes on at a moment, which only the outside knows. */
export interface Following {
  /** A registration came, was renewed by registering, or began to drain. */
  readonly registered: (registration: Registration) => void;
  /** What a registration is held for was told. */
  readonly marked: (registration: Registration) => void;
  /** A registration is gone. */
  readonly gone: (registration: Registration) => void;
}
