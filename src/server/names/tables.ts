/**
 * The durable state in memory, with the indexes that look-ups need. It changes in one way: by changes that the store has
 * taken. Time that runs (leases, promises) is kept beside the records it runs for, and is nobody's record.
 */
import type { LaunchRecord } from '../ports.js';
import { endOf, OrderedNames } from './order.js';
import { Owners } from './owners.js';
import type { Following, Place, Registration, ServiceState } from './place.js';
import type { Standing } from './poll.js';
import { Registrations } from './registrations.js';
import {
  damaged,
  share,
  shareCounter,
  type Change,
  type Counter,
  type EndpointRecord,
  type EntryRecord,
  type Fence,
} from './records.js';
import type { View } from './view.js';

/** How much of its quota a principal has used. */
interface Quota {
  readonly principal: string;
  used: number;
}

export class Tables implements View {
  readonly places = new Map<string, Place>();
  readonly names = new OrderedNames();
  readonly #directories = new Map<string, string>();
  readonly #launches = new Map<string, LaunchRecord>();
  readonly #quotas = new Map<string, Quota>();
  readonly #owners = new Owners<Registration>();
  readonly #following: Following;
  #loading = false;
  #versions = 0;
  floor = 0;
  services = 0;
  links = 0;
  registered = 0;

  constructor(following: Following) {
    this.#following = following;
  }

  /** Takes what a store had, in any order. */
  load(changes: Iterable<Change>, givenAt: number): void {
    this.#loading = true;
    const later: Change[] = [];
    for (const change of changes)
      if (change.kind === 'entry') this.apply(change);
      else later.push(change);
    this.names.fill(this.places.keys());
    this.#loading = false;
    for (const change of later) this.apply(change);
    for (const place of this.places.values()) place.givenAt = givenAt;
  }

