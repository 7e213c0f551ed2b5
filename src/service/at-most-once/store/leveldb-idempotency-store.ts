import type {
  CallRecord,
  IdempotencyStore,
  CallResult,
  CallLookup,
} from '../../../core/idempotency-store.js';
import { ClerkError, isClerkError } from '../../../core/errors.js';
import type { LeveldbHost } from '../../../core/open-leveldb.js';
import { openLevelDb, type OpenLevelDb } from './leveldb-open.js';
import { beginChange, endChange, deleteChange } from './leveldb-changes.js';
import {
  responseKey,
  createdAtOfKey,
  callKey,
  callsCreatedFrom,
  callsStart,
  toCallLookup,
  decodeResponse,
  decodeCall,
  type StoredCall,
} from './leveldb-records.js';
import { GroupCommit } from './group-commit.js';

/** Maximum number of expired calls that are removed in one write. */
const expiryBatchSize = 1_000;

interface OpenStore extends OpenLevelDb {
  readonly commit: GroupCommit;
}

/**
 * An idempotency store in a LevelDB folder. The record of a call is on disk before the call runs. The response is on
 * disk soon after the response was sent. A call that an earlier process left in the state `running` was interrupted.
 */
export class LeveldbIdempotencyStore implements IdempotencyStore {
  readonly isDurable = true;
  readonly #path: string;
  readonly #options: LeveldbHost;
  #opening: Promise<OpenStore> | undefined;
  #expiredBefore = 0;
  #expiring: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(path: string, options: LeveldbHost) {
    this.#path = path;
    this.#options = options;
  }

  async open(): Promise<void> {
    await this.#open();
  }

  async begin(call: CallRecord): Promise<CallLookup> {
    const { id, createdAt } = call;
    const { level, commit } = await this.#open();
    const key = callKey(id, createdAt);
    const existing = await level.get(key);
    if (createdAt < this.#expiredBefore) return { state: 'expired' };
    // Another request may add the record between this read and the write, so the write checks again.
    const [before] = existing === undefined ? await commit.write([beginChange(key, call)]) : [existing];
    if (before === undefined) return { state: 'new' };
    commit.assertDurable(key);
    return this.#toLookup(key, before);
  }

  async end(id: string, result: CallResult): Promise<void> {
    const { commit } = await this.#open();
    const key = callKey(id, createdAtOf(id));
    const [before] = await commit.write([endChange(key, result)]);
    if (before !== undefined) this.#decode(key, before);
  }

  async withdraw(id: string): Promise<void> {
    const { commit } = await this.#open();
    await commit.write([deleteChange(callKey(id, createdAtOf(id)))]);
  }

  expire(createdBefore: number): Promise<void> {
    const expired = this.#expiring.then(() => this.#expire(createdBefore));
    this.#expiring = expired.catch(() => undefined);
    return expired;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const opened = await this.#opening?.catch(() => undefined);
    await this.#expiring;
    await opened?.commit.whenIdle();
    await opened?.level.close();
  }

  #open(): Promise<OpenStore> {
    if (this.#isClosed)
      return Promise.reject(new ClerkError('CLERK_CLOSED', 'The folder of diskCalls() is closed'));
    this.#opening ??= openLevelDb(this.#path, this.#options).then(
      ({ level, tally }) => {
        this.#expiredBefore = tally.expiredBefore;
        return { level, tally, commit: new GroupCommit(level, this.#path, tally) };
      },
      (error: unknown) => {
        // A folder that another process was using may be free later. A damaged folder stays damaged.
        if (isClerkError(error) && error.code === 'FORBIDDEN') this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  async #toLookup(key: string, text: string): Promise<CallLookup> {
    const record = this.#decode(key, text);
    if (record.state !== 'done') return record;
    const at = responseKey(key);
    const { level } = await this.#open();
    return toCallLookup(record, decodeResponse(at, await level.get(at)));
  }

  #decode(key: string, text: string): StoredCall {
    const record = decodeCall(key, text);
    if (record === undefined)
      throw new ClerkError('CONFIG_INVALID', 'A record of diskCalls() is damaged; check the disk');
    return record;
  }

  async #expire(createdBefore: number): Promise<void> {
    const { level, commit } = await this.#open();
    let keys: string[] = [];
    const write = async (): Promise<void> => {
      const [batch, last] = [keys, keys.at(-1)];
      if (last === undefined) return;
      keys = [];
      // The keys must be rejected before their records are removed, because a retry could otherwise run a removed call
      // again.
      const expiredBefore = createdAtOfKey(last) + 1;
      this.#expiredBefore = Math.max(this.#expiredBefore, expiredBefore);
      await commit.write(batch.map(deleteChange), expiredBefore);
    };
    for await (const key of level.keys({ gte: callsStart, lt: callsCreatedFrom(createdBefore) })) {
      keys.push(key);
      if (keys.length === expiryBatchSize) await write();
    }
    await write();
  }
}

/** Returns the creation time of a call, which is the first part of the id. */
function createdAtOf(id: string): number {
  return Number(id.slice(0, id.indexOf('-')));
}
