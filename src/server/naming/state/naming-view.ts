import type { KeyPin } from '../../../core/key-pin.js';
import type { LaunchRecord } from '../../ports.js';
import type { EndpointStatus } from '../health/suspect-rule.js';
import type { FenceRef } from './fence-index.js';
import type { IdentityView } from './identity-view.js';
import type { DisplacedHolder, EndpointRecord, EntryRecord, EpochCounter, Fence } from './records.js';

export interface EndpointView extends Omit<EndpointRecord, 'addresses' | 'displaced' | 'requestedName'> {
  readonly displaced?: DisplacedHolder | undefined;
  /**
   * End of the lease, on the monotonic clock; 0 until the lease starts. Undefined for a registration that is planned
   * in the same batch.
   */
  readonly expiresAt?: number;
  readonly status?: EndpointStatus;
  /** The server at which the endpoint renews its lease. Undefined for a registration planned in the same batch. */
  readonly holder?: string;
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
  /** Returns the links that moves have left and that lead to a name or to a name below it. */
  movedLinksTo(name: string): Iterable<string>;
  /**
   * Returns the registration of the instance whose requests have the name `requestedName`, if this name differs from
   * the name of the entry.
   */
  requestedAs(requestedName: string, id: string): readonly [name: string, EndpointView] | undefined;
  /** Returns the groups that have a principal or group as a member. */
  groupsOf(member: string): Iterable<string>;
  counter(name: string): EpochCounter | undefined;
  endpoint(name: string, id: string): EndpointView | undefined;
  endpoints(name: string): Iterable<EndpointView>;
  endpointCount(name: string): number;
  /** Size of the endpoints of a service in a lookup, in bytes. */
  endpointBytes(name: string): number;
  fences(name: string): ReadonlyMap<string, Fence>;
  readonly fenceCount: number;
  fenceCountOf(principal: string): number;
  /** Returns the fences of a principal, or of all principals, oldest first. */
  oldestFences(principal?: string): Iterable<FenceRef>;
  launch(name: string, instance: string): LaunchRecord | undefined;
  launches(): Iterable<LaunchRecord>;
  /** The launch record of the instance that has enrolled a key. */
  launchOfKey(pin: KeyPin): LaunchRecord | undefined;
  registrationCount(principal: string): number;
  /** Reads every name, so the cost grows with the registry. */
  registrationsOf(principal: string): Iterable<readonly [name: string, EndpointView]>;
  readonly identities: IdentityView;
  /** Highest epoch of all removed names. Only higher epochs are assigned for a new name. */
  readonly epochFloor: number;
}

export function hasDescendants(view: NamingView, name: string): boolean {
  for (const _ of view.descendants(name)) return true;
  return false;
}