  /** Takes one change that is durable. */
  apply(change: Change): void {
    switch (change.kind) {
      case 'entry':
        this.#setEntry(change.name, change.record, change.from);
        return;
      case 'endpoint':
        if (change.record === undefined) this.#unregister(change.name, change.id);
        else this.#register(change.name, change.record, change.from);
        return;
      case 'counter':
        if (change.record !== undefined) this.#service(change.name).counter = shareCounter(change.record);
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
        this.#hold(marked, change.standing);
        this.#following.marked(marked);
        return;
      }
      case 'floor':
        this.floor = change.epoch;
    }
  }

  entry(name: string): EntryRecord | undefined {
    return this.places.get(name)?.record;
  }

  *below(name: string): IterableIterator<string> {
    const end = endOf(name);
    for (const found of this.names.from(`${name}/`)) {
      if (!found.startsWith(end.slice(0, -1))) return;
      yield found;
    }
  }

  nameOf(id: string): string | undefined {
    return this.#directories.get(id);
  }

  counter(name: string): Counter | undefined {
    return this.places.get(name)?.service?.counter;
  }

  endpoint(name: string, id: string): Registration | undefined {
    return this.places.get(name)?.service?.endpoints.get(id);
  }

  endpoints(name: string): Iterable<Registration> {
    return this.places.get(name)?.service?.endpoints.values() ?? [];
  }

  endpointCount(name: string): number {
    return this.places.get(name)?.service?.endpoints.size ?? 0;
  }

  fence(name: string, id: string): Fence | undefined {
    return this.places.get(name)?.service?.fences?.get(id);
  }

  fences(name: string): ReadonlyMap<string, Fence> {
    return this.places.get(name)?.service?.fences ?? none;
  }

  launch(name: string, instance: string): LaunchRecord | undefined {
    return this.#launches.get(launchKey(name, instance));
  }

  launches(): Iterable<LaunchRecord> {
    return this.#launches.values();
  }

  registrations(principal: string): number {
    return this.#quotas.get(principal)?.used ?? 0;
  }

  /** The registrations that said this address. */
  owners(address: string): readonly Registration[] {
    return this.#owners.of(address);
  }

  #setEntry(name: string, record: EntryRecord | undefined, from: string | undefined): void {
    const place = this.places.get(name);
    if (place !== undefined) this.#uncount(place);
    if (place !== undefined && record?.kind !== 'service') {
      for (const { id } of [...(place.service?.endpoints.values() ?? [])]) this.#unregister(name, id);
      place.service = undefined;
    }
    if (record === undefined) {
      if (place !== undefined) place.version = -1;
      this.places.delete(name);
      this.names.delete(name);
      return;
    }
    if (record.kind === 'service') this.services++;
    else if (record.kind === 'link') this.links++;
    else this.#directories.set(record.id, name);
    const kept = record.pending === undefined ? share(record) : record;
    if (place !== undefined) {
      if (!looksSame(place.record, kept)) place.version = ++this.#versions;
      place.record = kept;
      return;
    }
    const givenAt = (from === undefined ? undefined : this.places.get(from)?.givenAt) ?? 0;
    this.places.set(name, { name, record: kept, givenAt, version: ++this.#versions, service: undefined });
    if (!this.#loading) this.names.add(name);
  }

  #uncount({ name, record }: Place): void {
    if (record.kind === 'service') this.services--;
    else if (record.kind === 'link') this.links--;
    // When it moves, it is at its new place before it leaves the old one.
    else if (this.#directories.get(record.id) === name) this.#directories.delete(record.id);
  }

  #service(name: string): ServiceState {
    const place = this.places.get(name);
    if (place?.record.kind !== 'service') throw damaged(`e ${name}`);
    return (place.service ??= {
      endpoints: new Registrations(),
      marked: 0,
      counter: unused,
      fences: undefined,
    });
  }

  #register(name: string, record: EndpointRecord, from: string | undefined): void {
    const { endpoints } = this.#service(name);
    const place = this.places.get(name) as Place;
    const before = from === undefined ? endpoints.get(record.id) : this.endpoint(from, record.id);
    if (before !== undefined) this.#unlist(before);
    const { id, epoch, leaseMs, draining, text } = record;
    // What was said of another life of it is not said of this one.
    if (before !== undefined && (draining || before.epoch !== epoch || from !== undefined))
      this.#hold(before, 'good');
    const by = this.#use(record.by);
    if (before?.text !== record.text || from !== undefined) place.version = ++this.#versions;
    const made: Registration =
      before !== undefined && from === undefined
        ? Object.assign(before, { epoch, leaseMs, draining, by, text, endsAt: 0 })
        : {
            place,
            id,
            epoch,
            leaseMs,
            draining,
            by,
            text,
            endsAt: 0,
            slot: -1,
            leaving: false,
            standing: 'good',
          };
    if (before === undefined) this.registered++;
    if (from !== undefined && before !== undefined) {
      before.place.service?.endpoints.delete(id);
      before.place.version = ++this.#versions;
      made.endsAt = before.endsAt;
      this.#following.gone(before);
    }
    endpoints.add(made);
    for (const address of record.addresses) this.#owners.add(address, made);
    this.#following.registered(made);
  }

  #unregister(name: string, id: string): void {
    const registration = this.endpoint(name, id);
    if (registration === undefined) return;
    this.#unlist(registration);
    this.#hold(registration, 'good');
    this.registered--;
    registration.place.version = ++this.#versions;
    registration.place.service?.endpoints.delete(id);
    this.#following.gone(registration);
  }

  #hold(registration: Registration, standing: Standing): void {
    const { place, standing: before } = registration;
    if (before === standing) return;
    if (place.service !== undefined)
      place.service.marked += Number(standing !== 'good') - Number(before !== 'good');
    registration.standing = standing;
    place.version = ++this.#versions;
  }

  /** Counts one more of a principal, and gives its name as the one text that all its registrations share. */
  #use(principal: string): string {
    let quota = this.#quotas.get(principal);
    if (quota === undefined) this.#quotas.set(principal, (quota = { principal, used: 0 }));
    quota.used++;
    return quota.principal;
  }

  /** Undoes what the registration's text brought about. */
  #unlist(registration: Registration): void {
    const quota = this.#quotas.get(registration.by);
    if (quota !== undefined && --quota.used === 0) this.#quotas.delete(registration.by);
    for (const address of addressesIn(registration.text)) this.#owners.delete(address, registration);
  }

  #setFence(name: string, id: string, fence: Fence | undefined): void {
    const service = this.#service(name);
    if (fence === undefined) service.fences?.delete(id);
    else {
      service.fences ??= new Map();
      service.fences.delete(id);
      service.fences.set(id, fence);
    }
  }
}

const unused: Counter = Object.freeze({ epoch: 0, floor: 0 });
const none: ReadonlyMap<string, Fence> = new Map();

/** Whether look-ups cannot tell one from the other: whether somebody defined a service is not shown. */
function looksSame(a: EntryRecord, b: EntryRecord): boolean {
  if (a.kind !== 'service' || b.kind !== 'service') return false;
  return JSON.stringify({ ...a, defined: true }) === JSON.stringify({ ...b, defined: true });
}

function addressesIn(text: string): readonly string[] {
  return (JSON.parse(text) as { endpoint: { addresses: string[] } }).endpoint.addresses;
}

function launchKey(name: string, instance: string): string {
  return `${name} ${instance}`;
}
