import type { KeyPin } from '../../../core/key-pin.js';
import type { LaunchRecord } from '../../ports.js';
import type { FenceRef } from './fence-index.js';
import { GroupIndex } from './group-index.js';
import { IdentityState } from './identity-state.js';
import { LaunchIndex } from './launch-index.js';
import type { NameEntry, Registration, StateObserver } from './name-entry.js';
import type { NamingView } from './naming-view.js';
import { nameUnits } from './name-units.js';
import { endOfSubtree, OrderedNames } from './ordered-names.js';
import { PrincipalCounts } from './principal-counts.js';
import { internEntry } from './record-codec.js';
import { raisedCounter } from './raised-counter.js';
import type { EntryRecord, EpochCounter, Fence, LinkRecord, StateChange } from './records.js';
import { RegistrationTable } from './registration-table.js';
import { MovedLinks } from './moved-links.js';

/**
 * The stored records in memory, with indexes for lookups. A change is applied after the store has saved it. While the
 * store of a single server fails, ends and statuses of endpoints are applied without being saved. The times of leases
 * and guarantees exist only in memory.
 */
export class NamingState implements NamingView {
  readonly entries = new Map<string, NameEntry>();
  readonly names = new OrderedNames();
  readonly identities = new IdentityState();
  readonly #registrations: RegistrationTable;
  readonly #directories = new Map<string, string>();
  readonly #movedLinks = new MovedLinks();
  readonly #groups = new GroupIndex();
  readonly #launches = new LaunchIndex();
  /** Number of names by the principal that has created them. */
  readonly #nameCounts = new PrincipalCounts();
  readonly #observer: StateObserver;
  #loading = false;
  #versions = 0;
  #epochBase = 0;
  epochFloor = 0;
  /** Incremented by each change of several names. */
  bulkVersion = 0;
  services = 0;
  links = 0;

  constructor(observer: StateObserver) {
    this.#observer = observer;
    this.#registrations = new RegistrationTable(this.entries, observer, () => ++this.#versions);
  }

  load(changes: Iterable<StateChange>, lastServedAt: number): void {
    this.#loading = true;
    const later: StateChange[] = [];
    for (const change of changes)
      if (change.kind === 'entry') this.apply(change);
      else later.push(change);
    this.names.fill(this.entries.keys());
    this.#loading = false;
    for (const change of later) this.apply(change);
    for (const entry of this.entries.values()) entry.lastServedAt = lastServedAt;
  }

