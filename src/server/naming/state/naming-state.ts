/**
 * The durable state in memory, with the indexes that look-ups need. It changes in one way: by changes that the store has
 * taken. Time that runs (leases, promises) is kept beside the records it runs for, and is nobody's record.
 */
import type { LaunchRecord } from '../../ports.js';
import { endOfSubtree, OrderedNames } from './ordered-names.js';
import { AddressIndex } from './address-index.js';
import type { StateObserver, NameEntry, Registration, ServiceRegistrations } from './name-entry.js';
import type { EndpointStatus } from '../health/votes.js';
import { RegistrationSet } from './registration-set.js';
import {
  damagedRecordError,
  internEntry,
  internCounter,
  type StateChange,
  type EpochCounter,
  type EndpointRecord,
  type EntryRecord,
  type Fence,
} from './records.js';
import type { NamingView } from './naming-view.js';

/** How much of its quota a principal has used. */
interface Quota {
  readonly principal: string;
  used: number;
}

export class NamingState implements NamingView {
  readonly entries = new Map<string, NameEntry>();
  readonly names = new OrderedNames();
  readonly #directories = new Map<string, string>();
  readonly #launches = new Map<string, LaunchRecord>();
  readonly #quotas = new Map<string, Quota>();
  readonly #addresses = new AddressIndex<Registration>();
  readonly #observer: StateObserver;
  #loading = false;
  #versions = 0;
  epochFloor = 0;
  services = 0;
  links = 0;
  registrationTotal = 0;

  constructor(observer: StateObserver) {
    this.#observer = observer;
  }

  /** Takes what a store had, in any order. */
  load(changes: Iterable<StateChange>, lastServedAt: number): void {
    this.#loading = true;
    const later: StateChange[] = [];
    for (const change of changes)
      if (change.kind === 'entry') this.apply(change);
      else later.push(change);
    this.names.fill(this.entries.keys());
    this.#loading = false;
    for (const change of later) this.apply(change);
    for (const place of this.entries.values()) place.lastServedAt = lastServedAt;
  }

  /** Takes one change that is durable. */
  apply(change: StateChange): void {
    switch (change.kind) {
      case 'entry':
        this.#setEntry(change.name, change.record, change.movedFrom);
        return;
      case 'endpoint':
        if (change.record === undefined) this.#unregister(change.name, change.id);
        else this.#register(change.name, change.record, change.movedFrom);
        return;
      case 'counter':
        if (change.record !== undefined)
          this.#serviceOf(change.name).epochCounter = internCounter(change.record);
        return;
      case 'fence':
        this.#setFence(change.name, change.id, change.record);
        return;
      case 'launch': {
        const key = launchKey(change.name, change.id);
        if (change.record === undefined) this.#launches.delete(key);
        else this.#launches.set(key, change.record);
        return;
      }
      case 'mark': {
        const marked = this.endpoint(change.name, change.id);
        if (marked?.epoch !== change.epoch) return;
        this.#setStatus(marked, change.status);
        this.#observer.onStatusApplied(marked);
        return;
      }
      case 'floor':
        this.epochFloor = change.epoch;
    }
  }

  entry(name: string): EntryRecord | undefined {
    return this.entries.get(name)?.record;
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

  counter(name: string): EpochCounter | undefined {
    return this.entries.get(name)?.service?.epochCounter;
  }

  endpoint(name: string, id: string): Registration | undefined {
    return this.entries.get(name)?.service?.endpoints.get(id);
  }

  endpoints(name: string): Iterable<Registration> {
    return this.entries.get(name)?.service?.endpoints.values() ?? [];
  }

  endpointCount(name: string): number {
    return this.entries.get(name)?.service?.endpoints.size ?? 0;
  }

  fence(name: string, id: string): Fence | undefined {
    return this.entries.get(name)?.service?.fences?.get(id);
  }

  fences(name: string): ReadonlyMap<string, Fence> {
    return this.entries.get(name)?.service?.fences ?? noFences;
  }

  launch(name: string, instance: string): LaunchRecord | undefined {
    return this.#launches.get(launchKey(name, instance));
  }

  launches(): Iterable<LaunchRecord> {
    return this.#launches.values();
  }

  registrationCount(principal: string): number {
    return this.#quotas.get(principal)?.used ?? 0;
  }

  /** The registrations that said this address. */
  registrationsAt(address: string): readonly Registration[] {
    return this.#addresses.get(address);
  }

  #setEntry(name: string, record: EntryRecord | undefined, from: string | undefined): void {
    const place = this.entries.get(name);
    if (place !== undefined) this.#uncount(place);
    if (place !== undefined && record?.kind !== 'service') {
      for (const { id } of [...(place.service?.endpoints.values() ?? [])]) this.#unregister(name, id);
      place.service = undefined;
    }
    if (record === undefined) {
      if (place !== undefined) place.version = -1;
      this.entries.delete(name);
      this.names.delete(name);
      return;
    }
    if (record.kind === 'service') this.services++;
    else if (record.kind === 'link') this.links++;
    else this.#directories.set(record.id, name);
    const kept = record.pending === undefined ? internEntry(record) : record;
    if (place !== undefined) {
      if (!isVisiblySame(place.record, kept)) place.version = ++this.#versions;
      place.record = kept;
      return;
    }
    const givenAt = (from === undefined ? undefined : this.entries.get(from)?.lastServedAt) ?? 0;
    this.entries.set(name, {
      name,
      record: kept,
      lastServedAt: givenAt,
      version: ++this.#versions,
      service: undefined,
    });
    if (!this.#loading) this.names.add(name);
  }

  #uncount({ name, record }: NameEntry): void {
    if (record.kind === 'service') this.services--;
    else if (record.kind === 'link') this.links--;
    // When it moves, it is at its new place before it leaves the old one.
    else if (this.#directories.get(record.id) === name) this.#directories.delete(record.id);
  }

  #serviceOf(name: string): ServiceRegistrations {
    const place = this.entries.get(name);
    if (place?.record.kind !== 'service') throw damagedRecordError(`e ${name}`);
    return (place.service ??= {
      endpoints: new RegistrationSet(),
      unhealthyCount: 0,
      epochCounter: initialCounter,
      fences: undefined,
    });
  }

