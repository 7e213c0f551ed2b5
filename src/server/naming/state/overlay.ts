import type { KeyPin } from '../../../core/key-pin.js';
import type { LaunchRecord } from '../../ports.js';
import { fenceKey, type FenceRef } from './fence-index.js';
import { IdentityOverlay } from './identity-overlay.js';
import type { EndpointView, NamingView } from './naming-view.js';
import { nameUnits } from './name-units.js';
import { raisedCounter } from './raised-counter.js';
import { isWithin } from '../../../core/name.js';
import { endpointBytes } from './record-codec.js';
import type { EndpointRecord, EntryRecord, EpochCounter, Fence, StateChange } from './records.js';

export class Overlay implements NamingView {
  readonly changes: StateChange[] = [];
  readonly #base: NamingView;
  readonly #entries = new Map<string, EntryRecord | undefined>();
  /** The ancestors of all keys of `#entries`. A name that is not among them has no changed names below it. */
  readonly #ancestors = new Set<string>();
  readonly #directories = new Map<string, string | undefined>();
  readonly #counters = new Map<string, EpochCounter | undefined>();
  readonly #endpoints = new Map<string, Map<string, EndpointRecord | undefined>>();
  readonly #fences = new Map<string, Map<string, Fence>>();
  /** The fences that this batch sets, oldest first. */
  readonly #ownFences = new Map<string, FenceRef>();
  readonly #fenceChanges = new Map<string, number>();
  readonly #launches = new Map<string, LaunchRecord | undefined>();
  readonly #quotaChanges = new Map<string, number>();
  readonly #creators = new Map<string, string | undefined>();
  readonly #nameChanges = new Map<string, number>();
  readonly #byteChanges = new Map<string, number>();
  readonly identities: IdentityOverlay;
  epochFloor: number;
  entryCount: number;
  fenceCount: number;
  #epochBase = 0;

  constructor(base: NamingView) {
    this.#base = base;
    this.identities = new IdentityOverlay(base.identities);
    this.epochFloor = base.epochFloor;
    this.entryCount = base.entryCount;
    this.fenceCount = base.fenceCount;
  }

  add(changes: readonly StateChange[]): void {
    for (const change of changes) {
      this.changes.push(change);
      this.#apply(change);
    }
  }

  entry(name: string): EntryRecord | undefined {
    return this.#entries.has(name) ? this.#entries.get(name) : this.#base.entry(name);
  }

  creatorOf(name: string): string | undefined {
    return this.#creators.has(name) ? this.#creators.get(name) : this.#base.creatorOf(name);
  }

  nameCount(principal: string): number {
    return this.#base.nameCount(principal) + (this.#nameChanges.get(principal) ?? 0);
  }

