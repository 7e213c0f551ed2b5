import { ClerkError } from '../../core/errors.js';
import type { RecordChange, Store } from '../ports.js';
import type { NamingCommand, Plan, PlanContext } from './commands/naming-command.js';
import { plan } from './commands/plan.js';
import type { NamingView } from './state/naming-view.js';
import { Overlay } from './state/overlay.js';
import { encodeChange, storeKeys } from './state/record-codec.js';
import type { StateChange } from './state/records.js';

const maxCommandsPerBatch = 4_096;

/** Plan of a command whose changes are saved in the store. */
export interface CommitResult extends Plan {
  /** Revision of the state after the command. A command that changes nothing does not increment the revision. */
  readonly revision: number;
}

/** Plan of one command in a batch, and the revision of the state after the command. */
export interface BatchEntry {
  readonly plan: Plan;
  readonly revision: number;
}

interface CommitJob {
  readonly prepare: () => NamingCommand | undefined;
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (error: unknown) => void;
}

interface JobResult {
  readonly job: CommitJob;
  readonly result?: CommitResult;
  readonly error?: unknown;
}

/** Parts of the name server that a {@link Committer} uses. */
export interface CommitterOptions {
  readonly store: Store;
  readonly view: NamingView;
  readonly planContext: PlanContext;
  /** Returns the revision of the state that is saved in the store. */
  readonly revision: () => number;
  /**
   * Called before the changes of a batch are written to the store. If the write fails, the changes may be saved or not.
   */
  readonly onWriting: (changes: readonly StateChange[]) => void;
  /** Called once the changes of a batch are saved in the store. `revision` is the revision after the batch. */
  readonly applyBatch: (
    batch: readonly BatchEntry[],
    changes: readonly StateChange[],
    revision: number,
  ) => void;
}

/**
 * Saves commands in batches: commands that arrive while one batch is being written form the next batch. Each command of
 * a batch is planned on the state that the preceding commands leave. All changes of the batch are saved in one write.
 * Then the changes are applied to the state, and the promises of the commands resolve. When a write fails, the commands
 * of the batch and all later commands are rejected.
 *
 * @see [C5.1](../../../docs/guarantees.md#c5-1), [C5.7](../../../docs/guarantees.md#c5-7)
 */
export class Committer {
  readonly #options: CommitterOptions;
  #queue: CommitJob[] = [];
  #running: Promise<void> | undefined;
  #failure: ClerkError | undefined;
  #isClosed = false;

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  /** Whether a write has failed. After a failed write, every command is rejected. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /**
   * Queues a command. The promise resolves once the changes of the command are saved and visible to every lookup.
   *
   * @param prepare - builds the command right before the command is planned; returns undefined when the command is no
   *   longer needed
   * @param atFront - whether the command is placed before the commands that are already queued
   * @throws {@link ClerkError} `CLERK_CLOSED` once `close` was called; `REGISTRY_UNREACHABLE` when a write to the store
   *   has failed; any code when the command is rejected
   */
  submit(prepare: () => NamingCommand | undefined, atFront = false): Promise<CommitResult> {
    return new Promise((resolve, reject) => {
      const error = this.#isClosed ? closingError() : this.#failure;
      if (error !== undefined) {
        reject(error);
        return;
      }
      const job = { prepare, resolve, reject };
      if (atFront) this.#queue.unshift(job);
      else this.#queue.push(job);
      this.#running ??= this.#run();
    });
  }

  /** Rejects all queued commands, and every command after this call. Waits until the current batch is written. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#rejectQueued(closingError());
    await this.#running;
  }

  async #run(): Promise<void> {
    // This waits, so that commands that are submitted directly after each other share a batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      await this.#commit(this.#queue.splice(0, maxCommandsPerBatch));
      if (this.#failure !== undefined) this.#rejectQueued(this.#failure);
    }
    this.#running = undefined;
  }

  async #commit(jobs: readonly CommitJob[]): Promise<void> {
    const { store, view, onWriting, applyBatch } = this.#options;
    const overlay = new Overlay(view);
    const results: JobResult[] = [];
    const batch: BatchEntry[] = [];
    let revision = this.#options.revision();
    for (const job of jobs) {
      try {
        const planned = this.#plan(overlay, job);
        if (planned.changes.length > 0) {
          overlay.add(planned.changes);
          revision++;
        }
        batch.push({ plan: planned, revision });
        results.push({ job, result: { ...planned, revision } });
      } catch (error) {
        results.push({ job, error });
      }
    }
    if (overlay.changes.length > 0) {
      onWriting(overlay.changes);
      try {
        await store.write([...recordsOf(overlay.changes, revision)]);
      } catch (cause) {
        this.#failure = writeFailedError(cause);
        for (const { job } of results) job.reject(this.#failure);
        return;
      }
      applyBatch(batch, overlay.changes, revision);
    }
    for (const { job, result, error } of results)
      if (result === undefined) job.reject(error);
      else job.resolve(result);
  }

  #plan(overlay: Overlay, { prepare }: CommitJob): Plan {
    const command = prepare();
    return command === undefined
      ? { changes: [], appliesInMs: 0 }
      : plan(overlay, command, this.#options.planContext);
  }

  #rejectQueued(error: ClerkError): void {
    for (const job of this.#queue.splice(0)) job.reject(error);
  }
}

/** Yields the records to write: the last value of each changed key, and the new revision. */
function* recordsOf(changes: readonly StateChange[], revision: number): IterableIterator<RecordChange> {
  const last = new Map<string, string | undefined>();
  for (const change of changes) {
    const record = encodeChange(change);
    if (record !== undefined) last.set(record.key, record.value);
  }
  last.set(storeKeys.revision, String(revision));
  for (const [key, value] of last) yield { key, value };
}

function closingError(): ClerkError {
  return new ClerkError(
    'CLERK_CLOSED',
    'The server is closing and accepts no more changes; use another server or retry later',
  );
}

function writeFailedError(cause: unknown): ClerkError {
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    'A write to the store failed, so the server is read-only; free or repair the disk, then restart the server',
    { cause },
  );
}
