import type { Clock, Timer } from '../../core/clock.js';
import { ClerkError, errorMessage } from '../../core/errors.js';
import { maxSliceCost, type SliceQueue } from '../../core/slice-queue.js';
import type { RecordChange, Store } from '../ports.js';
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

const maxCommandsPerBatch = 512;
/** A batch ends after the command that reaches this cost. The largest command costs more. */
const maxBatchCost = 8_000;
/** The parts of a batch with this cost are separated by turns of other work. */
const largeBatchCost = 4_000;
/** Costs of a command and of a change, in about microseconds. */
const commandCost = 15;
const changeCost = 4;
const lineCost = 5;
/** Delay between a failed write and the attempt to write the store again, in ms. */
const recoveryDelayMs = 1_000;

export interface CommitResult extends Plan {
  /** A command without changes does not raise the revision. */
  readonly revision: number;
}

export interface SubmitOptions {
  readonly atFront?: boolean;
  /**
   * Whether the command only ends endpoints or launches, or changes the status of endpoints. If the store cannot be
   * written, such a command still changes the memory, so that lookups do not show an ended endpoint as up. Its promise
   * rejects.
   */
  readonly endsEndpoints?: boolean;
}

interface CommitJob {
  readonly prepare: PrepareCommand;
  readonly endsEndpoints: boolean;
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (error: unknown) => void;
}

export interface CommitterOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly view: NamingView;
  readonly planContext: PlanContext;
  readonly slices: SliceQueue;
  readonly revision: () => number;
  /** Called before the changes of a batch are written. A failed write may have saved the changes. */
  readonly onWriting: (changes: readonly StateChange[]) => void;
  /** Called when no change is written after all for which `onWriting` was called. */
  readonly onWriteCancelled: () => void;
  /** Called after a batch is saved. `revision` is that after the batch. */
  readonly applyBatch: (batch: readonly Plan[], changes: readonly StateChange[], revision: number) => void;
  /**
   * Called with a plan that changes only the memory, because the store cannot be written. `revision` is that after
   * the plan.
   */
  readonly applyUnsaved: (plan: Plan, revision: number) => void;
  readonly onFailure: (failure: ClerkError) => void;
  /** Called when the store is written again, after the unsaved changes were saved. */
  readonly onRecovered: () => void;
  /** Called for each command that has changed the state, before its promise resolves. */
  readonly onChanged?: ((command: NamingCommand, result: CommitResult) => void) | undefined;
}

/**
 * Saves commands in batches. The commands that arrive during a write form the next batch. A plan takes the earlier
 * commands of its batch into account. One write saves all changes of a batch; then the state changes and the promises
 * settle. After a failed write, all commands of the batch and all later commands are rejected, until the store can be
 * written again. The failed batch is then removed from the store, and the changes in memory are saved. The event loop
 * handles other work between the plans, the write and the state of a batch, and between two batches.
 *
 * @see [C5.1](../../../docs/guarantees.md#c5-1), [C5.7](../../../docs/guarantees.md#c5-7)
 */
export class Committer {
  readonly #options: CommitterOptions;
  #queue: CommitJob[] = [];
  #running: Promise<void> | undefined;
  #failure: ClerkError | undefined;
  /** The records of changes in memory that the store lacks. */
  #unsaved = new Map<string, string | undefined>();
  #recoveryTimer: Timer | undefined;
  #recovery: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  get failure(): ClerkError | undefined {
    return this.#failure;
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
      const error = this.#isClosed ? closingError() : this.#failure;
      if (error !== undefined) {
        this.#reject(job, error);
        return;
      }
      if (atFront) this.#queue.unshift(job);
      else this.#queue.push(job);
      this.#running ??= this.#run();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#recoveryTimer?.cancel();
    this.#rejectQueued(closingError());
    await this.#running;
    await this.#recovery;
  }

  async #run(): Promise<void> {
    // Waits one microtask, so that commands that are submitted together share a batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      await this.#commit(this.#queue.splice(0, maxCommandsPerBatch));
      if (this.#failure !== undefined) this.#rejectQueued(this.#failure);
    }
    this.#running = undefined;
  }

  async #commit(candidates: readonly CommitJob[]): Promise<void> {
    const { store, view, slices, onWriting, applyBatch, onChanged } = this.#options;
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
    if (jobs.length < candidates.length) this.#queue = [...candidates.slice(jobs.length), ...this.#queue];
    if (overlay.changes.length > 0) {
      // From now on, lookups guarantee none of the changed entries.
      onWriting(overlay.changes);
      const isLarge = cost >= largeBatchCost;
      if (isLarge) await slices.turn();
      try {
        const records = [...recordsOf(overlay.changes, revision)];
        if (isLarge) await slices.turn();
        await store.write(records);
        if (isLarge) await slices.turn();
      } catch (cause) {
        this.#failure = writeFailedError(cause);
        this.#options.onFailure(this.#failure);
        for (const job of jobs) this.#reject(job, this.#failure);
        this.#scheduleRecovery();
        return;
      }
      applyBatch(plans, overlay.changes, revision);
    }
    for (const run of settle) run();
    if (cost >= largeBatchCost) await slices.turn();
  }

  #scheduleRecovery(): void {
    if (this.#isClosed) return;
    this.#recoveryTimer = this.#options.clock.setTimer(() => {
      this.#recovery = this.#recover().finally(() => (this.#recovery = undefined));
    }, recoveryDelayMs);
    this.#recoveryTimer.setRef(false);
  }

  /** Never rejects. */
  async #recover(): Promise<void> {
    const { store, revision } = this.#options;
    try {
      await store.recover();
      do {
        const records = this.#unsaved.set(storeKeys.revision, String(revision()));
        this.#unsaved = new Map();
        await store.write([...records].map(([key, value]) => ({ key, value }))).catch((error: unknown) => {
          this.#unsaved = new Map([...records, ...this.#unsaved]);
          throw error;
        });
      } while (this.#unsaved.size > 0);
    } catch {
      this.#scheduleRecovery();
      return;
    }
    this.#failure = undefined;
    this.#options.onRecovered();
  }

  async #planInSlices(overlay: Overlay, command: NamingCommand): Promise<Plan> {
    const { slices, planContext, onWriting, onWriteCancelled } = this.#options;
    try {
      // The earlier commands of the batch rely on their guarantees too.
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
    if (endsEndpoints && error === this.#failure && !this.#isClosed) this.#applyUnsaved(prepare);
    reject(error);
  }

  #applyUnsaved(prepare: PrepareCommand): void {
    const { store, view, revision, applyUnsaved, onChanged } = this.#options;
    let command: NamingCommand | undefined;
    let unsaved: Plan;
    try {
      command = prepare();
      unsaved = this.#plan(new Overlay(view), command);
    } catch {
      // The command has no effect, like the same command with a working store.
      return;
    }
    if (unsaved.changes.length === 0) return;
    const next = revision() + 1;
    const records = [...recordsOf(unsaved.changes, next)];
    for (const { key, value } of records) this.#unsaved.set(key, value);
    store.onUnsaved?.(records);
    applyUnsaved(unsaved, next);
    if (command !== undefined) onChanged?.(command, { ...unsaved, revision: next });
  }
}

/** Yields one record per changed key, with its last value, and the record of the revision. */
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
    `The server is read-only, because its store failed: ${errorMessage(cause)}; the server accepts changes again about ${recoveryDelayMs / 1_000} s after the store can be written`,
    { remainingMs: recoveryDelayMs, cause },
  );
}
