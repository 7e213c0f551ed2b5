/**
 * What the names are made of as records of a store: a kind's letter, a name and perhaps an id as the key, JSON as the
 * value. A record that cannot be read is named and nothing is served; data of a later version is refused.
 */
import { ClerkError } from '../../core/errors.js';
import { isName } from '../../core/name.js';
import { shown } from '../../core/shown.js';
import type { LaunchRule, WireEndpoint } from '../../wire/messages.js';
import type { LaunchRecord, RecordChange } from '../ports.js';
import type { Standing } from './poll.js';

/** Version of this format; a store says which one it was written in. */
export const formatVersion = 1;

/** A service: how it is chosen, and how it is started. */
export interface ServiceRecord {
  readonly kind: 'service';
  /** Somebody defined it; otherwise it lives by its endpoints. */
  readonly defined: boolean;
  readonly policy: string | null;
  /** How long a call may take, in ms; left out where nothing is said. */
  readonly timeoutMs?: number;
  readonly promiseMs: number;
  readonly launch: LaunchRule | null;
  readonly pending?: Pending;
}

/** A name that stands for another. */
export interface LinkRecord {
  readonly kind: 'link';
  readonly target: string;
  readonly promiseMs: number;
  readonly pending?: Pending;
}

/** A directory with an identifier. */
export interface DirectoryRecord {
  readonly kind: 'directory';
  /** With its `#`. */
  readonly id: string;
  readonly promiseMs: number;
  readonly pending?: Pending;
}

/** What is at a name. Immutable, and shared by all names that have the same. */
export type EntryRecord = ServiceRecord | LinkRecord | DirectoryRecord;

/** A change that waits until every promise given has run out; the entry is frozen until then. */
export type Pending =
  | {
      readonly kind: 'become';
      readonly record: Omit<ServiceRecord, 'pending'> | Omit<LinkRecord, 'pending'>;
    }
  /** With its endpoints; what is below waits for itself. */
  | { readonly kind: 'remove' }
  /** The removal of a service that nobody defined and nobody runs; a registration calls it off. */
  | { readonly kind: 'vanish' };

/** A registration. What looks-ups show of it is kept as text, since it is shown far more often than it is read. */
export interface EndpointRecord {
  readonly id: string;
  readonly epoch: number;
  readonly leaseMs: number;
  readonly draining: boolean;
  /** Whose quota it counts in. */
  readonly by: string;
  readonly addresses: readonly string[];
  /** The record's value; see {@link shownPart}. */
  readonly text: string;
}

/** The fencing numbers of a service name. */
export interface Counter {
  /** The highest that was given. */
  readonly epoch: number;
  /** No registration with this one or a lower one is taken from an instance that is not known any more. */
  readonly floor: number;
}

/** What an instance that is gone has left. @see promises C5.6 */
export interface Fence {
  readonly epoch: number;
  /** It withdrew: the same number does not come back. */
  readonly withdrawn: boolean;
}

/** One change of one record. Where `from` is given, time that runs for it goes on from the record of that name. */
export type Change =
  | {
      readonly kind: 'entry';
      readonly name: string;
      readonly record: EntryRecord | undefined;
      readonly from?: string;
    }
  | {
      readonly kind: 'endpoint';
      readonly name: string;
      readonly id: string;
      readonly record: EndpointRecord | undefined;
      readonly from?: string;
    }
  | { readonly kind: 'counter'; readonly name: string; readonly record: Counter | undefined }
  | { readonly kind: 'fence'; readonly name: string; readonly id: string; readonly record: Fence | undefined }
  | {
      readonly kind: 'launch';
      readonly name: string;
      readonly id: string;
      readonly record: LaunchRecord | undefined;
    }
  /** What an endpoint is held for. Nothing of it is written; it moves the revision, so that it has its place in the order. */
  | {
      readonly kind: 'mark';
      readonly name: string;
      readonly id: string;
      readonly epoch: number;
      readonly standing: Standing;
    }
  /** Numbers that every name begins behind, since names that are gone had them. */
  | { readonly kind: 'floor'; readonly epoch: number };

/** Records about the store itself. */
export const ownKeys = Object.freeze({
  format: 'm format',
  incarnation: 'm incarnation',
  revision: 'm revision',
  floor: 'm floor',
});

/** A change as the store takes it; undefined for one of which it takes nothing. */
export function toStore(change: Change): RecordChange | undefined {
  switch (change.kind) {
    case 'entry':
      return { key: ['e', change.name].join(' '), value: change.record && entryText(change.record) };
    case 'endpoint':
      // Joined, since that makes one text in memory and not a tree of its parts.
      return { key: ['p', change.name, change.id].join(' '), value: change.record?.text };
    case 'counter':
      return { key: ['c', change.name].join(' '), value: jsonOf(change.record) };
    case 'fence':
      return { key: `f ${change.name} ${change.id}`, value: jsonOf(change.record) };
    case 'launch':
      return { key: `l ${change.name} ${change.id}`, value: jsonOf(change.record) };
    case 'mark':
      return undefined;
    case 'floor':
      return { key: ownKeys.floor, value: String(change.epoch) };
  }
}

