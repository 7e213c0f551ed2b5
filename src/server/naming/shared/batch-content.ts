import { definedFields } from '../../../core/defined-fields.js';
import { isPin, pinOfDigest } from '../../../core/key-pin.js';
import type { RecordChange } from '../../ports.js';
import type { EndpointStatus } from '../health/suspect-rule.js';
import { damagedRecordError, decodeRecord, encodeChange, storeKeys } from '../state/record-codec.js';
import type { DisplacedHolder, SharedReport, StateChange } from '../state/records.js';

/** What one batch of a shared log contains. */
export interface BatchContent {
  /** Identifier of the previous batch. If a server has read another batch before this one, the log was replaced. */
  readonly previous: string;
  /** Revision of the registry after the batch. */
  readonly revision: number;
  /** Whether a command of the batch changes several names. */
  readonly isBulk: boolean;
  readonly changes: readonly StateChange[];
}

/** Fields of a change that are not part of its record. With a single server, these fields are in memory only. */
interface Extras {
  readonly from?: string;
  readonly counts?: boolean;
  /** A duration in place of an instant, because the clocks of the servers differ. */
  readonly displaced?: { readonly epoch: number; readonly secretHash: string; readonly forMs: number };
}

type StoredChange = readonly [key: string, value: string | null, extras?: Extras];

interface StoredBatch {
  readonly format: 1;
  readonly previous: string;
  readonly revision: number;
  readonly bulk?: true;
  readonly changes: readonly StoredChange[];
}

/** Key letters of the records that only a shared log has. */
export const sharedKeys = Object.freeze({ holder: 'h', server: 'v', status: 's', report: 'r' });

export function encodeBatch({ previous, revision, isBulk, changes }: BatchContent, now: number): string {
  const stored: StoredChange[] = [];
  for (const change of changes) {
    const { key, value } = encodeSharedChange(change);
    const extras = extrasOf(change, now);
    stored.push(extras === undefined ? [key, value ?? null] : [key, value ?? null, extras]);
  }
  return JSON.stringify({
    format: 1,
    previous,
    revision,
    ...(isBulk && { bulk: true }),
    changes: stored,
  } satisfies StoredBatch);
}

/** @throws {@link ClerkError} `REGISTRY_INVALID` when the batch is damaged or has a later format */
export function decodeBatch(content: string, now: number): BatchContent {
  const { format, previous, revision, bulk, changes: stored } = parseBatch(content);
  if ((format as number) !== 1) throw damagedRecordError('batch');
  const changes: StateChange[] = [];
  for (const [key, value, extras] of stored) {
    const change = withExtras(decodeSharedRecord({ key, value: value ?? undefined }), extras, now);
    if (change !== undefined) changes.push(change);
  }
  return { previous, revision, isBulk: bulk === true, changes };
}

function parseBatch(content: string): StoredBatch {
  try {
    return JSON.parse(content) as StoredBatch;
  } catch (cause) {
    throw damagedRecordError('batch', cause);
  }
}

/**
 * Returns the record of a change. In a shared log every change has a record, because the other servers read changes
 * only from the log.
 */
export function encodeSharedChange(change: StateChange): RecordChange {
  switch (change.kind) {
    case 'status': {
      const { name, id, epoch, status } = change;
      return { key: `${sharedKeys.status} ${name} ${id}`, value: JSON.stringify({ epoch, status }) };
    }
    case 'holder':
      return { key: `${sharedKeys.holder} ${change.name} ${change.id}`, value: change.server };
    case 'report': {
      const { kind: _, name, id, ...report } = change;
      return { key: `${sharedKeys.report} ${name} ${id}`, value: JSON.stringify(report) };
    }
    case 'server':
      return { key: `${sharedKeys.server} ${change.server}`, value: change.session };
    default:
      return encodeChange(change) as RecordChange;
  }
}

