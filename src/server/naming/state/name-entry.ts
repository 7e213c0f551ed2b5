import type { EndpointStatus } from '../health/suspect-rule.js';
import type { DisplacedHolder, EntryRecord, EpochCounter, Fence, SharedReport } from './records.js';
import type { RegistrationSet } from './registration-set.js';

export interface NameEntry {
  readonly name: string;
  record: EntryRecord;
  /** Principal that has created the name; undefined for a name that an old release has stored. */
  creator: string | undefined;
  /** When a lookup last showed the name, on the monotonic clock; 0 for never. */
  lastServedAt: number;
  /**
   * Version of the entry, unique in this state. Each visible change sets a new number; −1 after the name is removed.
   */
  version: number;
  /** Undefined until the name has a registration, a fence or an epoch counter. */
  service: ServiceRegistrations | undefined;
}

export interface ServiceRegistrations {
  readonly endpoints: RegistrationSet<Registration>;
  /** When a lookup or search last showed the endpoints, on the monotonic clock; 0 if never since the server started. */
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
  /** Name in the last accepted request of the service; undefined after a restart of the server. */
  requestedName: string | undefined;
  /** End of the lease or of the drain time, on the monotonic clock; 0 until the lease starts. */
  expiresAt: number;
  leaseSlot: number;
  /** The server at which the endpoint renews its lease; empty in a registry with one server. */
  holder: string;
  /** Whether the removal of the registration is being written. During the write, renewals fail. */
  isRemovalPending: boolean;
  /** Whether the endpoint counts its calls, as its last renewal states or, before any renewal, its registration. */
  countsCalls: boolean;
  /** Status from `HealthConsensus`. Lookups may show another status; see `visibleHealth`. */
  status: EndpointStatus;
}

export interface StateObserver {
  readonly onRegistered: (registration: Registration) => void;
  readonly onStatusApplied: (registration: Registration) => void;
  readonly onRemoved: (registration: Registration) => void;
  /** Called after `holder` has changed. */
  readonly onHeld?: (registration: Registration) => void;
  readonly onReport?: (report: SharedReport) => void;
  readonly onServer?: (server: string, session: string | undefined) => void;
}
