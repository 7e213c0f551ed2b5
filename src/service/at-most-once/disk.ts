/**
 * Calls remembered in a folder, by LevelDB: a call is on the disk before it runs, and its answer soon after it was
 * given. One process at a time has the folder; a call found running in it by the next one was cut by a crash.
 */
import type { BegunCall, CallStore, EndedCall, FoundCall } from '../../core/call-store.js';
import { ClerkError, isClerkError } from '../../core/errors.js';
import { openFolder, type Folder, type FolderDoors } from './disk-folder.js';
import { begun, ended, gone } from './disk-changes.js';
import {
  answerKey,
  birthOf,
  callKey,
  callsFrom,
  firstCall,
  foundCall,
  readAnswer,
  readCall,
  type CallRecord,
} from './disk-records.js';
import { GroupCommit } from './group-commit.js';

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

  async begin(call: BegunCall): Promise<FoundCall> {
    const { id, bornAt } = call;
    const { level, commit } = await this.#open();
    const key = callKey(id, bornAt);
    const early = await level.get(key);
    if (bornAt < this.#forgottenTo) return { state: 'forgotten' };
    // Nothing that was there is asked for twice; that nothing was there may be long ago, and is asked again in its turn.
    const [before] = early === undefined ? await commit.write({ changes: [begun(key, call)] }) : [early];
    if (before === undefined) return { state: 'new' };
    commit.assertWritten(key);
    return this.#found(key, before);
  }

  async end(id: string, how: EndedCall): Promise<void> {
    const { commit } = await this.#open();
    const key = callKey(id, bornAtOf(id));
    const [before] = await commit.write({ changes: [ended(key, how)] });
    if (before !== undefined) this.#read(key, before);
  }

  async withdraw(id: string): Promise<void> {
    const { commit } = await this.#open();
    await commit.write({ changes: [gone(callKey(id, bornAtOf(id)))] });
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
      await commit.write({ changes: these.map(gone), forgottenTo });
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
