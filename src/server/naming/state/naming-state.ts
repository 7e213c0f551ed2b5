import type { KeyPin } from '../../../core/key-pin.js';
import type { LaunchRecord } from '../../ports.js';
import type { EndpointStatus } from '../health/endpoint-status.js';
import { AddressIndex } from './address-index.js';
import { IdentityState } from './identity-state.js';
import type { NameEntry, Registration, ServiceRegistrations, StateObserver } from './name-entry.js';
import type { NamingView } from './naming-view.js';
import { nameUnits } from './name-units.js';
import { endOfSubtree, OrderedNames } from './ordered-names.js';
import { damagedRecordError, endpointBytes, internCounter, internEntry, isStarting } from './record-codec.js';
import { raisedCounter } from './raised-counter.js';
import type { EndpointRecord, EntryRecord, EpochCounter, Fence, StateChange } from './records.js';
import { RegistrationSet } from './registration-set.js';

interface Quota {
  readonly principal: string;
  used: number;
}

/**
 * The stored records in memory, with indexes for lookups. The store has saved a change before the change arrives
 * here. The times of leases and guarantees are not stored.
 */
export class NamingState implements NamingView {
  readonly entries = new Map<string, NameEntry>();
  readonly names = new OrderedNames();
  readonly identities = new IdentityState();
  readonly #directories = new Map<string, string>();
  readonly #groups = new Map<string, Set<string>>();
  readonly #launches = new Map<string, LaunchRecord>();
  readonly #launchesByKey = new Map<KeyPin, LaunchRecord>();
  readonly #quotas = new Map<string, Quota>();
  /** Number of names by the principal that has created them. */
  readonly #nameQuotas = new Map<string, Quota>();
  readonly #addresses = new AddressIndex<Registration>();
  readonly #observer: StateObserver;
  #loading = false;
  #versions = 0;
  #epochBase = 0;
  epochFloor = 0;
  /** Rises with each change of several names. */
  bulkVersion = 0;
  services = 0;
  links = 0;
  registrationTotal = 0;

  constructor(observer: StateObserver) {
    this.#observer = observer;
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
        const before = this.#launches.get(key);
        if (before?.key !== undefined) this.#launchesByKey.delete(before.key);
        if (change.record === undefined) this.#launches.delete(key);
        else this.#launches.set(key, change.record);
        if (change.record?.key !== undefined) this.#launchesByKey.set(change.record.key, change.record);
        return;
      }
      case 'status': {
        const registration = this.endpoint(change.name, change.id);
        if (registration?.epoch !== change.epoch) return;
        this.#setStatus(registration, change.status);
        this.#observer.onStatusApplied(registration);
        return;
      }
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

  entry(name: string): EntryRecord | undefined {
    return this.entries.get(name)?.record;
  }

  creatorOf(name: string): string | undefined {
    return this.entries.get(name)?.creator;
  }

  nameCount(principal: string): number {
    return this.#nameQuotas.get(principal)?.used ?? 0;
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

  groupsOf(member: string): Iterable<string> {
    return this.#groups.get(member) ?? [];
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
    return this.entries.get(name)?.service?.endpoints.get(id);
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

  launch(name: string, instance: string): LaunchRecord | undefined {
    return this.#launches.get(launchKey(name, instance));
  }

  launches(): Iterable<LaunchRecord> {
    return this.#launches.values();
  }

  launchOfKey(pin: KeyPin): LaunchRecord | undefined {
    return this.#launchesByKey.get(pin);
  }

  registrationCount(principal: string): number {
    return this.#quotas.get(principal)?.used ?? 0;
  }

  *registrationsOf(principal: string): IterableIterator<readonly [string, Registration]> {
    if (!this.#quotas.has(principal)) return;
    for (const [name, { service }] of this.entries)
      for (const registration of service?.endpoints.values() ?? [])
        if (registration.principal === principal) yield [name, registration];
  }

  registrationsAt(address: string): readonly Registration[] {
    return this.#addresses.get(address);
  }

  #setEntry(change: Extract<StateChange, { readonly kind: 'entry' }>): void {
    const { name, record, movedFrom } = change;
    const entry = this.entries.get(name);
    if (entry !== undefined) this.#release(this.#nameQuotas, entry.creator, nameUnits(entry.record));
    const creator =
      record === undefined || change.creator === undefined
        ? undefined
        : this.#charge(this.#nameQuotas, change.creator, nameUnits(record));
    if (entry !== undefined) this.#uncount(entry);
    if (entry !== undefined && record?.kind !== 'service') {
      for (const { id } of [...(entry.service?.endpoints.values() ?? [])]) this.#unregister(name, id);
      entry.service = undefined;
    }
    if (record === undefined) {
      if (entry !== undefined) entry.version = -1;
      this.entries.delete(name);
      this.names.delete(name);
      return;
    }
    if (record.kind === 'service') this.services++;
    else if (record.kind === 'link') this.links++;
    else if (record.kind === 'directory') this.#directories.set(record.id, name);
    else this.#countGroup(name, record.members);
    const interned = record.pending === undefined ? internEntry(record) : record;
    if (entry !== undefined) {
      if (!isVisiblySame(entry.record, interned)) entry.version = ++this.#versions;
      entry.record = interned;
      entry.creator = creator;
      return;
    }
    const lastServedAt =
      (movedFrom === undefined ? undefined : this.entries.get(movedFrom)?.lastServedAt) ?? 0;
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
    else if (record.kind === 'link') this.links--;
    else if (record.kind === 'group') this.#uncountGroup(name, record.members);
    // After a move, the identifier already leads to the new name of the directory.
    else if (this.#directories.get(record.id) === name) this.#directories.delete(record.id);
  }

  #countGroup(name: string, members: readonly string[]): void {
    this.identities.accessVersion++;
    for (const member of members) {
      const groups = this.#groups.get(member);
      if (groups === undefined) this.#groups.set(member, new Set([name]));
      else groups.add(name);
    }
  }

  #uncountGroup(name: string, members: readonly string[]): void {
    this.identities.accessVersion++;
    for (const member of members) {
      const groups = this.#groups.get(member);
      groups?.delete(name);
      if (groups?.size === 0) this.#groups.delete(member);
    }
  }

  #serviceOf(name: string): ServiceRegistrations {
    const entry = this.entries.get(name);
    if (entry?.record.kind !== 'service') throw damagedRecordError(`e ${name}`);
    return (entry.service ??= {
      endpoints: new RegistrationSet(),
      endpointsShownAt: 0,
      unhealthyCount: 0,
      startingCount: 0,
      endpointBytes: 0,
      epochCounter: initialCounter,
      fences: undefined,
    });
  }

