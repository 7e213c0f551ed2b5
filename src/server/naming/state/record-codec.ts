/**
 * Encodes and decodes the stored records. A key consists of a letter for the kind, a name, and for some kinds an id.
 * Most values are JSON.
 */
import { definedFields } from '../../../core/defined-fields.js';
import { quote } from '../../../core/describe-value.js';
import { ClerkError } from '../../../core/errors.js';
import type { KeyPin } from '../../../core/key-pin.js';
import { isName } from '../../../core/name.js';
import { checkAttemptTimeout, checkRetries } from '../../../core/retry-options.js';
import type { EndpointMessage } from '../../../protocol/lookup-messages.js';
import type { LaunchRecord, RecordChange } from '../../ports.js';
import { decodeIdentityRecord, encodeIdentityChange } from './identity-codec.js';
import type { EndpointRecord, EntryRecord, EpochCounter, Fence, StateChange } from './records.js';

export const formatVersion = 1;

export const storeKeys = Object.freeze({
  format: 'm format',
  incarnation: 'm incarnation',
  revision: 'm revision',
  epochFloor: 'm floor',
  epochBase: 'm base',
  earlier: 'm earlier',
  key: 'm key',
  owner: 'm owner',
  runs: 'm runs',
  folder: 'm folder',
  migration: 'm migration',
});

/** A launch record of another data folder has this letter instead of `l`. */
export const foreignLaunchPrefix = 'x ';

export function encodeChange(change: StateChange): RecordChange | undefined {
  switch (change.kind) {
    case 'entry':
      return {
        key: ['e', change.name].join(' '),
        value: change.record && jsonOfEntry(change.record, change.creator),
      };
    case 'endpoint':
      // `join` creates a flat string, while the string of a template literal would keep its parts in memory.
      return { key: ['p', change.name, change.id].join(' '), value: change.record?.json };
    case 'counter':
      return { key: ['c', change.name].join(' '), value: jsonOf(change.record) };
    case 'fence':
      return { key: `f ${change.name} ${change.id}`, value: jsonOfFence(change.record) };
    case 'launch':
      return { key: `l ${change.name} ${change.id}`, value: jsonOf(change.record) };
    case 'status':
    case 'holder':
    case 'server':
    case 'report':
      // Only a registry with several servers stores these changes; see `batch-content.ts`.
      return undefined;
    case 'epoch-floor':
      return { key: storeKeys.epochFloor, value: String(change.epoch) };
    case 'epoch-base':
      return { key: storeKeys.epochBase, value: String(change.epoch) };
    case 'key':
    case 'token':
    case 'access':
      return encodeIdentityChange(change);
    case 'registry':
      return { key: change.key, value: change.value };
  }
}

function jsonOf(record: object | undefined): string | undefined {
  return record === undefined ? undefined : JSON.stringify(record);
}

function jsonOfFence(fence: Fence | undefined): string | undefined {
  if (fence === undefined) return undefined;
  const { displaced: _, ...stored } = fence;
  return JSON.stringify(stored);
}

/**
 * Returns the stored value of a registration. The field `secretHash` is first, as {@link secretHashOf} requires. The
 * field `endpoint` is last, as {@link endpointJson} requires.
 *
 * @param secretHash - digest of the secret; undefined for a record that an old release has stored without a secret
 */
export function encodeEndpoint(
  secretHash: string | undefined,
  principal: string,
  endpoint: EndpointMessage,
): string {
  return JSON.stringify({ secretHash, principal, endpoint });
}

const secretHashStart = '{"secretHash":"';

export function secretHashOf(recordJson: string): string | undefined {
  if (!recordJson.startsWith(secretHashStart)) return undefined;
  return recordJson.slice(secretHashStart.length, recordJson.indexOf('"', secretHashStart.length));
}

/**
 * Returns the JSON of the endpoint in a stored registration, without parsing. Searches for the first `"endpoint":`.
 * The digest and the principal before it cannot contain this text, because JSON escapes quotes.
 */
export function endpointJson(recordJson: string): string {
  return recordJson.slice(recordJson.indexOf('"endpoint":') + 11, -1);
}

/** Bytes that a lookup may add per endpoint: its load, and its id in another list. */
const endpointExtraBytes = 128;

/** Returns an upper bound for the bytes of an endpoint in a lookup. */
export function endpointBytes(id: string, recordJson: string): number {
  return Buffer.byteLength(endpointJson(recordJson)) + id.length + endpointExtraBytes;
}

/** Returns the key that registered an endpoint; undefined if the registry was open at that time. */
export function keyOfEndpoint(recordJson: string): KeyPin | undefined {
  return (JSON.parse(endpointJson(recordJson)) as EndpointMessage).key;
}

/**
 * Whether a stored registration has the state `starting`. Searches for the last `"state":`. An attribute named
 * `state` comes before it, and the keys and the certificate after it cannot contain this text.
 */
export function isStarting(recordJson: string): boolean {
  return recordJson.startsWith('"state":"starting"', recordJson.lastIndexOf('"state":"'));
}

export function checkFormat(text: string | undefined): void {
  const version = Number(text);
  if (!Number.isSafeInteger(version) || version < 1) throw damagedRecordError(storeKeys.format);
  if (version > formatVersion)
    throw new ClerkError(
      'REGISTRY_INVALID',
      `The format version of the store must be at most ${formatVersion}; got ${version}, which a later release of the server has written; run that release, or use another data folder or store`,
    );
}

export function decodeRecord(key: string, value: string): StateChange {
  try {
    return decode(key, value);
  } catch (cause) {
    if (cause instanceof ClerkError && cause.code === 'REGISTRY_INVALID') throw cause;
    throw damagedRecordError(key, cause);
  }
}

