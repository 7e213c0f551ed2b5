import type { Clock } from '../../core/clock.js';
import { ClerkError } from '../../core/errors.js';
import { maxSliceCost, type SliceQueue } from '../../core/slice-queue.js';
import type { RecordChange, Store } from '../ports.js';
import { changesSeveralNames } from './apply-batch.js';
import {
  noChange,
  type NamingCommand,
  type Plan,
  type PlanContext,
  type PrepareCommand,
} from './commands/naming-command.js';
import { plan, planSteps } from './commands/plan.js';
import type { NamingView } from './state/naming-view.js';
import { Overlay } from './state/overlay.js';
import { encodeChange, storeKeys } from './state/record-codec.js';
import type { StateChange } from './state/records.js';
import { StoreRecovery } from './store-recovery.js';

const maxCommandsPerBatch = 512;
/** A batch takes no more commands once its cost has reached this value. A single large command can exceed the value. */
const maxBatchCost = 8_000;
/** If a batch has at least this cost, other work runs between the steps of the batch. */
const largeBatchCost = 4_000;
/** Estimated costs of a command, of a change and of a line of an import, in µs. */
const commandCost = 15;
const changeCost = 4;
const lineCost = 5;
/** Maximum number of times that a batch is planned, if another server writes to the log before each attempt. */
const maxAttempts = 100;

export interface CommitResult extends Plan {
  /** Revision after the command. A command without changes does not increment it. */
  readonly revision: number;
}

export interface SubmitOptions {
  /** Whether the command is planned before all queued commands. */
  readonly atFront?: boolean;
  /**
   * Whether the command only ends endpoints or launches, or changes the status of endpoints. While the store cannot be
   * written, a single server applies such a command in memory, so that lookups do not show an ended endpoint as up.
   * The promise of the command rejects even so.
   */
  readonly endsEndpoints?: boolean;
}

interface CommitJob {
  readonly prepare: PrepareCommand;
  readonly endsEndpoints: boolean;
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (error: unknown) => void;
}

/** What a committer needs when several servers write to one log. */
export interface SharedCommits {
  /**
   * Saves changes that were planned on the present state. Returns `conflict` when another server has written to the
   * log since that state. In this case, the commands must be planned again.
   */
  write(changes: readonly StateChange[], revision: number, isBulk: boolean): Promise<'written' | 'conflict'>;
  /** Returns whether the state was at the head of the log. If it was not, the state has been updated. */
  isAtHead(): Promise<boolean>;
  /** Applies the changes that other servers have written. */
  catchUp(): Promise<void>;
  /** Called before each batch. Resolves when other servers have had time to write. */
  yieldTurn(): Promise<void> | undefined;
}

export interface CommitterOptions {
  readonly store: Store;
  /** Used in place of `store` in a registry with several servers. */
  readonly shared?: SharedCommits | undefined;
  readonly clock: Clock;
  readonly view: NamingView;
  readonly planContext: PlanContext;
  readonly slices: SliceQueue;
  readonly revision: () => number;
  /**
   * Called before the changes of a batch are written. `onWriteCancelled` is not called after a failed write, because
   * the write may have saved the changes.
   */
  readonly onWriting: (changes: readonly StateChange[]) => void;
  /** Called when the changes of all earlier `onWriting` calls will not be written. */
  readonly onWriteCancelled: () => void;
  /** Called after a batch is saved. `revision` is the revision after the batch. */
  readonly applyBatch: (batch: readonly Plan[], changes: readonly StateChange[], revision: number) => void;
  /**
   * Called with a plan that is applied only in memory, because the store cannot be written. `revision` is the
   * revision after the plan.
   */
  readonly applyUnsaved: (plan: Plan, revision: number) => void;
  readonly onFailure: (failure: ClerkError) => void;
  /** Called when the store can be written again and the unsaved changes are saved. */
  readonly onRecovered: () => void;
  /** Called for each command that has changed the state, before its promise resolves. */
  readonly onChanged?: ((command: NamingCommand, result: CommitResult) => void) | undefined;
}

