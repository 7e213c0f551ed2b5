import { withTimeout, type Timer } from '../../core/clock.js';
import { errorMessage } from '../../core/errors.js';
import type { ProcessExit } from '../../core/processes.js';
import type { LaunchRecord } from '../ports.js';
import { adoptedProcess, type ProcessHandle } from './process-handle.js';
import { stopProcesses, instanceMarker, withdrawEndpoint } from './stop-processes.js';
import { describeExit, describeLogTail } from './exit-reason.js';
import { currentRecord, recordProcess } from './process-record.js';
import type { PendingRegistration, LauncherContext } from './launcher-context.js';

/** A service that exits sooner after its registration counts as a failed start, in ms. */
const stableAfterMs = 10_000;
/** Time between SIGTERM and SIGKILL for a service that has registered, in ms. */
const drainTimeoutMs = 6_500;
/** The same for a process that never registered, in ms. */
const stopTimeoutMs = 2_000;
/** The same for children of a process that has exited, in ms. The next start waits for them. */
const orphanTimeoutMs = 500;
/** Time for draining the endpoint before its process is stopped anyway, in ms. */
const withdrawTimeoutMs = 1_000;

/** How a start ended: `up` once the service has registered, `stopped` when it was stopped on request. */
export type LaunchResult =
  { readonly kind: 'up' } | { readonly kind: 'failed' | 'stopped'; readonly reason: string };

/** Arguments of {@link Launch}. */
export interface LaunchInit {
  readonly record: LaunchRecord;
  readonly handle: ProcessHandle;
  /** Whether it has registered already. */
  readonly isRegistered: boolean;
  readonly readyMs: number;
  readonly idleStopMs: number | undefined;
  /** When the service was last used, in ms on the monotonic clock. */
  readonly lastUsedAt: () => number;
  /** The service did not register. Called before {@link Launch.result} settles. */
  readonly onStartFailed: (reason: string) => void;
  /** The process exited by itself after it had registered. */
  readonly onExit: (reason: string, wasStable: boolean) => void;
  /** All processes have ended and the record is removed. */
  readonly onDone: () => void;
}

/**
 * One launch of a service, from its process to its registration, and until all of its processes have ended. At the end
 * the endpoint is withdrawn, the process group is stopped and the record is removed, in this order. The record outlives
 * the processes, so that a server that is killed in between finds them again.
 */
export class Launch implements PendingRegistration {
  readonly #context: LauncherContext;
  readonly #init: LaunchInit;
  /** Resolves once the start has succeeded or failed. Never rejects. */
  readonly result: Promise<LaunchResult>;
  /** Resolves when all processes have ended and the record is removed. Never rejects. */
  readonly done: Promise<void>;
  #handle: ProcessHandle;
  #state: 'starting' | 'up' | 'stopping' | 'done';
  #registeredAt: number;
  #timer: Timer | undefined;
  #settleResult!: (result: LaunchResult) => void;
  #settleDone!: () => void;