export function damagedRecordError(key: string, cause?: unknown): ClerkError {
  return new ClerkError(
    'REGISTRY_INVALID',
    `Record ${quote(key)} of the store is damaged, and the store cannot be opened; restore the data from a backup`,
    { cause },
  );
}

function decode(key: string, value: string): StateChange {
  const [kind, name = '', id = ''] = key.split(' ');
  if (key === storeKeys.epochFloor) return { kind: 'epoch-floor', epoch: checkInteger(Number(value)) };
  if (key === storeKeys.epochBase) return { kind: 'epoch-base', epoch: checkInteger(Number(value)) };
  const identityChange = decodeIdentityRecord(key, value);
  if (identityChange !== undefined) return identityChange;
  if (!isName(name)) throw damagedRecordError(key);
  switch (kind) {
    case 'e':
      return { kind: 'entry', name, ...decodeEntry(value) };
    case 'p':
      return { kind: 'endpoint', name, id, record: parseEndpoint(value, id) };
    case 'c': {
      const { epoch } = JSON.parse(value) as EpochCounter;
      return { kind: 'counter', name, record: { epoch: checkInteger(epoch) } };
    }
    case 'f': {
      const { epoch, withdrawn, secretHash, principal } = JSON.parse(value) as Fence;
      return {
        kind: 'fence',
        name,
        id,
        record: {
          epoch: checkInteger(epoch),
          withdrawn: checkBoolean(withdrawn),
          ...definedFields({ secretHash, principal }),
        },
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

interface StoredEntry {
  readonly record: EntryRecord;
  readonly creator?: string;
}

const maxInterned = 1_000;
const storedEntries = new Map<string, StoredEntry>();
const storedJson = new Map<string, WeakMap<EntryRecord, string>>();

/**
 * Decodes an entry, whose last field is the creator. Equal entries share one object, so a million names need little
 * memory.
 */
function decodeEntry(json: string): StoredEntry {
  const known = storedEntries.get(json);
  if (known !== undefined) return known;
  const { creator, ...record } = JSON.parse(json) as EntryRecord & { readonly creator?: string };
  if (creator !== undefined && typeof creator !== 'string')
    throw new TypeError('the creator is not a string');
  const stored = {
    record: internEntryJson(JSON.stringify(record)),
    ...(creator !== undefined && { creator }),
  };
  if (storedEntries.size >= maxInterned) storedEntries.clear();
  storedEntries.set(json, stored);
  return stored;
}

function jsonOfEntry(record: EntryRecord, creator: string | undefined): string {
  const interned = internEntry(record);
  const json = entryJson.get(interned) ?? JSON.stringify(interned);
  if (creator === undefined) return json;
  let byRecord = storedJson.get(creator);
  if (byRecord === undefined) {
    if (storedJson.size >= maxInterned) storedJson.clear();
    storedJson.set(creator, (byRecord = new WeakMap()));
  }
  let stored = byRecord.get(interned);
  if (stored === undefined)
    byRecord.set(
      interned,
      (stored = [json.slice(0, -1), ',"creator":', JSON.stringify(creator), '}'].join('')),
    );
  return stored;
}

const internedEntries = new Map<string, EntryRecord>();

const entryJson = new WeakMap<EntryRecord, string>();

/** Returns the same object for equal JSON, so a million names can share a few objects. */
function internEntryJson(json: string): EntryRecord {
  const known = internedEntries.get(json);
  if (known !== undefined) return known;
  const record = parseEntry(json);
  if (internedEntries.size >= maxInterned) internedEntries.clear();
  internedEntries.set(json, record);
  entryJson.set(record, json);
  return record;
}

export function internEntry(record: EntryRecord): EntryRecord {
  return entryJson.has(record) ? record : internEntryJson(JSON.stringify(record));
}

const internedCounters = new Map<number, EpochCounter>();

export function internCounter(counter: EpochCounter): EpochCounter {
  if (counter.epoch > 100) return counter;
  const known = internedCounters.get(counter.epoch) ?? Object.freeze({ ...counter });
  internedCounters.set(counter.epoch, known);
  return known;
}

function parseEntry(json: string): EntryRecord {
  const record = JSON.parse(json) as EntryRecord;
  const { kind, guaranteedMs } = record;
  checkInteger(guaranteedMs);
  if (kind === 'service') {
    checkBoolean(record.defined);
    checkInteger(record.timeoutMs ?? 0);
    checkAttemptTimeout(record.attemptTimeoutMs, TypeError);
    checkRetries(record.retries, TypeError);
  } else if (kind === 'group') {
    if (!record.members.every(isName)) throw new TypeError('a member is not a name');
  } else if (!isName(kind === 'link' ? record.target : `/${record.id}`))
    throw new TypeError('the target or the identifier is not a name');
  if (kind === 'link') checkBoolean(record.moved ?? true);
  return Object.freeze(record);
}

function parseEndpoint(json: string, id: string): EndpointRecord {
  const { principal, endpoint } = JSON.parse(json) as {
    principal: string;
    endpoint: { id: string; epoch: number; leaseMs: number; state: string; addresses: string[] };
  };
  if (endpoint.id !== id || typeof principal !== 'string')
    throw new TypeError('the id differs from the id in the key, or the principal is not a string');
  return {
    id,
    epoch: checkInteger(endpoint.epoch),
    leaseMs: checkInteger(endpoint.leaseMs),
    draining: endpoint.state === 'draining',
    principal,
    addresses: endpoint.addresses.map(String),
    json,
  };
}

function checkInteger(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new TypeError('a number is not an integer of 0 or more');
}

function checkBoolean(value: boolean): boolean {
  if (typeof value === 'boolean') return value;
  throw new TypeError('a value is not a boolean');
}
