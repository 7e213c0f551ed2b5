import { strict as assert } from 'node:assert';
import type {
  CallRecord,
  IdempotencyStore,
  CallLookup,
  StoredResponse,
} from '../../core/idempotency-store.js';

/** A place where stores keep their records, such as a folder or a database. */
export interface IdempotencyStoreLocation {
  /**
   * Opens a store at this location. A durable store is opened again after `close`, and must then have the records of
   * the closed store. A store with a `scope` is opened a second time while the first store is open.
   */
  open(): IdempotencyStore | Promise<IdempotencyStore>;
}

export interface StoreCase {
  readonly name: string;
  /** A property of stores that the case checks. The case passes without a check for a store that lacks the property. */
  readonly requires?: 'durable' | 'scope';
  readonly run: (store: IdempotencyStore, location: IdempotencyStoreLocation) => Promise<void>;
}

export function call(number: number, overrides: Partial<CallRecord> = {}): CallRecord {
  const createdAt = overrides.createdAt ?? 1_800_000_000_000 + number;
  return {
    id: `${String(createdAt)}-${number.toString(16).padStart(32, '0')}`,
    createdAt,
    fingerprint: `fingerprint ${String(number)}`,
    owner: 'suite-1 life-1',
    ...overrides,
  };
}

export const response: StoredResponse = {
  status: 201,
  headers: [
    ['content-type', 'application/octet-stream'],
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b="ü"'],
  ],
  body: Uint8Array.from({ length: 256 }, (_, i) => i),
};

export function finish(store: IdempotencyStore, { id }: CallRecord): Promise<void> {
  return store.end(id, { state: 'done', response });
}

export function interrupt(store: IdempotencyStore, { id }: CallRecord): Promise<void> {
  return store.end(id, { state: 'interrupted' });
}

export function countNew(lookups: readonly CallLookup[]): number {
  return lookups.filter(({ state }) => state === 'new').length;
}

export async function assertState(
  store: IdempotencyStore,
  record: CallRecord,
  expected: CallLookup['state'],
): Promise<void> {
  assert.equal((await store.begin(record)).state, expected, `state of ${record.id}`);
}

export async function assertDone(
  store: IdempotencyStore,
  record: CallRecord,
  expected: StoredResponse | undefined,
): Promise<void> {
  const found = await store.begin(record);
  if (found.state !== 'done') assert.fail(`the state is ${found.state}; expected done`);
  assert.equal(found.fingerprint, record.fingerprint);
  assert.deepEqual(comparable(found.response), comparable(expected));
}

/** A Buffer must equal any other byte array, so the body becomes a list of numbers. */
function comparable(found: StoredResponse | undefined): unknown {
  return found && { status: found.status, headers: found.headers, body: [...found.body] };
}
