/**
 * One start of one service: from the process to the registration that says it can be called, and from there until all
 * of its processes are gone. Whatever ends it, its endpoint is withdrawn, its group ended and its record forgotten, in
 * this order; the record outlives the processes, so that a server that is killed in between finds them again.
 */
import { withTimeout, type Timer } from '../../core/clock.js';
import { errorMessage } from '../../core/errors.js';
import type { ProcessExit } from '../../core/processes.js';
import type { LaunchRecord } from '../ports.js';
import { adoptedProcess, type ProcessHandle } from './process-handle.js';
import { stopProcesses, instanceMarker, withdrawEndpoint } from './stop-processes.js';
import { describeExit, describeLogTail } from './exit-reason.js';
import { currentRecord, recordProcess } from './process-record.js';
import type { PendingRegistration, LauncherContext } from './launcher-context.js';

/** What ran for less than this was never well. */
const stableAfterMs = 10_000;
/** How long one that has been called may take to end when asked. */
const drainTimeoutMs = 6_500;
/** How long one that was never called may. */
const stopTimeoutMs = 2_000;
/** How long its children may take when it is gone: the next start waits for them. */
const orphanTimeoutMs = 500;
/** How long the registry may take to tell everybody, before a service is ended all the same. */
const withdrawTimeoutMs = 1_000;

/** How a start went. `stopped`: somebody wanted it so. */
export type LaunchResult =
  { readonly kind: 'up' } | { readonly kind: 'failed' | 'stopped'; readonly reason: string };

/** What a start is made with. */
export interface LaunchInit {
  readonly record: LaunchRecord;
  readonly handle: ProcessHandle;
  /** Whether it has registered before. */
  readonly isRegistered: boolean;
  readonly readyMs: number;
  readonly idleStopMs: number | undefined;
  /** When it was last used, in ms on the monotonic clock. */
  readonly lastUsedAt: () => number;
  /** It did not come up; called before `arrived` settles. */
  readonly onStartFailed: (reason: string) => void;
  /** It ended by itself after it had come up. */
  readonly onExit: (reason: string, wasStable: boolean) => void;
  /** Nothing is left of it. */
  readonly onDone: () => void;
}

