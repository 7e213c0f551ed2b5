/**
 * Group commit: commands that come while a batch is being written wait, and form the next one. A batch is planned on an
 * overlay, written at once, and only then applied, told and answered: nothing is seen before it is durable. When it
 * cannot be written all of it is refused, and nothing is changed any more.
 *
 * @see promises C5.1, C5.7
 */
import { ClerkError } from '../../core/errors.js';
import type { Store } from '../ports.js';
import type { NamingCommand, Plan, PlanContext } from './commands/naming-command.js';
import { plan } from './commands/plan.js';
import { Overlay } from './state/overlay.js';
import { storeKeys, encodeChange, type StateChange } from './state/records.js';
import type { NamingView } from './state/naming-view.js';

/** Most commands of one batch. */
const maxCommandsPerBatch = 4_096;

/** A command that is durable. */
export interface CommitResult extends Plan {
  /** The revision it made, or found. */
  readonly revision: number;
}

/** One command's part of a batch. */
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

/** What a committer works on. */
export interface CommitterOptions {
  readonly store: Store;
  readonly view: NamingView;
  readonly planContext: PlanContext;
  /** The revision of the durable state. */
  readonly revision: () => number;
  /** These are being written; whether they are there in the end is not known when that fails. */
  readonly onWriting: (changes: readonly StateChange[]) => void;
  /** Takes over what is durable: all changes, then tells of them. */
  readonly applyBatch: (
    batch: readonly BatchEntry[],
    changes: readonly StateChange[],
    revision: number,
  ) => void;
}

/** Writes commands in batches, one batch at a time. */
export class Committer {
  readonly #options: CommitterOptions;
  #queue: CommitJob[] = [];
  #running: Promise<void> | undefined;
  #failure: ClerkError | undefined;
  #isClosed = false;

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  /** Whether the store could not be written once; then nothing changes any more. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /**
   * Resolves once the command is durable and seen by every look-up.
   *
   * @param prepare - called when its batch is planned; undefined means that there is nothing to do any more
   * @param atFront - goes before all that wait: what time ends, ends before somebody comes back
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

  /** What is being written is finished and answered; what waits is refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#rejectQueued(closingError());
    await this.#running;
  }

  async #run(): Promise<void> {
    // What comes in the same turn goes together.
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
      ? { changes: [], inMs: 0 }
      : plan(overlay, command, this.#options.planContext);
  }

  #rejectQueued(error: ClerkError): void {
    for (const job of this.#queue.splice(0)) job.reject(error);
  }
}

/** Each key once, as it is in the end. */
function* recordsOf(changes: readonly StateChange[], revision: number) {
  const last = new Map<string, string | undefined>();
  for (const change of changes) {
    const record = encodeChange(change);
    if (record !== undefined) last.set(record.key, record.value);
  }
  last.set(storeKeys.revision, String(revision));
  for (const [key, value] of last) yield { key, value };
}

function closingError(): ClerkError {
  return new ClerkError('CLERK_CLOSED', 'The server is closing and takes no more changes; ask another, or later');
}

function writeFailedError(cause: unknown): ClerkError {
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    'The store cannot be written, so nothing is changed any more; look-ups go on. Free its disk and start the server again',
    { cause },
  );
}
