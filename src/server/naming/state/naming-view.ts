import type { LaunchRecord } from '../../ports.js';
import type { EntryRecord, EpochCounter, Fence } from './records.js';

/** The fields of a registration that commands read. */
export interface EndpointView {
  readonly id: string;
  readonly epoch: number;
  readonly leaseMs: number;
  readonly draining: boolean;
  readonly principal: string;
  readonly json: string;
}

/** The records that a command reads: the durable ones, including the changes planned before it in its batch. */
export interface NamingView {
  /** The entry at exactly this name. */
  entry(name: string): EntryRecord | undefined;
  /** Names strictly below this one, in no order. */
  descendants(name: string): Iterable<string>;
  /** The name of the directory with this identifier, which begins with `#`. */
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
  /** Endpoints that count in the quota of a principal. */
  registrationCount(principal: string): number;
  /** New names assign epochs above this one. */
  readonly epochFloor: number;
}

/** Whether there are names below a name. */
export function hasDescendants(view: NamingView, name: string): boolean {
  for (const _ of view.descendants(name)) return true;
  return false;
}
