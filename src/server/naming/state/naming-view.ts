/** What a command may look at: the records as they will be when everything planned before it is durable. */
import type { LaunchRecord } from '../../ports.js';
import type { EpochCounter, EntryRecord, Fence } from './records.js';

/** A registration, as far as commands judge it. */
export interface EndpointView {
  readonly id: string;
  readonly epoch: number;
  readonly leaseMs: number;
  readonly draining: boolean;
  readonly principal: string;
  readonly json: string;
}

/** Records by their names. */
export interface NamingView {
  /** What is at exactly this name. */
  entry(name: string): EntryRecord | undefined;
  /** Names strictly below this one, in no order. */
  descendants(name: string): Iterable<string>;
  /** Where the directory with this identifier is; `#` is part of it. */
  directoryName(id: string): string | undefined;
  counter(name: string): EpochCounter | undefined;
  endpoint(name: string, id: string): EndpointView | undefined;
  endpoints(name: string): Iterable<EndpointView>;
  endpointCount(name: string): number;
  fence(name: string, id: string): Fence | undefined;
  /** Oldest first. */
  fences(name: string): ReadonlyMap<string, Fence>;
  launch(name: string, instance: string): LaunchRecord | undefined;
  launches(): Iterable<LaunchRecord>;
  /** How many endpoints count in the quota of a principal. */
  registrationCount(principal: string): number;
  /** Where the numbers of a name begin that has none yet. */
  readonly epochFloor: number;
}

/** Whether anything is below a name. */
export function hasDescendants(view: NamingView, name: string): boolean {
  for (const _ of view.descendants(name)) return true;
  return false;
}
