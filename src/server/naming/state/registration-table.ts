import type { EndpointStatus } from '../health/suspect-rule.js';
import { AddressIndex } from './address-index.js';
import { FenceIndex, type FenceRef } from './fence-index.js';
import type { NameEntry, Registration, ServiceRegistrations, StateObserver } from './name-entry.js';
import { PrincipalCounts } from './principal-counts.js';
import { damagedRecordError, endpointBytes, internCounter, isStarting } from './record-codec.js';
import type { EndpointRecord, EpochCounter, Fence } from './records.js';
import { RegistrationSet } from './registration-set.js';
import { RequestedNames } from './requested-names.js';

const initialCounter: EpochCounter = Object.freeze({ epoch: 0 });

/** The registrations, epoch counters and fences of all services, with indexes for lookups. */
export class RegistrationTable {
  total = 0;
  readonly #entries: ReadonlyMap<string, NameEntry>;
  readonly #observer: StateObserver;
  readonly #nextVersion: () => number;
  readonly #requestedNames = new RequestedNames();
  readonly #counts = new PrincipalCounts();
  readonly #addresses = new AddressIndex<Registration>();
  readonly #fences = new FenceIndex();

  /** @param nextVersion - returns a version that no entry had before */
  constructor(entries: ReadonlyMap<string, NameEntry>, observer: StateObserver, nextVersion: () => number) {
    this.#entries = entries;
    this.#observer = observer;
    this.#nextVersion = nextVersion;
  }

  get(name: string, id: string): Registration | undefined {
    return this.#entries.get(name)?.service?.endpoints.get(id);
  }

  countOf(principal: string): number {
    return this.#counts.of(principal);
  }

  *of(principal: string): IterableIterator<readonly [string, Registration]> {
    if (this.#counts.of(principal) === 0) return;
    for (const [name, { service }] of this.#entries)
      for (const registration of service?.endpoints.values() ?? [])
        if (registration.principal === principal) yield [name, registration];
  }

  at(address: string): readonly Registration[] {
    return this.#addresses.get(address);
  }

  requestedAs(requestedName: string, id: string): readonly [string, Registration] | undefined {
    const found = this.#requestedNames.find(requestedName, id);
    return found && [found.entry.name, found];
  }

  setRequestedName(registration: Registration, name: string): void {
    if (registration.requestedName === name) return;
    this.#requestedNames.delete(registration);
    registration.requestedName = sharedName(registration.entry, name);
    this.#requestedNames.add(registration);
  }

  add(name: string, record: EndpointRecord, movedFrom: string | undefined): void {
    const service = this.#serviceOf(name);
    const { endpoints } = service;
    const entry = this.#entries.get(name) as NameEntry;
    const before = movedFrom === undefined ? endpoints.get(record.id) : this.get(movedFrom, record.id);
    const requestedName = sharedName(entry, record.requestedName ?? before?.requestedName);
    if (before !== undefined) this.#removeFromIndexes(before);
    const { id, epoch, leaseMs, draining, json, displaced } = record;
    const countsCalls = record.countsCalls ?? before?.countsCalls ?? false;
    // A drain, a new epoch or a move resets the status to healthy, because the status describes the previous
    // registration.
    if (before !== undefined && (draining || before.epoch !== epoch || movedFrom !== undefined))
      this.setStatus(before, 'healthy');
    const principal = this.#counts.add(record.principal, 1);
    if (before?.json !== record.json || movedFrom !== undefined) entry.version = this.#nextVersion();
    const present = {
      ...{ epoch, leaseMs, draining, principal, json, displaced, requestedName, countsCalls },
      expiresAt: 0,
    };
    const registration: Registration =
      before !== undefined && movedFrom === undefined
        ? Object.assign(before, present)
        : {
            ...{ entry, id, ...present, leaseSlot: -1, holder: before?.holder ?? '' },
            ...{ isRemovalPending: false, status: 'healthy' },
          };
    if (before === undefined) this.total++;
    if (movedFrom !== undefined && before !== undefined) {
      before.entry.service?.endpoints.delete(id);
      service.endpointsShownAt = Math.max(
        service.endpointsShownAt,
        before.entry.service?.endpointsShownAt ?? 0,
      );
      before.entry.version = this.#nextVersion();
      registration.expiresAt = before.expiresAt;
      this.#observer.onRemoved(before);
    }
    endpoints.add(registration);
    service.startingCount += Number(isStarting(json));
    service.endpointBytes += endpointBytes(id, json);
    this.#requestedNames.add(registration);
    for (const address of record.addresses) this.#addresses.add(address, registration);
    this.#observer.onRegistered(registration);
  }

  delete(name: string, id: string): void {
    const registration = this.get(name, id);
    if (registration === undefined) return;
    this.#removeFromIndexes(registration);
    this.setStatus(registration, 'healthy');
    this.total--;
    registration.entry.version = this.#nextVersion();
    registration.entry.service?.endpoints.delete(id);
    this.#observer.onRemoved(registration);
  }

  /** Removes all registrations and fences of an entry that is no longer a service. */
  deleteService(entry: NameEntry): void {
    for (const { id } of [...(entry.service?.endpoints.values() ?? [])]) this.delete(entry.name, id);
    for (const id of entry.service?.fences?.keys() ?? []) this.#fences.delete(entry.name, id);
    entry.service = undefined;
  }

  setStatus(registration: Registration, status: EndpointStatus): void {
    const { entry, status: before } = registration;
    if (before === status) return;
    if (entry.service !== undefined)
      entry.service.unhealthyCount += Number(status !== 'healthy') - Number(before !== 'healthy');
    registration.status = status;
    entry.version = this.#nextVersion();
  }

  setCounter(name: string, counter: EpochCounter): void {
    this.#serviceOf(name).epochCounter = internCounter(counter);
  }

  /** @param fence - undefined removes the fence */
  setFence(name: string, id: string, fence: Fence | undefined): void {
    const service = this.#serviceOf(name);
    if (fence === undefined) {
      service.fences?.delete(id);
      this.#fences.delete(name, id);
    } else {
      service.fences ??= new Map();
      service.fences.delete(id);
      service.fences.set(id, fence);
      this.#fences.add(name, id, fence.principal);
    }
  }

  get fenceCount(): number {
    return this.#fences.size;
  }

  fenceCountOf(principal: string): number {
    return this.#fences.count(principal);
  }

  oldestFences(principal?: string): Iterable<FenceRef> {
    return this.#fences.oldest(principal);
  }

  #serviceOf(name: string): ServiceRegistrations {
    const entry = this.#entries.get(name);
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

  #removeFromIndexes(registration: Registration): void {
    this.#counts.subtract(registration.principal, 1);
    this.#requestedNames.delete(registration);
    const { service } = registration.entry;
    if (service !== undefined) {
      service.startingCount -= Number(isStarting(registration.json));
      service.endpointBytes -= endpointBytes(registration.id, registration.json);
    }
    for (const address of addressesOf(registration.json)) this.#addresses.delete(address, registration);
  }
}

/** Returns the string of the entry if the requested name is equal, which saves memory. */
function sharedName({ name }: NameEntry, requestedName: string | undefined): string | undefined {
  return requestedName === name ? name : requestedName;
}

function addressesOf(json: string): readonly string[] {
  return (JSON.parse(json) as { endpoint: { addresses: string[] } }).endpoint.addresses;
}