  #register(name: string, record: EndpointRecord, movedFrom: string | undefined): void {
    const service = this.#serviceOf(name);
    const { endpoints } = service;
    const entry = this.entries.get(name) as NameEntry;
    const before = movedFrom === undefined ? endpoints.get(record.id) : this.endpoint(movedFrom, record.id);
    if (before !== undefined) this.#removeFromIndexes(before);
    const { id, epoch, leaseMs, draining, json, displaced } = record;
    const countsCalls = record.countsCalls ?? before?.countsCalls ?? false;
    // The status belongs to the earlier registration. A drain, a new epoch or a move resets the status to healthy.
    if (before !== undefined && (draining || before.epoch !== epoch || movedFrom !== undefined))
      this.#setStatus(before, 'healthy');
    const principal = this.#charge(this.#quotas, record.principal, 1);
    if (before?.json !== record.json || movedFrom !== undefined) entry.version = ++this.#versions;
    const registration: Registration =
      before !== undefined && movedFrom === undefined
        ? Object.assign(before, {
            epoch,
            leaseMs,
            draining,
            principal,
            json,
            displaced,
            countsCalls,
            expiresAt: 0,
          })
        : {
            entry,
            id,
            epoch,
            leaseMs,
            draining,
            principal,
            json,
            displaced,
            expiresAt: 0,
            leaseSlot: -1,
            isRemovalPending: false,
            countsCalls,
            status: 'healthy',
          };
    if (before === undefined) this.registrationTotal++;
    if (movedFrom !== undefined && before !== undefined) {
      before.entry.service?.endpoints.delete(id);
      service.endpointsShownAt = Math.max(
        service.endpointsShownAt,
        before.entry.service?.endpointsShownAt ?? 0,
      );
      before.entry.version = ++this.#versions;
      registration.expiresAt = before.expiresAt;
      this.#observer.onRemoved(before);
    }
    endpoints.add(registration);
    service.startingCount += Number(isStarting(json));
    service.endpointBytes += endpointBytes(id, json);
    for (const address of record.addresses) this.#addresses.add(address, registration);
    this.#observer.onRegistered(registration);
  }

  #unregister(name: string, id: string): void {
    const registration = this.endpoint(name, id);
    if (registration === undefined) return;
    this.#removeFromIndexes(registration);
    this.#setStatus(registration, 'healthy');
    this.registrationTotal--;
    registration.entry.version = ++this.#versions;
    registration.entry.service?.endpoints.delete(id);
    this.#observer.onRemoved(registration);
  }

  #setStatus(registration: Registration, status: EndpointStatus): void {
    const { entry, status: before } = registration;
    if (before === status) return;
    if (entry.service !== undefined)
      entry.service.unhealthyCount += Number(status !== 'healthy') - Number(before !== 'healthy');
    registration.status = status;
    entry.version = ++this.#versions;
  }

  /** Returns the principal as the one string that all records of the principal share. */
  #charge(quotas: Map<string, Quota>, principal: string, units: number): string {
    let quota = quotas.get(principal);
    if (quota === undefined) quotas.set(principal, (quota = { principal, used: 0 }));
    quota.used += units;
    return quota.principal;
  }

  #release(quotas: Map<string, Quota>, principal: string | undefined, units: number): void {
    const quota = principal === undefined ? undefined : quotas.get(principal);
    if (quota === undefined) return;
    quota.used -= units;
    if (quota.used === 0) quotas.delete(quota.principal);
  }

  #removeFromIndexes(registration: Registration): void {
    this.#release(this.#quotas, registration.principal, 1);
    const { service } = registration.entry;
    if (service !== undefined) {
      service.startingCount -= Number(isStarting(registration.json));
      service.endpointBytes -= endpointBytes(registration.id, registration.json);
    }
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

const initialCounter: EpochCounter = Object.freeze({ epoch: 0 });
const noFences: ReadonlyMap<string, Fence> = new Map();

/** Whether two service records differ at most in `defined`, which lookups do not show. False for other records. */
function isVisiblySame(a: EntryRecord, b: EntryRecord): boolean {
  if (a.kind !== 'service' || b.kind !== 'service') return false;
  return JSON.stringify({ ...a, defined: true }) === JSON.stringify({ ...b, defined: true });
}

function addressesOf(json: string): readonly string[] {
  return (JSON.parse(json) as { endpoint: { addresses: string[] } }).endpoint.addresses;
}

function launchKey(name: string, instance: string): string {
  return `${name} ${instance}`;
}
