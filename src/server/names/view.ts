/** What a command may look at: the records as they will be when everything planned before it is durable. */
import type { LaunchRecord } from '../ports.js';
import type { Counter, EntryRecord, Fence } from './records.js';

/** A registration, as far as commands judge it. */
export interface EndpointView {
  readonly id: string;
  readonly epoch: number;
  readonly leaseMs: number;
  readonly draining: boolean;
  readonly by: string;
  readonly text: string;
}

/** Records by their names. */
export interface View {
  /** What is at exactly this name. */
  entry(name: string): EntryRecord | undefined;
  /** Names strictly below this one, in no order. */
  below(name: string): Iterable<string>;
  /** Where the directory with this identifier is; `#` is part of it. */
  nameOf(id: string): string | undefined;
  counter(name: string): Counter | undefined;
  endpoint(name: string, id: string): EndpointView | undefined;
  endpoints(name: string): Iterable<EndpointView>;
  endpointCount(name: string): number;
  fence(name: string, id: string): Fence | undefined;
  /** Oldest first. */
  fences(name: string): ReadonlyMap<string, Fence>;
  launch(name: string, instance: string): LaunchRecord | undefined;
  launches(): Iterable<LaunchRecord>;
  /** How many endpoints count in the quota of a principal. */
  registrations(principal: string): number;
  /** Where the numbers of a name begin that has none yet. */
  readonly floor: number;
}

/** Whether anything is below a name. */
export function hasBelow(view: View, name: string): boolean {
  for (const _ of view.below(name)) return true;
  return false;
}
