import type { LaunchRecord } from '../../ports.js';
import type { EntryRecord, EpochCounter, Fence } from './records.js';

/** Fields of a registration that commands read. */
export interface EndpointView {
  readonly id: string;
  readonly epoch: number;
  readonly leaseMs: number;
  readonly draining: boolean;
  readonly principal: string;
  readonly json: string;
}

/**
 * The records that planning a command reads: the saved records, with the changes of the commands that precede the
 * command in its batch.
 */
export interface NamingView {
  /** Returns the entry at this name, without following links. */
  entry(name: string): EntryRecord | undefined;
  /** Returns the names below this name, without this name, in no particular order. */
  descendants(name: string): Iterable<string>;
  /** Returns the name of the directory with this identifier. An identifier begins with `#`. */
  directoryName(id: string): string | undefined;
  counter(name: string): EpochCounter | undefined;
  endpoint(name: string, id: string): EndpointView | undefined;
  endpoints(name: string): Iterable<EndpointView>;
  endpointCount(name: string): number;
  fence(name: string, id: string): Fence | undefined;
  /** Returns the fences of a name by instance id, oldest first. */
  fences(name: string): ReadonlyMap<string, Fence>;
  launch(name: string, instance: string): LaunchRecord | undefined;
  launches(): Iterable<LaunchRecord>;
  /** Returns the number of endpoints that count in the quota of a principal. */
  registrationCount(principal: string): number;
  /** Highest epoch of all removed names. A new name assigns only epochs above this number. */
  readonly epochFloor: number;
}

/** Whether names exist below a name. */
export function hasDescendants(view: NamingView, name: string): boolean {
  for (const _ of view.descendants(name)) return true;
  return false;
}