  constructor(context: LauncherContext, init: LaunchInit) {
    this.#context = context;
    this.#init = init;
    this.#handle = init.handle;
    this.#state = init.isRegistered ? 'up' : 'starting';
    this.#registeredAt = -Infinity;
    const result = new Promise<LaunchResult>((resolve) => (this.#settleResult = resolve));
    this.result = result.finally(() => context.pendingRegistrations.delete(init.record.instance));
    this.done = new Promise((resolve) => (this.#settleDone = resolve));
    if (init.isRegistered) this.#markUp();
    else this.#awaitRegistration(init.readyMs);
    this.#watchExit();
  }

  get record(): LaunchRecord {
    return this.#init.record;
  }

  get isStopping(): boolean {
    return this.#state === 'stopping' || this.#state === 'done';
  }

  /** The instance has registered. Counts only when its ticket was used. */
  onRegistered(): void {
    if (this.#state !== 'starting' || currentRecord(this.#context, this.record)?.redeemed !== true) return;
    this.#state = 'up';
    this.#registeredAt = this.#context.runtime.now();
    this.#markUp();
    if (this.#handle.pid === undefined) void this.#findProcess();
  }

  /** Withdraws the endpoint if it has registered and its process has exited. Never rejects. */
  async withdrawIfExited(): Promise<void> {
    if (this.#state !== 'up' || !this.#handle.hasExited()) return;
    await withdrawEndpoint(this.#context, this.record, true);
  }

  /** Fails a start that is in progress and stops its process. Does nothing once it has registered. */
  fail(reason: string): void {
    if (this.#state !== 'starting') return;
    this.#init.onStartFailed(reason);
    this.#settleResult({ kind: 'failed', reason });
    void this.#stopProcesses(stopTimeoutMs);
  }

  /** Stops the service. Resolves when {@link done} does. */
  stop(reason: string): Promise<void> {
    this.#settleResult({ kind: 'stopped', reason });
    if (this.#state === 'up') void this.#drain();
    else if (this.#state === 'starting') void this.#stopProcesses(stopTimeoutMs);
    return this.done;
  }

  /** Stops supervising. A running process continues; one that is being stopped is killed. */
  detach(reason: string): void {
    this.#settleResult({ kind: 'stopped', reason });
    this.#timer?.cancel();
    this.#handle.release();
    if (this.#state === 'stopping')
      void this.#context.processes.signal(this.#handle.processGroup, instanceMarker(this.record), 'SIGKILL');
    this.#state = 'done';
    this.#settleDone();
  }

  #awaitRegistration(readyMs: number): void {
    this.#context.pendingRegistrations.set(this.record.instance, this);
    const seconds = (readyMs / 1_000).toFixed(1);
    this.#setTimer(readyMs, () => this.fail(`it did not register within ${seconds} s and was stopped`));
  }

  #markUp(): void {
    this.#settleResult({ kind: 'up' });
    this.#timer?.cancel();
    const { idleStopMs, lastUsedAt } = this.#init;
    if (idleStopMs === undefined) return;
    const upSince = this.#context.runtime.now();
    const checkIdle = (): void => {
      const remainingMs = Math.max(upSince, lastUsedAt()) + idleStopMs - this.#context.runtime.now();
      if (remainingMs > 0) {
        this.#setTimer(remainingMs, checkIdle);
        return;
      }
      const { name, instance } = this.record;
      this.#context.logger.info(
        `Stopping ${name} (${instance}): it was not used for ${String(idleStopMs)} ms`,
      );
      void this.stop('it was idle');
    };
    this.#setTimer(idleStopMs, checkIdle);
  }

  #setTimer(delayMs: number, callback: () => void): void {
    this.#timer = this.#context.runtime.setTimer(callback, delayMs);
    this.#timer.setRef(false);
  }

  #watchExit(): void {
    void this.#handle.exited.then((exit) => this.#onExit(exit));
  }

  async #onExit(exit: ProcessExit): Promise<void> {
    if (this.#state === 'done') return;
    const reason = `it ${describeExit(exit)}`;
    if (this.#state === 'starting') {
      this.fail(`${reason} before it registered${await this.#logTail()}`);
      return;
    }
    // Not awaited: clients must stop choosing the endpoint before its children are stopped.
    void withdrawEndpoint(this.#context, this.record, true);
    if (this.#state === 'stopping') return;
    const { name, instance } = this.record;
    this.#context.logger.warn(`Service ${name} (${instance}) ended by itself: ${reason}`);
    this.#init.onExit(reason, this.#context.runtime.now() - this.#registeredAt >= stableAfterMs);
    await this.#stopProcesses(orphanTimeoutMs);
  }

  async #logTail(): Promise<string> {
    return describeLogTail(await this.#handle.logTail());
  }

  async #stopProcesses(timeoutMs: number): Promise<void> {
    this.#state = 'stopping';
    this.#timer?.cancel();
    const { record } = this;
    const stopped = await stopProcesses(
      this.#context,
      this.#handle.processGroup,
      instanceMarker(record),
      timeoutMs,
    );
    if (this.#isDone()) return;
    if (!stopped)
      this.#context.logger.error(`Some processes of ${record.name} (${record.instance}) survived SIGKILL`);
    await withdrawEndpoint(this.#context, record, true);
    await this.#removeRecord();
  }

  async #drain(): Promise<void> {
    this.#state = 'stopping';
    const timeout = new Error('Draining timed out');
    const withdrawal = withdrawEndpoint(this.#context, this.record, false);
    await withTimeout(this.#context.runtime, withdrawTimeoutMs, withdrawal, () => timeout).catch(
      () => undefined,
    );
    if (!this.#isDone()) await this.#stopProcesses(drainTimeoutMs);
  }

  #isDone(): boolean {
    return this.#state === 'done';
  }

  async #removeRecord(): Promise<void> {
    const { names, logger } = this.#context;
    const { name, instance } = this.record;
    this.#handle.release();
    this.#timer?.cancel();
    try {
      await names.launches.remove(name, instance);
    } catch (error) {
      logger.warn(`Could not remove the launch record of ${name} (${instance}): ${errorMessage(error)}`);
    }
    if (this.#isDone()) return;
    this.#state = 'done';
    this.#init.onDone();
    this.#settleDone();
  }

  /** Finds the process of a recovered launch that has registered. Ends supervision when this host cannot find it. */
  async #findProcess(): Promise<void> {
    const { processes, runtime, logger } = this.#context;
    const { name, instance } = this.record;
    const pid = await processes.findGroupLeader(instanceMarker(this.record)).catch(() => undefined);
    const identity = pid === undefined ? undefined : processes.identityOf(pid);
    if (this.isStopping) return;
    if (pid === undefined || identity === undefined) {
      logger.info(
        `Service ${name} (${instance}) is registered, but its process was not found; it is no longer supervised`,
      );
      return this.#removeRecord();
    }
    this.#handle = adoptedProcess(processes, runtime, pid, identity);
    this.#watchExit();
    await recordProcess(this.#context, this.record, pid, identity).catch((error: unknown) =>
      logger.warn(`Could not record the process of ${name} (${instance}): ${errorMessage(error)}`),
    );
  }
}
