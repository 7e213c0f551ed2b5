/**
 * What the names are made of as records of a store: a kind's letter, a name and perhaps an id as the key, JSON as the
 * value. A record that cannot be read is named and nothing is served; data of a later version is refused.
 */
import { ClerkError } from '../../../core/errors.js';
import { isName } from '../../../core/name.js';
import { quote } from '../../../core/describe-value.js';
import type { LaunchRule, EndpointMessage } from '../../../protocol/messages.js';
import type { LaunchRecord, RecordChange } from '../../ports.js';
import type { EndpointStatus } from '../health/votes.js';

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
  readonly guaranteedMs: number;
  readonly launch: LaunchRule | null;
  readonly pending?: PendingChange;
}

/** A name that stands for another. */
export interface LinkRecord {
  readonly kind: 'link';
  readonly target: string;
  readonly guaranteedMs: number;
  readonly pending?: PendingChange;
}

/** A directory with an identifier. */
export interface DirectoryRecord {
  readonly kind: 'directory';
  /** With its `#`. */
  readonly id: string;
  readonly guaranteedMs: number;
  readonly pending?: PendingChange;
}

/** What is at a name. Immutable, and shared by all names that have the same. */
export type EntryRecord = ServiceRecord | LinkRecord | DirectoryRecord;

/** A change that waits until every promise given has run out; the entry is frozen until then. */
export type PendingChange =
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
  readonly principal: string;
  readonly addresses: readonly string[];
  /** The record's value; see {@link endpointJson}. */
  readonly json: string;
}

/** The fencing numbers of a service name. */
export interface EpochCounter {
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
export type StateChange =
  | {
      readonly kind: 'entry';
      readonly name: string;
      readonly record: EntryRecord | undefined;
      readonly movedFrom?: string;
    }
  | {
      readonly kind: 'endpoint';
      readonly name: string;
      readonly id: string;
      readonly record: EndpointRecord | undefined;
      readonly movedFrom?: string;
    }
  | { readonly kind: 'counter'; readonly name: string; readonly record: EpochCounter | undefined }
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
      readonly status: EndpointStatus;
    }
  /** Numbers that every name begins behind, since names that are gone had them. */
  | { readonly kind: 'floor'; readonly epoch: number };

/** Records about the store itself. */
export const storeKeys = Object.freeze({
  format: 'm format',
  incarnation: 'm incarnation',
  revision: 'm revision',
  epochFloor: 'm floor',
});

/** A change as the store takes it; undefined for one of which it takes nothing. */
export function encodeChange(change: StateChange): RecordChange | undefined {
  switch (change.kind) {
    case 'entry':
      return { key: ['e', change.name].join(' '), value: change.record && jsonOfEntry(change.record) };
    case 'endpoint':
      // Joined, since that makes one text in memory and not a tree of its parts.
      return { key: ['p', change.name, change.id].join(' '), value: change.record?.json };
    case 'counter':
      return { key: ['c', change.name].join(' '), value: jsonOf(change.record) };
    case 'fence':
      return { key: `f ${change.name} ${change.id}`, value: jsonOf(change.record) };
    case 'launch':
      return { key: `l ${change.name} ${change.id}`, value: jsonOf(change.record) };
    case 'mark':
      return undefined;
    case 'floor':
      return { key: storeKeys.epochFloor, value: String(change.epoch) };
  }
}

function jsonOf(record: object | undefined): string | undefined {
  return record === undefined ? undefined : JSON.stringify(record);
}

/** The value of a registration's record: what only the server needs comes first, what everybody is shown last. */
export function encodeEndpoint(principal: string, endpoint: EndpointMessage): string {
  return JSON.stringify({ principal, endpoint });
}

/** The part of {@link encodeEndpoint} that look-ups show, without parsing: no quote can be bare in what is before it. */
export function endpointJson(recordJson: string): string {
  return recordJson.slice(recordJson.indexOf('"endpoint":') + 11, -1);
}

/**
 * Reads a record of a name.
 *
 * @param key - its key
 * @param value - its value
 * @throws {@link ClerkError} `REGISTRY_INVALID`, naming the record
 */
export function decodeRecord(key: string, value: string): StateChange {
  try {
    return decode(key, value);
  } catch (cause) {
    if (cause instanceof ClerkError) throw cause;
    throw damagedRecordError(key, cause);
  }
}

