import type { KeyPin } from '../../../core/key-pin.js';
import type { LaunchRecord } from '../../ports.js';
import type { EndpointStatus } from '../health/endpoint-status.js';
import type { IdentityView } from './identity-view.js';
import type { DisplacedHolder, EndpointRecord, EntryRecord, EpochCounter, Fence } from './records.js';

export interface EndpointView extends Omit<EndpointRecord, 'addresses' | 'displaced'> {
  readonly displaced?: DisplacedHolder | undefined;
  /**
   * End of the lease, on the monotonic clock; 0 until the lease starts. Undefined for a registration of the same
   * batch.
   */
  readonly expiresAt?: number;
  readonly status?: EndpointStatus;
}

/** The records on which a command is planned: the saved records, changed by the earlier commands of the batch. */
export interface NamingView {
  entry(name: string): EntryRecord | undefined;
  readonly entryCount: number;
  /** Principal that has created a name; undefined for an unknown name. */
  creatorOf(name: string): string | undefined;
  /** How many names a principal has created; see `nameUnits`. */
  nameCount(principal: string): number;
  descendants(name: string): Iterable<string>;
  directoryName(id: string): string | undefined;
  /** The groups that have a member. */
  groupsOf(member: string): Iterable<string>;
  counter(name: string): EpochCounter | undefined;
  endpoint(name: string, id: string): EndpointView | undefined;
  endpoints(name: string): Iterable<EndpointView>;
  endpointCount(name: string): number;
  /** Size of the endpoints of a service in a lookup, in bytes. */
  endpointBytes(name: string): number;
  fences(name: string): ReadonlyMap<string, Fence>;
  launch(name: string, instance: string): LaunchRecord | undefined;
  launches(): Iterable<LaunchRecord>;
  /** The launch record of the instance that has enrolled a key. */
  launchOfKey(pin: KeyPin): LaunchRecord | undefined;
  registrationCount(principal: string): number;
  /** Reads every name. */
  registrationsOf(principal: string): Iterable<readonly [name: string, EndpointView]>;
  readonly identities: IdentityView;
  /** Highest epoch of all removed names. A new name assigns only higher epochs. */
  readonly epochFloor: number;
}

export function hasDescendants(view: NamingView, name: string): boolean {
  for (const _ of view.descendants(name)) return true;
  return false;
}