  *descendants(name: string): IterableIterator<string> {
    for (const found of this.#base.descendants(name)) if (!this.#entries.has(found)) yield found;
    if (!this.#ancestors.has(name)) return;
    const prefix = `${name}/`;
    for (const [found, record] of this.#entries)
      if (record !== undefined && found.startsWith(prefix)) yield found;
  }

  directoryName(id: string): string | undefined {
    return this.#directories.has(id) ? this.#directories.get(id) : this.#base.directoryName(id);
  }

  *movedLinksTo(name: string): IterableIterator<string> {
    for (const found of this.#base.movedLinksTo(name)) if (!this.#entries.has(found)) yield found;
    for (const [found, record] of this.#entries)
      if (record?.kind === 'link' && record.moved === true && isWithin(record.target, name)) yield found;
  }

  requestedAs(requestedName: string, id: string): readonly [string, EndpointView] | undefined {
    const found = this.#base.requestedAs(requestedName, id);
    const endpoint = found && this.endpoint(found[0], id);
    return found && endpoint && [found[0], endpoint];
  }

  *groupsOf(member: string): IterableIterator<string> {
    for (const name of this.#base.groupsOf(member)) if (!this.#entries.has(name)) yield name;
    for (const [name, record] of this.#entries)
      if (record?.kind === 'group' && record.members.includes(member)) yield name;
  }

  counter(name: string): EpochCounter | undefined {
    const counter = this.#counters.has(name) ? this.#counters.get(name) : this.#base.counter(name);
    return raisedCounter(counter, this.#epochBase);
  }

  endpoint(name: string, id: string): EndpointView | undefined {
    const own = this.#endpoints.get(name);
    return own?.has(id) === true ? own.get(id) : this.#base.endpoint(name, id);
  }

  *endpoints(name: string): IterableIterator<EndpointView> {
    const own = this.#endpoints.get(name);
    for (const endpoint of this.#base.endpoints(name)) if (own?.has(endpoint.id) !== true) yield endpoint;
    for (const endpoint of own?.values() ?? []) if (endpoint !== undefined) yield endpoint;
  }

  endpointCount(name: string): number {
    let count = this.#base.endpointCount(name);
    for (const [id, endpoint] of this.#endpoints.get(name) ?? [])
      count += Number(endpoint !== undefined) - Number(this.#base.endpoint(name, id) !== undefined);
    return count;
  }

  endpointBytes(name: string): number {
    return this.#base.endpointBytes(name) + (this.#byteChanges.get(name) ?? 0);
  }

  fences(name: string): ReadonlyMap<string, Fence> {
    return this.#fences.get(name) ?? this.#base.fences(name);
  }

  fenceCountOf(principal: string): number {
    return this.#base.fenceCountOf(principal) + (this.#fenceChanges.get(principal) ?? 0);
  }

  *oldestFences(principal?: string): IterableIterator<FenceRef> {
    for (const fence of this.#base.oldestFences(principal)) {
      const [name, id] = fence;
      if (!this.#ownFences.has(fenceKey(name, id)) && this.fences(name).has(id)) yield fence;
    }
    for (const fence of this.#ownFences.values())
      if (principal === undefined || this.#principalOfFence(fence) === principal) yield fence;
  }

  launch(name: string, instance: string): LaunchRecord | undefined {
    const key = `${name} ${instance}`;
    return this.#launches.has(key) ? this.#launches.get(key) : this.#base.launch(name, instance);
  }

  *launches(): IterableIterator<LaunchRecord> {
    for (const record of this.#base.launches())
      if (!this.#launches.has(`${record.name} ${record.instance}`)) yield record;
    for (const record of this.#launches.values()) if (record !== undefined) yield record;
  }

  launchOfKey(pin: KeyPin): LaunchRecord | undefined {
    for (const record of this.#launches.values()) if (record?.key === pin) return record;
    const record = this.#base.launchOfKey(pin);
    return record === undefined || this.#launches.has(`${record.name} ${record.instance}`)
      ? undefined
      : record;
  }

  registrationCount(principal: string): number {
    return this.#base.registrationCount(principal) + (this.#quotaChanges.get(principal) ?? 0);
  }

  *registrationsOf(principal: string): IterableIterator<readonly [string, EndpointView]> {
    for (const [name, endpoint] of this.#base.registrationsOf(principal))
      if (this.#endpoints.get(name)?.has(endpoint.id) !== true) yield [name, endpoint];
    for (const [name, own] of this.#endpoints)
      for (const endpoint of own.values()) if (endpoint?.principal === principal) yield [name, endpoint];
  }

  #apply(change: StateChange): void {
    switch (change.kind) {
      case 'entry':
        this.#setEntry(change.name, change.record, change.creator);
        return;
      case 'endpoint': {
        const before = this.endpoint(change.name, change.id);
        if (before !== undefined) this.#chargeQuota(before.principal, -1);
        if (change.record !== undefined) this.#chargeQuota(change.record.principal, 1);
        const bytes = sizeOf(change.record) - sizeOf(before);
        this.#byteChanges.set(change.name, (this.#byteChanges.get(change.name) ?? 0) + bytes);
        let own = this.#endpoints.get(change.name);
        if (own === undefined) {
          own = new Map<string, EndpointRecord | undefined>();
          this.#endpoints.set(change.name, own);
        }
        own.set(change.id, change.record);
        return;
      }
      case 'counter':
        this.#counters.set(change.name, change.record);
        return;
      case 'fence': {
        let own = this.#fences.get(change.name);
        if (own === undefined) {
          own = new Map(this.#base.fences(change.name));
          this.#fences.set(change.name, own);
        }
        this.#countFence(own.get(change.id), -1);
        this.#countFence(change.record, 1);
        own.delete(change.id);
        const key = fenceKey(change.name, change.id);
        this.#ownFences.delete(key);
        if (change.record === undefined) return;
        own.set(change.id, change.record);
        this.#ownFences.set(key, [change.name, change.id]);
        return;
      }
      case 'launch':
        this.#launches.set(`${change.name} ${change.id}`, change.record);
        return;
      case 'status':
      case 'holder':
      case 'server':
      case 'report':
        return;
      case 'epoch-floor':
        this.epochFloor = change.epoch;
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

  #setEntry(name: string, record: EntryRecord | undefined, creator: string | undefined): void {
    const before = this.entry(name);
    this.#chargeName(this.creatorOf(name), before, -1);
    this.#chargeName(creator, record, 1);
    this.#creators.set(name, creator);
    if (before?.kind === 'directory' && this.directoryName(before.id) === name)
      this.#directories.set(before.id, undefined);
    if (record?.kind === 'directory') this.#directories.set(record.id, name);
    this.entryCount += Number(record !== undefined) - Number(before !== undefined);
    this.#entries.set(name, record);
    for (let end = name.lastIndexOf('/'); end > 0; end = name.lastIndexOf('/', end - 1)) {
      const ancestor = name.slice(0, end);
      if (this.#ancestors.has(ancestor)) break;
      this.#ancestors.add(ancestor);
    }
  }

  #countFence(fence: Fence | undefined, delta: 1 | -1): void {
    if (fence === undefined) return;
    const principal = fence.principal ?? '';
    this.fenceCount += delta;
    this.#fenceChanges.set(principal, (this.#fenceChanges.get(principal) ?? 0) + delta);
  }

  #principalOfFence([name, id]: FenceRef): string {
    return this.fences(name).get(id)?.principal ?? '';
  }

  #chargeName(creator: string | undefined, record: EntryRecord | undefined, sign: 1 | -1): void {
    if (creator === undefined || record === undefined) return;
    this.#nameChanges.set(creator, (this.#nameChanges.get(creator) ?? 0) + sign * nameUnits(record));
  }

  #chargeQuota(principal: string, delta: 1 | -1): void {
    this.#quotaChanges.set(principal, (this.#quotaChanges.get(principal) ?? 0) + delta);
  }
}

function sizeOf(endpoint: EndpointView | undefined): number {
  return endpoint === undefined ? 0 : endpointBytes(endpoint.id, endpoint.json);
}