/** What is thrown for a record that cannot be what was written. */
export function damagedRecordError(key: string, cause?: unknown): ClerkError {
  return new ClerkError(
    'REGISTRY_INVALID',
    `The record ${quote(key)} of the store is damaged and nothing is served from it; restore the data from a copy`,
    cause === undefined ? {} : { cause },
  );
}

function decode(key: string, value: string): StateChange {
  const [kind, name = '', id = ''] = key.split(' ');
  if (key === storeKeys.epochFloor) return { kind: 'floor', epoch: checkInteger(Number(value)) };
  if (!isName(name)) throw damagedRecordError(key);
  switch (kind) {
    case 'e':
      return { kind: 'entry', name, record: internEntryJson(value) };
    case 'p':
      return { kind: 'endpoint', name, id, record: parseEndpoint(value, id) };
    case 'c': {
      const { epoch, floor } = JSON.parse(value) as EpochCounter;
      return { kind: 'counter', name, record: { epoch: checkInteger(epoch), floor: checkInteger(floor) } };
    }
    case 'f': {
      const { epoch, withdrawn } = JSON.parse(value) as Fence;
      return {
        kind: 'fence',
        name,
        id,
        record: { epoch: checkInteger(epoch), withdrawn: checkBoolean(withdrawn) },
      };
    }
    case 'l': {
      const record = JSON.parse(value) as LaunchRecord;
      if (record.name !== name || record.instance !== id) throw damagedRecordError(key);
      checkInteger(record.epoch);
      return { kind: 'launch', name, id, record };
    }
    default:
      throw damagedRecordError(key);
  }
}

const sharedEntries = new Map<string, EntryRecord>();

/** Most names say the same things; a million of them share a few records. */
function internEntryJson(value: string): EntryRecord {
  const known = sharedEntries.get(value);
  if (known !== undefined) return known;
  const record = parseEntry(value);
  if (sharedEntries.size >= 1_000) sharedEntries.clear();
  sharedEntries.set(value, record);
  entryJson.set(record, value);
  return record;
}

/** The one object for entries that say the same. */
export function internEntry(record: EntryRecord): EntryRecord {
  return entryJson.has(record) ? record : internEntryJson(JSON.stringify(record));
}

/** Texts of the shared entries: shared as well. */
const entryJson = new WeakMap<EntryRecord, string>();

function jsonOfEntry(record: EntryRecord): string {
  const kept = internEntry(record);
  return entryJson.get(kept) ?? JSON.stringify(kept);
}

const sharedCounters = new Map<number, EpochCounter>();

/** The one object for counters that say the same, as far as many do. */
export function internCounter(counter: EpochCounter): EpochCounter {
  if (counter.floor !== 0 || counter.epoch > 100) return counter;
  const known = sharedCounters.get(counter.epoch) ?? Object.freeze({ ...counter });
  sharedCounters.set(counter.epoch, known);
  return known;
}

function parseEntry(value: string): EntryRecord {
  const record = JSON.parse(value) as EntryRecord;
  const { kind, guaranteedMs } = record;
  checkInteger(guaranteedMs);
  if (kind === 'service') {
    checkBoolean(record.defined);
    checkInteger(record.timeoutMs ?? 0);
  } else if (!isName(kind === 'link' ? record.target : `/${record.id}`)) throw new TypeError('no name');
  return Object.freeze(record);
}

function parseEndpoint(text: string, id: string): EndpointRecord {
  const { principal, endpoint } = JSON.parse(text) as {
    principal: string;
    endpoint: { id: string; epoch: number; leaseMs: number; state: string; addresses: string[] };
  };
  if (endpoint.id !== id || typeof principal !== 'string') throw new TypeError('another id');
  return {
    id,
    epoch: checkInteger(endpoint.epoch),
    leaseMs: checkInteger(endpoint.leaseMs),
    draining: endpoint.state === 'draining',
    principal,
    addresses: endpoint.addresses.map(String),
    json: text,
  };
}

function checkInteger(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new TypeError('no whole number');
}

function checkBoolean(value: boolean): boolean {
  if (typeof value === 'boolean') return value;
  throw new TypeError('no truth value');
}