function jsonOf(record: object | undefined): string | undefined {
  return record === undefined ? undefined : JSON.stringify(record);
}

/** The value of a registration's record: what only the server needs comes first, what everybody is shown last. */
export function endpointText(by: string, endpoint: WireEndpoint): string {
  return JSON.stringify({ by, endpoint });
}

/** The part of {@link endpointText} that look-ups show, without parsing: no quote can be bare in what is before it. */
export function shownPart(text: string): string {
  return text.slice(text.indexOf('"endpoint":') + 11, -1);
}

/**
 * Reads a record of a name.
 *
 * @param key - its key
 * @param value - its value
 * @throws {@link ClerkError} `REGISTRY_INVALID`, naming the record
 */
export function fromStore(key: string, value: string): Change {
  try {
    return read(key, value);
  } catch (cause) {
    if (cause instanceof ClerkError) throw cause;
    throw damaged(key, cause);
  }
}

/** What is thrown for a record that cannot be what was written. */
export function damaged(key: string, cause?: unknown): ClerkError {
  return new ClerkError(
    'REGISTRY_INVALID',
    `The record ${shown(key)} of the store is damaged and nothing is served from it; restore the data from a copy`,
    cause === undefined ? {} : { cause },
  );
}

function read(key: string, value: string): Change {
  const [kind, name = '', id = ''] = key.split(' ');
  if (key === ownKeys.floor) return { kind: 'floor', epoch: whole(Number(value)) };
  if (!isName(name)) throw damaged(key);
  switch (kind) {
    case 'e':
      return { kind: 'entry', name, record: sharedEntry(value) };
    case 'p':
      return { kind: 'endpoint', name, id, record: readEndpoint(value, id) };
    case 'c': {
      const { epoch, floor } = JSON.parse(value) as Counter;
      return { kind: 'counter', name, record: { epoch: whole(epoch), floor: whole(floor) } };
    }
    case 'f': {
      const { epoch, withdrawn } = JSON.parse(value) as Fence;
      return { kind: 'fence', name, id, record: { epoch: whole(epoch), withdrawn: truth(withdrawn) } };
    }
    case 'l': {
      const record = JSON.parse(value) as LaunchRecord;
      if (record.name !== name || record.instance !== id) throw damaged(key);
      whole(record.epoch);
      return { kind: 'launch', name, id, record };
    }
    default:
      throw damaged(key);
  }
}

const shared = new Map<string, EntryRecord>();

/** Most names say the same things; a million of them share a few records. */
function sharedEntry(value: string): EntryRecord {
  const known = shared.get(value);
  if (known !== undefined) return known;
  const record = readEntry(value);
  if (shared.size >= 1_000) shared.clear();
  shared.set(value, record);
  texts.set(record, value);
  return record;
}

/** The one object for entries that say the same. */
export function share(record: EntryRecord): EntryRecord {
  return texts.has(record) ? record : sharedEntry(JSON.stringify(record));
}

/** Texts of the shared entries: shared as well. */
const texts = new WeakMap<EntryRecord, string>();

function entryText(record: EntryRecord): string {
  const kept = share(record);
  return texts.get(kept) ?? JSON.stringify(kept);
}

const counters = new Map<number, Counter>();

/** The one object for counters that say the same, as far as many do. */
export function shareCounter(counter: Counter): Counter {
  if (counter.floor !== 0 || counter.epoch > 100) return counter;
  const known = counters.get(counter.epoch) ?? Object.freeze({ ...counter });
  counters.set(counter.epoch, known);
  return known;
}

function readEntry(value: string): EntryRecord {
  const record = JSON.parse(value) as EntryRecord;
  const { kind, promiseMs } = record;
  whole(promiseMs);
  if (kind === 'service') {
    truth(record.defined);
    whole(record.timeoutMs ?? 0);
  } else if (!isName(kind === 'link' ? record.target : `/${record.id}`)) throw new TypeError('no name');
  return Object.freeze(record);
}

function readEndpoint(text: string, id: string): EndpointRecord {
  const { by, endpoint } = JSON.parse(text) as {
    by: string;
    endpoint: { id: string; epoch: number; leaseMs: number; state: string; addresses: string[] };
  };
  if (endpoint.id !== id || typeof by !== 'string') throw new TypeError('another id');
  return {
    id,
    epoch: whole(endpoint.epoch),
    leaseMs: whole(endpoint.leaseMs),
    draining: endpoint.state === 'draining',
    by,
    addresses: endpoint.addresses.map(String),
    text,
  };
}

function whole(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new TypeError('no whole number');
}

function truth(value: boolean): boolean {
  if (typeof value === 'boolean') return value;
  throw new TypeError('no truth value');
}