/** A start, looked after until it is over or let go. */
export class Launch implements PendingRegistration {
  readonly #context: LauncherContext;
  readonly #init: LaunchInit;
  /** Settles once. Never rejects. */
  readonly result: Promise<LaunchResult>;
  /** Resolves when nothing is left of it. Never rejects. */
  readonly done: Promise<void>;
  #handle: ProcessHandle;
  #state: 'starting' | 'up' | 'ending' | 'over';
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
    return this.#state === 'ending' || this.#state === 'over';
  }

  /** It has registered. Only who has used its ticket is believed to be it. */
  onRegistered(): void {
    if (this.#state !== 'starting' || currentRecord(this.#context, this.record)?.redeemed !== true) return;
    this.#state = 'up';
    this.#registeredAt = this.#context.runtime.now();
    this.#markUp();
    if (this.#handle.pid === undefined) void this.#findProcess();
  }

  /** Resolves once nobody is sent there any more, if it came up and its process is gone by now. Never rejects. */
  async withdrawIfExited(): Promise<void> {
    if (this.#state !== 'up' || !this.#handle.hasExited()) return;
    await withdrawEndpoint(this.#context, this.record, true);
  }

  /** Gives up a start; one that has come up is not concerned. */
  fail(reason: string): void {
    if (this.#state !== 'starting') return;
    this.#init.onStartFailed(reason);
    this.#settleResult({ kind: 'failed', reason });
    void this.#stopProcesses(stopTimeoutMs);
  }

  /** Ends it, and resolves when it is over. */
  stop(reason: string): Promise<void> {
    this.#settleResult({ kind: 'stopped', reason });
    if (this.#state === 'up') void this.#drain();
    else if (this.#state === 'starting') void this.#stopProcesses(stopTimeoutMs);
    return this.done;
  }

  /** Looks after it no more. What runs goes on, but what is being ended is ended now. */
  detach(reason: string): void {
    this.#settleResult({ kind: 'stopped', reason });
    this.#timer?.cancel();
    this.#handle.release();
    if (this.#state === 'ending')
      void this.#context.processes.signal(this.#handle.processGroup, instanceMarker(this.record), 'SIGKILL');
    this.#state = 'over';
    this.#settleDone();
  }

  #awaitRegistration(readyMs: number): void {
    this.#context.pendingRegistrations.set(this.record.instance, this);
    const seconds = (readyMs / 1_000).toFixed(1);
    this.#setTimer(readyMs, () => this.fail(`it did not register within ${seconds} s and was ended`));
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
        `${name} (${instance}) is ended: nobody has used it for ${String(idleStopMs)} ms`,
      );
      void this.stop('nobody has used it');
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
    if (this.#state === 'over') return;
    const reason = `it ${describeExit(exit)}`;
    if (this.#state === 'starting') {
      this.fail(`${reason} before it registered${await this.#logTail()}`);
      return;
    }
    // Nobody is to be sent there for a moment longer than it takes.
    void withdrawEndpoint(this.#context, this.record, true);
    if (this.#state === 'ending') return;
    const { name, instance } = this.record;
    this.#context.logger.warn(`${name} (${instance}): ${reason}`);
    this.#init.onExit(reason, this.#context.runtime.now() - this.#registeredAt >= stableAfterMs);
    await this.#stopProcesses(orphanTimeoutMs);
  }

  async #logTail(): Promise<string> {
    return describeLogTail(await this.#handle.logTail());
  }

  async #stopProcesses(timeoutMs: number): Promise<void> {
    this.#state = 'ending';
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
      this.#context.logger.error(`${record.name} (${record.instance}) has processes that cannot be ended`);
    await withdrawEndpoint(this.#context, record, true);
    await this.#removeRecord();
  }

  async #drain(): Promise<void> {
    this.#state = 'ending';
    const timeout = new Error('the registry is slow');
    const withdrawal = withdrawEndpoint(this.#context, this.record, false);
    await withTimeout(this.#context.runtime, withdrawTimeoutMs, withdrawal, () => timeout).catch(
      () => undefined,
    );
    if (!this.#isDone()) await this.#stopProcesses(drainTimeoutMs);
  }

  #isDone(): boolean {
    return this.#state === 'over';
  }

  /** Nothing is left to look after. */
  async #removeRecord(): Promise<void> {
    const { names, logger } = this.#context;
    const { name, instance } = this.record;
    this.#handle.release();
    this.#timer?.cancel();
    try {
      await names.launches.remove(name, instance);
    } catch (error) {
      logger.warn(`The record of ${name} (${instance}) stays: ${errorMessage(error)}`);
    }
    if (this.#isDone()) return;
    this.#state = 'over';
    this.#init.onDone();
    this.#settleDone();
  }

  /** It is there after all: finds its process. Where this host cannot, it is left to itself. */
  async #findProcess(): Promise<void> {
    const { processes, runtime, logger } = this.#context;
    const { name, instance } = this.record;
    const pid = await processes.findGroupLeader(instanceMarker(this.record)).catch(() => undefined);
    const identity = pid === undefined ? undefined : processes.identityOf(pid);
    if (this.isStopping) return;
    if (pid === undefined || identity === undefined) {
      logger.info(`${name} (${instance}) runs, and its process is not known; it is left to itself`);
      return this.#removeRecord();
    }
    this.#handle = adoptedProcess(processes, runtime, pid, identity);
    this.#watchExit();
    await recordProcess(this.#context, this.record, pid, identity).catch((error: unknown) =>
      logger.warn(`The process of ${name} (${instance}) cannot be written down: ${errorMessage(error)}`),
    );
  }
}