/**
 * Saves commands in batches. Commands that arrive during a write form the next batch. Each plan includes the earlier
 * commands of its batch. One write saves all changes of a batch; then the state changes and the promises settle.
 * After a failed write, the commands of the batch and all later commands are rejected until the store can be written
 * again ({@link StoreRecovery}). Between the steps of a large batch, the event loop runs other work.
 *
 * @see [C5.1](../../../docs/guarantees.md#c5-1), [C5.7](../../../docs/guarantees.md#c5-7)
 */
export class Committer {
  readonly #options: CommitterOptions;
  #queue: CommitJob[] = [];
  #running: Promise<void> | undefined;
  readonly #recovery: StoreRecovery;
  #isClosed = false;
  /** Callers of `catchUp` that wait for the changes of other servers. */
  #waiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.#recovery = new StoreRecovery({
      ...options,
      catchUp: options.shared && (() => this.catchUp()),
    });
  }

  /** The error of the last failed write; undefined once the store can be written again. */
  get failure(): ClerkError | undefined {
    return this.#recovery.failure;
  }

  /**
   * Resolves when the changes are saved and every lookup shows them.
   *
   * @throws {@link ClerkError} `CLERK_CLOSED` after `close`
   * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when a write has failed, and the store has not recovered
   * @throws {@link ClerkError} the error of {@link plan} when the command is rejected
   */
  submit(
    prepare: PrepareCommand,
    { atFront = false, endsEndpoints = false }: SubmitOptions = {},
  ): Promise<CommitResult> {
    return new Promise((resolve, reject) => {
      const job = { prepare, endsEndpoints, resolve, reject };
      const error = this.#isClosed ? closingError() : this.failure;
      if (error !== undefined) {
        this.#reject(job, error);
        return;
      }
      if (atFront) this.#queue.unshift(job);
      else this.#queue.push(job);
      this.#running ??= this.#run();
    });
  }

  /** Applies all changes that other servers have written before this call. */
  catchUp(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        reject(closingError());
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.#running ??= this.#run();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#recovery.stop();
    this.#rejectQueued(closingError());
    await this.#running;
    await this.#recovery.ended();
  }

  async #run(): Promise<void> {
    // Waits one microtask, so that commands that are submitted together share a batch.
    await Promise.resolve();
    while (this.#queue.length > 0 || this.#waiting.length > 0) {
      if (this.#waiting.length > 0) await this.#catchUp(this.#waiting.splice(0));
      const turn = this.#options.shared?.yieldTurn();
      if (turn !== undefined) await turn;
      if (this.#queue.length > 0) await this.#commit(this.#queue.splice(0, maxCommandsPerBatch));
      if (this.failure !== undefined) this.#rejectQueued(this.failure);
    }
    this.#running = undefined;
  }

  /** Never rejects. */
  async #catchUp(
    waiting: readonly { resolve: () => void; reject: (error: unknown) => void }[],
  ): Promise<void> {
    try {
      await this.#options.shared?.catchUp();
      for (const { resolve } of waiting) resolve();
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  async #commit(candidates: readonly CommitJob[]): Promise<void> {
    for (let attempt = 1; !(await this.#tryCommit(candidates, attempt)); attempt++);
  }

  /** Returns false when another server has written to the log first, so that the commands must be planned again. */
  async #tryCommit(candidates: readonly CommitJob[], attempt: number): Promise<boolean> {
    const { store, shared, view, slices, onWriting, onWriteCancelled, applyBatch, onChanged } = this.#options;
    const overlay = new Overlay(view);
    const plans: Plan[] = [];
    const jobs: CommitJob[] = [];
    const settle: (() => void)[] = [];
    let revision = this.#options.revision();
    let cost = 0;
    for (const job of candidates) {
      if (cost >= maxBatchCost) break;
      jobs.push(job);
      const { prepare, resolve, reject } = job;
      try {
        const command = prepare();
        const planned =
          command?.kind === 'import'
            ? await this.#planInSlices(overlay, command)
            : this.#plan(overlay, command);
        if (planned.changes.length > 0) {
          overlay.add(planned.changes);
          revision++;
        }
        plans.push(planned);
        const result = { ...planned, revision };
        settle.push(() => {
          if (command !== undefined && planned.changes.length > 0) onChanged?.(command, result);
          resolve(result);
        });
      } catch (error) {
        settle.push(() => reject(error));
      }
      cost = commandCost * jobs.length + changeCost * overlay.changes.length;
    }
    if (overlay.changes.length === 0 && shared !== undefined) {
      // Commands without changes may depend on an old state. Their results are final only if the state is at the head
      // of the log.
      try {
        if (!(await shared.isAtHead()) && attempt < maxAttempts) return false;
      } catch (cause) {
        this.#onWriteFailed(jobs, cause);
        this.#putBack(candidates, jobs);
        return true;
      }
    }
    if (overlay.changes.length > 0) {
      // From now on, lookups give no guarantees for the changed entries.
      onWriting(overlay.changes);
      const isLarge = cost >= largeBatchCost;
      if (isLarge) await slices.turn();
      try {
        if (shared === undefined) {
          const records = [...recordsOf(overlay.changes, revision)];
          if (isLarge) await slices.turn();
          await store.write(records);
        } else if (
          (await shared.write(overlay.changes, revision, plans.some(changesSeveralNames))) === 'conflict'
        ) {
          onWriteCancelled();
          if (attempt < maxAttempts) return false;
          throw contentionError();
        }
        if (isLarge) await slices.turn();
      } catch (cause) {
        this.#onWriteFailed(jobs, cause);
        this.#putBack(candidates, jobs);
        return true;
      }
      applyBatch(plans, overlay.changes, revision);
    }
    this.#putBack(candidates, jobs);
    for (const run of settle) run();
    if (cost >= largeBatchCost) await slices.turn();
    return true;
  }

  /** Returns the commands that did not fit into the batch to the front of the queue. */
  #putBack(candidates: readonly CommitJob[], jobs: readonly CommitJob[]): void {
    if (jobs.length < candidates.length) this.#queue = [...candidates.slice(jobs.length), ...this.#queue];
  }

  #onWriteFailed(jobs: readonly CommitJob[], cause: unknown): void {
    const failure = this.#recovery.onWriteFailed(cause);
    for (const job of jobs) this.#reject(job, failure);
    this.#recovery.schedule();
  }

  async #planInSlices(overlay: Overlay, command: NamingCommand): Promise<Plan> {
    const { slices, planContext, onWriting, onWriteCancelled } = this.#options;
    try {
      // The changes of the earlier commands count as being written, too, because lookups run between the slices.
      onWriting(overlay.changes);
      const steps = planSteps(overlay, command, planContext);
      for (let cost = 0; ; cost += lineCost) {
        const step = steps.next();
        if (step.done === true) return step.value;
        onWriting(step.value);
        if (cost < maxSliceCost) continue;
        cost = 0;
        await slices.turn();
      }
    } catch (error) {
      onWriteCancelled();
      onWriting(overlay.changes);
      throw error;
    }
  }

  #plan(overlay: Overlay, command: NamingCommand | undefined): Plan {
    return command === undefined ? noChange : plan(overlay, command, this.#options.planContext);
  }

  #rejectQueued(error: ClerkError): void {
    for (const job of this.#queue.splice(0)) this.#reject(job, error);
  }

  #reject({ prepare, endsEndpoints, reject }: CommitJob, error: ClerkError): void {
    // A single server applies the change in memory although the write failed. Servers that share a log wait until the
    // log can be written, because all of them must have the same state.
    if (endsEndpoints && this.#options.shared === undefined && error === this.failure && !this.#isClosed)
      this.#applyUnsaved(prepare);
    reject(error);
  }

  #applyUnsaved(prepare: PrepareCommand): void {
    const { view, revision, applyUnsaved, onChanged } = this.#options;
    let command: NamingCommand | undefined;
    let unsaved: Plan;
    try {
      command = prepare();
      unsaved = this.#plan(new Overlay(view), command);
    } catch {
      // A command that is rejected when it is planned has no effect, whether or not the store can be written.
      return;
    }
    if (unsaved.changes.length === 0) return;
    const next = revision() + 1;
    this.#recovery.keep([...recordsOf(unsaved.changes, next)]);
    applyUnsaved(unsaved, next);
    if (command !== undefined) onChanged?.(command, { ...unsaved, revision: next });
  }
}

/** Yields the last value of each changed key, and the record of the revision. */
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

function contentionError(): ClerkError {
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    `The change could not be saved, because another server saved a change first in each of ${maxAttempts} attempts; retry the request`,
  );
}
