/**
 * Group commit: commands that come while a batch is being written wait, and form the next one. A batch is planned on an
 * overlay, written at once, and only then applied, told and answered: nothing is seen before it is durable. When it
 * cannot be written all of it is refused, and nothing is changed any more.
 *
 * @see promises C5.1, C5.7
 */
import { ClerkError } from '../../core/errors.js';
import type { Store } from '../ports.js';
import type { Command, Planned, Surroundings } from './command.js';
import { plan } from './machine.js';
import { Overlay } from './overlay.js';
import { ownKeys, toStore, type Change } from './records.js';
import type { View } from './view.js';

/** Most commands of one batch. */
const mostCommands = 4_096;

/** A command that is durable. */
export interface Done extends Planned {
  /** The revision it made, or found. */
  readonly revision: number;
}

/** One command's part of a batch. */
export interface Applied {
  readonly planned: Planned;
  readonly revision: number;
}

interface Job {
  readonly prepare: () => Command | undefined;
  readonly resolve: (done: Done) => void;
  readonly reject: (error: unknown) => void;
}

interface Verdict {
  readonly job: Job;
  readonly done?: Done;
  readonly error?: unknown;
}

/** What a committer works on. */
export interface Committing {
  readonly store: Store;
  readonly view: View;
  readonly surroundings: Surroundings;
  /** The revision of the durable state. */
  readonly revision: () => number;
  /** These are being written; whether they are there in the end is not known when that fails. */
  readonly writing: (changes: readonly Change[]) => void;
  /** Takes over what is durable: all changes, then tells of them. */
  readonly apply: (batch: readonly Applied[], changes: readonly Change[], revision: number) => void;
}

/** Writes commands in batches, one batch at a time. */
export class Committer {
  readonly #world: Committing;
  #waiting: Job[] = [];
  #running: Promise<void> | undefined;
  #failure: ClerkError | undefined;
  #isClosed = false;

  constructor(world: Committing) {
    this.#world = world;
  }

  /** Whether the store could not be written once; then nothing changes any more. */
  get isBroken(): boolean {
    return this.#failure !== undefined;
  }

  /**
   * Resolves once the command is durable and seen by every look-up.
   *
   * @param prepare - called when its batch is planned; undefined means that there is nothing to do any more
   * @param isFirst - goes before all that wait: what time ends, ends before somebody comes back
   */
  submit(prepare: () => Command | undefined, isFirst = false): Promise<Done> {
    return new Promise((resolve, reject) => {
      const refusal = this.#isClosed ? closed() : this.#failure;
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      const job = { prepare, resolve, reject };
      if (isFirst) this.#waiting.unshift(job);
      else this.#waiting.push(job);
      this.#running ??= this.#run();
    });
  }

  /** What is being written is finished and answered; what waits is refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#refuseWaiting(closed());
    await this.#running;
  }

  async #run(): Promise<void> {
    // What comes in the same turn goes together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      await this.#commit(this.#waiting.splice(0, mostCommands));
      if (this.#failure !== undefined) this.#refuseWaiting(this.#failure);
    }
    this.#running = undefined;
  }

  async #commit(jobs: readonly Job[]): Promise<void> {
    const { store, view, writing, apply } = this.#world;
    const overlay = new Overlay(view);
    const verdicts: Verdict[] = [];
    const batch: Applied[] = [];
    let revision = this.#world.revision();
    for (const job of jobs) {
      try {
        const planned = this.#plan(overlay, job);
        if (planned.changes.length > 0) {
          overlay.add(planned.changes);
          revision++;
        }
        batch.push({ planned, revision });
        verdicts.push({ job, done: { ...planned, revision } });
      } catch (error) {
        verdicts.push({ job, error });
      }
    }
    if (overlay.changes.length > 0) {
      writing(overlay.changes);
      try {
        await store.write([...recordsOf(overlay.changes, revision)]);
      } catch (cause) {
        this.#failure = unwritable(cause);
        for (const { job } of verdicts) job.reject(this.#failure);
        return;
      }
      apply(batch, overlay.changes, revision);
    }
    for (const { job, done, error } of verdicts)
      if (done === undefined) job.reject(error);
      else job.resolve(done);
  }

  #plan(overlay: Overlay, { prepare }: Job): Planned {
    const command = prepare();
    return command === undefined
      ? { changes: [], inMs: 0 }
      : plan(overlay, command, this.#world.surroundings);
  }

  #refuseWaiting(error: ClerkError): void {
    for (const job of this.#waiting.splice(0)) job.reject(error);
  }
}

/** Each key once, as it is in the end. */
function* recordsOf(changes: readonly Change[], revision: number) {
  const last = new Map<string, string | undefined>();
  for (const change of changes) {
    const record = toStore(change);
    if (record !== undefined) last.set(record.key, record.value);
  }
  last.set(ownKeys.revision, String(revision));
  for (const [key, value] of last) yield { key, value };
}

function closed(): ClerkError {
  return new ClerkError('CLOSED', 'The server is closing and takes no more changes; ask another, or later');
}

function unwritable(cause: unknown): ClerkError {
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    'The store cannot be written, so nothing is changed any more; look-ups go on. Free its disk and start the server again',
    { cause },
  );
}