  apply(change: StateChange): void {
    switch (change.kind) {
      case 'entry':
        this.#setEntry(change);
        return;
      case 'endpoint':
        if (change.record === undefined) this.#registrations.delete(change.name, change.id);
        else this.#registrations.add(change.name, change.record, change.movedFrom);
        return;
      case 'counter':
        if (change.record !== undefined) this.#registrations.setCounter(change.name, change.record);
        return;
      case 'fence':
        this.#registrations.setFence(change.name, change.id, change.record);
        return;
      case 'launch':
        this.#launches.set(change.name, change.id, change.record);
        return;
      case 'status': {
        const registration = this.endpoint(change.name, change.id);
        if (registration?.epoch !== change.epoch) return;
        this.#registrations.setStatus(registration, change.status);
        this.#observer.onStatusApplied(registration);
        return;
      }
      case 'holder': {
        const registration = this.endpoint(change.name, change.id);
        if (registration === undefined) return;
        registration.holder = change.server;
        this.#observer.onHeld?.(registration);
        return;
      }
      case 'report':
        this.#observer.onReport?.(change);
        return;
      case 'server':
        this.#observer.onServer?.(change.server, change.session);
        return;
      case 'epoch-floor':
        this.epochFloor = Math.max(this.#epochBase, change.epoch);
        return;
      case 'epoch-base':
        this.#epochBase = change.epoch;
        this.epochFloor = Math.max(this.epochFloor, change.epoch);
        return;
      case 'key':
      case 'token':
      case 'access':
        this.identities.apply(change);
        return;
      case 'registry':
        return;
    }
  }

  get entryCount(): number {
    return this.entries.size;
  }

  get registrationTotal(): number {
    return this.#registrations.total;
  }

  entry(name: string): EntryRecord | undefined {
    return this.entries.get(name)?.record;
  }

  creatorOf(name: string): string | undefined {
    return this.entries.get(name)?.creator;
  }

  nameCount(principal: string): number {
    return this.#nameCounts.of(principal);
  }

  *descendants(name: string): IterableIterator<string> {
    const end = endOfSubtree(name);
    for (const found of this.names.from(`${name}/`)) {
      if (!found.startsWith(end.slice(0, -1))) return;
      yield found;
    }
  }

  directoryName(id: string): string | undefined {
    return this.#directories.get(id);
  }

  /** The links that moves of the entry at this name have left. */
  linksLeftByMovesOf(name: string): Iterable<string> {
    return this.#movedLinks.exactlyTo(name);
  }

  movedLinksTo(name: string): Iterable<string> {
    return this.#movedLinks.to(name);
  }

  requestedAs(requestedName: string, id: string): readonly [string, Registration] | undefined {
    return this.#registrations.requestedAs(requestedName, id);
  }

  setRequestedName(registration: Registration, name: string): void {
    this.#registrations.setRequestedName(registration, name);
  }

  groupsOf(member: string): Iterable<string> {
    return this.#groups.of(member);
  }

  counter(name: string): EpochCounter | undefined {
    return raisedCounter(this.entries.get(name)?.service?.epochCounter, this.#epochBase);
  }

  highestEpoch(): number {
    let highest = Math.max(this.epochFloor, this.#epochBase);
    for (const { service } of this.entries.values())
      highest = Math.max(highest, service?.epochCounter.epoch ?? 0);
    return highest;
  }

  endpoint(name: string, id: string): Registration | undefined {
    return this.#registrations.get(name, id);
  }

  endpoints(name: string): Iterable<Registration> {
    return this.entries.get(name)?.service?.endpoints.values() ?? [];
  }

  endpointCount(name: string): number {
    return this.entries.get(name)?.service?.endpoints.size ?? 0;
  }

  endpointBytes(name: string): number {
    return this.entries.get(name)?.service?.endpointBytes ?? 0;
  }

  fences(name: string): ReadonlyMap<string, Fence> {
    return this.entries.get(name)?.service?.fences ?? noFences;
  }

  get fenceCount(): number {
    return this.#registrations.fenceCount;
  }

  fenceCountOf(principal: string): number {
    return this.#registrations.fenceCountOf(principal);
  }

  oldestFences(principal?: string): Iterable<FenceRef> {
    return this.#registrations.oldestFences(principal);
  }

  launch(name: string, instance: string): LaunchRecord | undefined {
    return this.#launches.get(name, instance);
  }

  launches(): Iterable<LaunchRecord> {
    return this.#launches.values();
  }

  launchOfKey(pin: KeyPin): LaunchRecord | undefined {
    return this.#launches.ofKey(pin);
  }

  registrationCount(principal: string): number {
    return this.#registrations.countOf(principal);
  }

  registrationsOf(principal: string): IterableIterator<readonly [string, Registration]> {
    return this.#registrations.of(principal);
  }

  registrationsAt(address: string): readonly Registration[] {
    return this.#registrations.at(address);
  }

  #setEntry(change: Extract<StateChange, { readonly kind: 'entry' }>): void {
    const { name, record, movedFrom } = change;
    const entry = this.entries.get(name);
    if (entry?.creator !== undefined) this.#nameCounts.subtract(entry.creator, nameUnits(entry.record));
    const creator =
      record === undefined || change.creator === undefined
        ? undefined
        : this.#nameCounts.add(change.creator, nameUnits(record));
    if (entry !== undefined) this.#uncount(entry);
    if (entry !== undefined && record?.kind !== 'service') this.#registrations.deleteService(entry);
    if (record === undefined) {
      if (entry !== undefined) entry.version = -1;
      this.entries.delete(name);
      this.names.delete(name);
      return;
    }
    if (record.kind === 'service') this.services++;
    else if (record.kind === 'link') this.#countLink(name, record, 1);
    else if (record.kind === 'directory') this.#directories.set(record.id, name);
    else this.#setGroup(name, record.members);
    const interned = record.pending === undefined ? internEntry(record) : record;
    const former = movedFrom === undefined ? (change.standsFor ?? []) : [movedFrom];
    const lastServedAt = former.reduce(
      (latest, each) => Math.max(latest, this.entries.get(each)?.lastServedAt ?? 0),
      entry?.lastServedAt ?? 0,
    );
    if (entry !== undefined) {
      if (!isVisiblySame(entry.record, interned)) entry.version = ++this.#versions;
      entry.record = interned;
      entry.creator = creator;
      entry.lastServedAt = lastServedAt;
      return;
    }
    this.entries.set(name, {
      name,
      record: interned,
      creator,
      lastServedAt,
      version: ++this.#versions,
      service: undefined,
    });
    if (!this.#loading) this.names.add(name);
  }

  #uncount({ name, record }: NameEntry): void {
    if (record.kind === 'service') this.services--;
    else if (record.kind === 'link') this.#countLink(name, record, -1);
    else if (record.kind === 'group') this.#deleteGroup(name, record.members);
    // During a move, the identifier already belongs to the new name.
    else if (this.#directories.get(record.id) === name) this.#directories.delete(record.id);
  }

  #countLink(name: string, { target, moved }: LinkRecord, sign: 1 | -1): void {
    this.links += sign;
    if (moved !== true) return;
    if (sign > 0) this.#movedLinks.add(name, target);
    else this.#movedLinks.delete(name, target);
    // Rights depend on these links, because a principal keeps its rights on its own name after a move.
    if (this.identities.keyCount > 0) this.identities.accessVersion++;
  }

  #setGroup(name: string, members: readonly string[]): void {
    this.identities.accessVersion++;
    this.#groups.add(name, members);
  }

  #deleteGroup(name: string, members: readonly string[]): void {
    this.identities.accessVersion++;
    this.#groups.delete(name, members);
  }
}

const noFences: ReadonlyMap<string, Fence> = new Map();

/**
 * Whether two service records look equal in a lookup, which does not show `defined`. False for other kinds of
 * records.
 */
function isVisiblySame(a: EntryRecord, b: EntryRecord): boolean {
  if (a.kind !== 'service' || b.kind !== 'service') return false;
  return JSON.stringify({ ...a, defined: true }) === JSON.stringify({ ...b, defined: true });
}
