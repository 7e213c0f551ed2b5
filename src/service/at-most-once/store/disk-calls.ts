/**
 * Calls remembered in a folder, by LevelDB: a call is on the disk before it runs, and its answer soon after it was
 * given. One process at a time has the folder; a call found running in it by the next one was cut by a crash.
 */
import type {
  CallRecord,
  IdempotencyStore,
  CallResult,
  CallLookup,
} from '../../../core/idempotency-store.js';
import { ClerkError, isClerkError } from '../../../core/errors.js';
import { openLevelDb, type OpenLevelDb, type LevelDbOptions } from './leveldb-open.js';
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

/** Calls forgotten in one write. */
const expiryBatchSize = 1_000;

/** A folder that is in use. */
interface OpenStore extends OpenLevelDb {
  readonly commit: GroupCommit;
}

/** See the file's header. */
export class DiskCalls implements IdempotencyStore {
  readonly isDurable = true;
  readonly #path: string;
  readonly #options: LevelDbOptions;
  #opening: Promise<OpenStore> | undefined;
  #expiredBefore = 0;
  #expiring: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(path: string, options: LevelDbOptions) {
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
    // Nothing that was there is asked for twice; that nothing was there may be long ago, and is asked again in its turn.
    const [before] =
      existing === undefined ? await commit.write({ changes: [beginChange(key, call)] }) : [existing];
    if (before === undefined) return { state: 'new' };
    commit.assertDurable(key);
    return this.#toLookup(key, before);
  }

  async end(id: string, how: CallResult): Promise<void> {
    const { commit } = await this.#open();
    const key = callKey(id, createdAtOf(id));
    const [before] = await commit.write({ changes: [endChange(key, how)] });
    if (before !== undefined) this.#decode(key, before);
  }

  async withdraw(id: string): Promise<void> {
    const { commit } = await this.#open();
    await commit.write({ changes: [deleteChange(callKey(id, createdAtOf(id)))] });
  }

  expire(bornBefore: number): Promise<void> {
    const forgotten = this.#expiring.then(() => this.#expire(bornBefore));
    this.#expiring = forgotten.catch(() => undefined);
    return forgotten;
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
    if (this.#isClosed) return Promise.reject(new ClerkError('CLERK_CLOSED', 'The folder of calls is closed'));
    this.#opening ??= openLevelDb(this.#path, this.#options).then(
      ({ level, tally }) => {
        this.#expiredBefore = tally.expiredBefore;
        return { level, tally, commit: new GroupCommit(level, this.#path, tally) };
      },
      (error: unknown) => {
        // Whoever has it may let go of it; what is damaged stays that.
        if (isClerkError(error) && error.code === 'FORBIDDEN') this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  async #toLookup(key: string, text: string): Promise<CallLookup> {
    const record = this.#decode(key, text);
    if (record.state !== 'done') return record;
    const place = responseKey(key);
    const { level } = await this.#open();
    return toCallLookup(record, decodeResponse(place, await level.get(place)));
  }

  #decode(key: string, text: string): StoredCall {
    const record = decodeCall(key, text);
    if (record === undefined)
      throw new ClerkError('CONFIG_INVALID', 'The record of a call is damaged; the disk may be failing');
    return record;
  }

  async #expire(bornBefore: number): Promise<void> {
    const { level, commit } = await this.#open();
    let keys: string[] = [];
    const write = async (): Promise<void> => {
      const [batch, last] = [keys, keys.at(-1)];
      if (last === undefined) return;
      keys = [];
      // Refused from here on, before they are gone.
      const forgottenTo = createdAtOfKey(last) + 1;
      this.#expiredBefore = Math.max(this.#expiredBefore, forgottenTo);
      await commit.write({ changes: batch.map(deleteChange), expiredBefore: forgottenTo });
    };
    for await (const key of level.keys({ gte: callsStart, lt: callsCreatedFrom(bornBefore) })) {
      keys.push(key);
      if (keys.length === expiryBatchSize) await write();
    }
    await write();
  }
}

/** A part of the id. */
function createdAtOf(id: string): number {
  return Number(id.slice(0, id.indexOf('-')));
}