  #register(name: string, record: EndpointRecord, from: string | undefined): void {
    const { endpoints } = this.#serviceOf(name);
    const place = this.entries.get(name) as NameEntry;
    const before = from === undefined ? endpoints.get(record.id) : this.endpoint(from, record.id);
    if (before !== undefined) this.#removeFromIndexes(before);
    const { id, epoch, leaseMs, draining, json } = record;
    // What was said of another life of it is not said of this one.
    if (before !== undefined && (draining || before.epoch !== epoch || from !== undefined))
      this.#setStatus(before, 'good');
    const by = this.#chargeQuota(record.principal);
    if (before?.json !== record.json || from !== undefined) place.version = ++this.#versions;
    const made: Registration =
      before !== undefined && from === undefined
        ? Object.assign(before, { epoch, leaseMs, draining, by, text: json, endsAt: 0 })
        : {
            entry: place,
            id,
            epoch,
            leaseMs,
            draining,
            principal: by,
            json,
            expiresAt: 0,
            leaseSlot: -1,
            isRemovalPending: false,
            status: 'good',
          };
    if (before === undefined) this.registrationTotal++;
    if (from !== undefined && before !== undefined) {
      before.entry.service?.endpoints.delete(id);
      before.entry.version = ++this.#versions;
      made.expiresAt = before.expiresAt;
      this.#observer.onRemoved(before);
    }
    endpoints.add(made);
    for (const address of record.addresses) this.#addresses.add(address, made);
    this.#observer.onRegistered(made);
  }

  #unregister(name: string, id: string): void {
    const registration = this.endpoint(name, id);
    if (registration === undefined) return;
    this.#removeFromIndexes(registration);
    this.#setStatus(registration, 'good');
    this.registrationTotal--;
    registration.entry.version = ++this.#versions;
    registration.entry.service?.endpoints.delete(id);
    this.#observer.onRemoved(registration);
  }

  #setStatus(registration: Registration, standing: EndpointStatus): void {
    const { entry, status: before } = registration;
    if (before === standing) return;
    if (entry.service !== undefined)
      entry.service.unhealthyCount += Number(standing !== 'good') - Number(before !== 'good');
    registration.status = standing;
    entry.version = ++this.#versions;
  }

  /** Counts one more of a principal, and gives its name as the one text that all its registrations share. */
  #chargeQuota(principal: string): string {
    let quota = this.#quotas.get(principal);
    if (quota === undefined) this.#quotas.set(principal, (quota = { principal, used: 0 }));
    quota.used++;
    return quota.principal;
  }

  /** Undoes what the registration's text brought about. */
  #removeFromIndexes(registration: Registration): void {
    const quota = this.#quotas.get(registration.principal);
    if (quota !== undefined && --quota.used === 0) this.#quotas.delete(registration.principal);
    for (const address of addressesOf(registration.json)) this.#addresses.delete(address, registration);
  }

  #setFence(name: string, id: string, fence: Fence | undefined): void {
    const service = this.#serviceOf(name);
    if (fence === undefined) service.fences?.delete(id);
    else {
      service.fences ??= new Map();
      service.fences.delete(id);
      service.fences.set(id, fence);
    }
  }
}

const initialCounter: EpochCounter = Object.freeze({ epoch: 0, floor: 0 });
const noFences: ReadonlyMap<string, Fence> = new Map();

/** Whether look-ups cannot tell one from the other: whether somebody defined a service is not shown. */
function isVisiblySame(a: EntryRecord, b: EntryRecord): boolean {
  if (a.kind !== 'service' || b.kind !== 'service') return false;
  return JSON.stringify({ ...a, defined: true }) === JSON.stringify({ ...b, defined: true });
}

function addressesOf(text: string): readonly string[] {
  return (JSON.parse(text) as { endpoint: { addresses: string[] } }).endpoint.addresses;
}

function launchKey(name: string, instance: string): string {
  return `${name} ${instance}`;
}
