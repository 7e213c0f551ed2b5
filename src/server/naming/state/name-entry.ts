import type { EndpointStatus } from '../health/endpoint-status.js';
import type { DisplacedHolder, EntryRecord, EpochCounter, Fence } from './records.js';
import type { RegistrationSet } from './registration-set.js';

export interface NameEntry {
  readonly name: string;
  record: EntryRecord;
  /** Principal that has created the name; undefined for a name from before creators were stored. */
  creator: string | undefined;
  /** When a lookup last showed the name, on the monotonic clock; 0 for never. */
  lastServedAt: number;
  /** Every visible change replaces this unique number; −1 after the name is removed. */
  version: number;
  /** Undefined until the name has a registration, a fence or an epoch counter. */
  service: ServiceRegistrations | undefined;
}

export interface ServiceRegistrations {
  readonly endpoints: RegistrationSet<Registration>;
  /** When a lookup or search last showed the endpoints, on the monotonic clock; 0 for never in this run of the server. */
  endpointsShownAt: number;
  unhealthyCount: number;
  startingCount: number;
  /** Size of the endpoints in a lookup, in bytes; see `endpointBytes`. */
  endpointBytes: number;
  epochCounter: EpochCounter;
  fences: Map<string, Fence> | undefined;
}

export interface Registration {
  entry: NameEntry;
  readonly id: string;
  epoch: number;
  leaseMs: number;
  draining: boolean;
  principal: string;
  json: string;
  displaced: DisplacedHolder | undefined;
  /** End of the lease or of the drain time, on the monotonic clock; 0 until the lease starts. */
  expiresAt: number;
  leaseSlot: number;
  /** Whether the removal of the registration is being written. Renewals then fail. */
  isRemovalPending: boolean;
  /** Whether the endpoint states its answered calls: with its last renewal, or until then with its registration. */
  countsCalls: boolean;
  /** Status from `HealthConsensus`. Lookups may show another status; see `visibleHealth`. */
  status: EndpointStatus;
}

export interface StateObserver {
  readonly onRegistered: (registration: Registration) => void;
  readonly onStatusApplied: (registration: Registration) => void;
  readonly onRemoved: (registration: Registration) => void;
}