/** Returns undefined when the record is not part of the state in memory. */
export function decodeSharedRecord({ key, value }: RecordChange): StateChange | undefined {
  const [kind, name = '', id = ''] = key.split(' ');
  if (kind === sharedKeys.server) return { kind: 'server', server: name, session: value };
  if (value === undefined) return removalOf(key);
  switch (kind) {
    case 'm':
      if (key === storeKeys.epochFloor || key === storeKeys.epochBase) return decodeRecord(key, value);
      return { kind: 'registry', key, value };
    case sharedKeys.status:
      return { kind: 'status', name, id, ...parseStatus(key, value) };
    case sharedKeys.report:
      return {
        kind: 'report',
        name,
        id,
        ...(JSON.parse(value) as Omit<SharedReport, 'kind' | 'name' | 'id'>),
      };
    case sharedKeys.holder:
      return { kind: 'holder', name, id, server: value };
    default:
      return decodeRecord(key, value);
  }
}

function removalOf(key: string): StateChange | undefined {
  const [kind, name = '', id = ''] = key.split(' ');
  const record = undefined;
  switch (kind) {
    case 'e':
      return { kind: 'entry', name, record };
    case 'p':
      return { kind: 'endpoint', name, id, record };
    case 'c':
      return { kind: 'counter', name, record };
    case 'f':
      return { kind: 'fence', name, id, record };
    case 'l':
      return { kind: 'launch', name, id, record };
    case 'i': {
      const pin = pinOfDigest(id);
      if (!isPin(pin)) throw damagedRecordError(key);
      return { kind: 'key', name, pin, record };
    }
    case 't':
      return { kind: 'token', digest: name, record };
    case 'a':
      return { kind: 'access', directory: name, triples: [] };
    default:
      return undefined;
  }
}

function parseStatus(key: string, value: string): { epoch: number; status: EndpointStatus } {
  const { epoch, status } = JSON.parse(value) as { epoch: number; status: EndpointStatus };
  if (!Number.isSafeInteger(epoch) || !statuses.includes(status)) throw damagedRecordError(key);
  return { epoch, status };
}

const statuses: readonly EndpointStatus[] = ['healthy', 'reviewing', 'suspect'];

function extrasOf(change: StateChange, now: number): Extras | undefined {
  switch (change.kind) {
    case 'entry':
      return change.movedFrom === undefined ? undefined : { from: change.movedFrom };
    case 'endpoint':
      return definedExtras({
        from: change.movedFrom,
        counts: change.record?.countsCalls,
        displaced: storedDisplaced(change.record?.displaced, now),
      });
    case 'fence':
      return definedExtras({ displaced: storedDisplaced(change.record?.displaced, now) });
    default:
      return undefined;
  }
}

function withExtras(
  change: StateChange | undefined,
  extras: Extras | undefined,
  now: number,
): StateChange | undefined {
  if (change === undefined || extras === undefined) return change;
  const { from, counts, displaced: stored } = extras;
  const displaced: DisplacedHolder | undefined = stored && {
    epoch: stored.epoch,
    secretHash: stored.secretHash,
    until: now + stored.forMs,
  };
  const moved = definedFields({ movedFrom: from });
  switch (change.kind) {
    case 'entry':
      return { ...change, ...moved };
    case 'endpoint': {
      const record = change.record && {
        ...change.record,
        ...definedFields({ displaced, countsCalls: counts }),
      };
      return { ...change, record, ...moved };
    }
    case 'fence':
      return { ...change, record: change.record && { ...change.record, ...definedFields({ displaced }) } };
    default:
      return change;
  }
}

function definedExtras(extras: { readonly [K in keyof Extras]: Extras[K] | undefined }): Extras | undefined {
  const defined = definedFields(extras) as Extras;
  return Object.keys(defined).length === 0 ? undefined : defined;
}

function storedDisplaced(displaced: DisplacedHolder | undefined, now: number): Extras['displaced'] {
  if (displaced === undefined || displaced.until <= now) return undefined;
  const { epoch, secretHash, until } = displaced;
  return { epoch, secretHash, forMs: Math.ceil(until - now) };
}
