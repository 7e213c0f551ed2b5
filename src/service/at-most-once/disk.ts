/**
 * Calls remembered in a folder, by LevelDB: a call is on the disk before it runs, and its answer soon after it was
 * given. One process at a time has the folder; a call found running in it by the next one was cut by a crash.
 */
import type { BegunCall, CallStore, EndedCall, FoundCall } from '../../core/call-store.js';
import { ClerkError, isClerkError } from '../../core/errors.js';
import { openFolder, type Folder, type FolderDoors } from './disk-folder.js';
import {
  answerKey,
  birthOf,
  callKey,
  callsFrom,
  firstCall,
  foundCall,
  readAnswer,
  readCall,
  writtenAnswer,
  writtenCall,
  type CallRecord,
} from './disk-records.js';
import { GroupCommit, type Change } from './group-commit.js';

/** Calls forgotten in one write. */
const slice = 1_000;

/** A folder that is in use. */
interface Opened extends Folder {
  readonly commit: GroupCommit;
}

/** See the file's header. */
export class DiskCalls implements CallStore {
  readonly outlives = true;
  readonly #path: string;
  readonly #doors: FolderDoors;
  #opening: Promise<Opened> | undefined;
  /** Records on their way to the disk or running, by key: what is there may lag behind them. */
  readonly #live = new Map<string, string>();
  #forgottenTo = 0;
  #forgetting: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(path: string, doors: FolderDoors) {
    this.#path = path;
    this.#doors = doors;
  }

  async open(): Promise<void> {
    await this.#open();
  }

  async begin({ id, bornAt, fingerprint, owner }: BegunCall): Promise<FoundCall> {
    const { level, commit } = await this.#open();
    const key = callKey(id, bornAt);
    const before = this.#live.get(key) ?? (await level.get(key));
    // While the disk was asked, another call with this id may have begun, or been forgotten.
    if (bornAt < this.#forgottenTo) return { state: 'forgotten' };
    const text = this.#live.get(key) ?? before;
    if (text !== undefined) return this.#found(key, text);
    const after = writtenCall(key, { state: 'running', fingerprint, owner });
    this.#live.set(key, after);
    await commit.write({ changes: [{ key, after }] });
    return { state: 'new' };
  }

  async end(id: string, how: EndedCall): Promise<void> {
    const { level, commit } = await this.#open();
    const key = callKey(id, bornAtOf(id));
    const before = this.#live.get(key) ?? (await level.get(key));
    if (before === undefined) return;
    const { state, fingerprint } = this.#read(key, before);
    if (state === 'done') return;
    const answer = how.state === 'done' ? how.answer : undefined;
    const record: CallRecord =
      how.state === 'done'
        ? { state: 'done', fingerprint, isKept: answer !== undefined }
        : { state: 'lost', fingerprint };
    const after = writtenCall(key, record);
    const place = answerKey(key);
    const beside = { key: place, text: answer && writtenAnswer(place, answer) };
    await commit.write({ changes: [{ key, after, beside, mustBeThere: true }] });
    this.#live.delete(key);
  }

  async withdraw(id: string): Promise<void> {
    const { commit } = await this.#open();
    const key = callKey(id, bornAtOf(id));
    await commit.write({ changes: [{ key, after: undefined }] });
    this.#live.delete(key);
  }

  forget(bornBefore: number): Promise<void> {
    const forgotten = this.#forgetting.then(() => this.#forget(bornBefore));
    this.#forgetting = forgotten.catch(() => undefined);
    return forgotten;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const opened = await this.#opening?.catch(() => undefined);
    await this.#forgetting;
    await opened?.commit.idle();
    await opened?.level.close();
  }

  #open(): Promise<Opened> {
    if (this.#isClosed) return Promise.reject(new ClerkError('CLOSED', 'The folder of calls is closed'));
    this.#opening ??= openFolder(this.#path, this.#doors).then(
      ({ level, ledger }) => {
        this.#forgottenTo = ledger.forgottenTo;
        return { level, ledger, commit: new GroupCommit(level, this.#path, ledger) };
      },
      (error: unknown) => {
        // Whoever has it may let go of it; what is damaged stays that.
        if (isClerkError(error) && error.code === 'FORBIDDEN') this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  async #found(key: string, text: string): Promise<FoundCall> {
    const record = this.#read(key, text);
    if (record.state !== 'done') return record;
    const place = answerKey(key);
    const { level } = await this.#open();
    return foundCall(record, readAnswer(place, await level.get(place)));
  }

  #read(key: string, text: string): CallRecord {
    const record = readCall(key, text);
    if (record === undefined)
      throw new ClerkError('CONFIG_INVALID', 'The record of a call is damaged; the disk may be failing');
    return record;
  }

  async #forget(bornBefore: number): Promise<void> {
    const { level, commit } = await this.#open();
    let keys: string[] = [];
    const write = async (): Promise<void> => {
      const [these, last] = [keys, keys.at(-1)];
      if (last === undefined) return;
      keys = [];
      // Refused from here on, before they are gone.
      const forgottenTo = birthOf(last) + 1;
      this.#forgottenTo = Math.max(this.#forgottenTo, forgottenTo);
      const gone = (key: string): Change => ({
        key,
        after: undefined,
        beside: { key: answerKey(key), text: undefined },
      });
      await commit.write({ changes: these.map(gone), forgottenTo });
      for (const key of these) this.#live.delete(key);
    };
    for await (const key of level.keys({ gte: firstCall, lt: callsFrom(bornBefore) })) {
      keys.push(key);
      if (keys.length === slice) await write();
    }
    await write();
  }
}

/** A part of the id. */
function bornAtOf(id: string): number {
  return Number(id.slice(0, id.indexOf('-')));
}
