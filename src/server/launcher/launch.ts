import { sleep, withTimeout, type Timer } from '../../core/clock.js';
import { errorMessage } from '../../core/errors.js';
import type { ProcessExit, TerminationSignal } from '../../core/processes.js';
import { limits } from '../../protocol/limits.js';
import type { LaunchRecord } from '../ports.js';
import type { ProcessHandle } from './process-handle.js';
import { stopProcesses, instanceMarker, withdrawEndpoint } from './stop-processes.js';
import { IdleStop } from './idle-stop.js';
import { describeExit, describeLogTail } from './exit-reason.js';
import { currentRecord } from './process-record.js';
import { findLaunched } from './recover-launch.js';
import { launchedProcessFault } from './service-fault.js';
import type { PendingRegistration, LauncherContext } from './launcher-context.js';

/** A process that exits within this time after its registration, in ms, counts as failed. */
const stableAfterMs = 10_000;
/** Time between SIGTERM and SIGKILL for a registered service, in ms. */
const drainTimeoutMs = 6_500;
/** Time between SIGTERM and SIGKILL for a process that has not registered, in ms. */
const stopTimeoutMs = 2_000;
/**
 * Time between SIGTERM and SIGKILL for the children of an exited process, in ms. The next start waits for the end of
 * the children, so the time is short.
 */
const orphanTimeoutMs = 500;
/** Longest wait, in ms, for the withdrawal of the endpoint to be saved. Then SIGTERM is sent. */
const withdrawTimeoutMs = 1_000;
/**
 * Time between SIGTERM and the removal of a drained endpoint, in ms. The process still has an endpoint when it begins
 * its own drain.
 */
const earlySignalMs = 500;

type LaunchResult =
  { readonly kind: 'up' } | { readonly kind: 'failed' | 'stopped'; readonly reason: string };

interface LaunchInit {
  readonly record: LaunchRecord;
  readonly handle: ProcessHandle;
  readonly isRegistered: boolean;
  readonly readyMs: number;
  readonly idleStopMs: number | undefined;
  readonly drainMs: number;
  /** Returns the time of the last launch request of the service, in ms on the monotonic clock. */
  readonly lastLaunchAt: () => number;
  readonly onStartFailed: (reason: string) => void;
  /**
   * Called when the process of a registered service exits although no caller requested a stop. `wasStable` is true if
   * the registration was at least 10 s ago.
   */
  readonly onExit: (reason: string, wasStable: boolean) => void;
  /** Called when all processes have ended and the launch record is removed. */
  readonly onDone: () => void;
}

/**
 * One launch of a service, from the start until all its processes have ended. A stop withdraws the endpoint, ends the
 * process group, and then removes the launch record. The record is removed last, because a restarted server finds the
 * processes through the record.
 */
export class Launch implements PendingRegistration {
  readonly #context: LauncherContext;
  readonly #init: LaunchInit;
  /** Never rejects. */
  readonly result: Promise<LaunchResult>;
  /**
   * Resolves when all processes have ended and the launch record is removed, or after {@link detach}. Never rejects.
   */
  readonly done: Promise<void>;
  #handle: ProcessHandle;
  #state: 'starting' | 'up' | 'stopping' | 'done';
  #registeredAt: number;
  #timer: Timer | undefined;
  #settleResult!: (result: LaunchResult) => void;
  #settleDone!: () => void;
  #inspection: Promise<boolean> | undefined;
  #idleStop: IdleStop | undefined;
  /** Undefined unless {@link drain} was called. */
  #drainPhase: 'endpoint' | 'process' | undefined;

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

  get isUp(): boolean {
    return this.#state === 'up';
  }

  get isStopping(): boolean {
    return this.#state === 'stopping' || this.#state === 'done';
  }

  /** Called when an instance registers. The registration counts only after the ticket of the launch was redeemed. */
  onRegistered(): void {
    if (this.#state !== 'starting' || currentRecord(this.#context, this.record)?.redeemed !== true) return;
    this.#state = 'up';
    this.#registeredAt = this.#context.runtime.now();
    this.#markUp();
    if (this.#handle.pid === undefined) void this.#findProcess();
  }

  /**
   * Checks whether the service can still serve. If the process has exited, withdraws the endpoint. If the process is
   * stopped or does not respond at its addresses, ends the process. Concurrent callers share one check. Never
   * rejects.
   *
   * @returns whether the process had ended or was ended
   * @see [C6.4](../../../docs/guarantees.md#c6-4)
   */
  inspect(): Promise<boolean> {
    this.#inspection ??= this.#inspect().finally(() => (this.#inspection = undefined));
    return this.#inspection;
  }

  /** Fails a start in progress, and stops its process. Has no effect after the registration of the service. */
  fail(reason: string): void {
    if (this.#state !== 'starting') return;
    this.#init.onStartFailed(reason);
    this.#settleResult({ kind: 'failed', reason });
    void this.#stopProcesses(stopTimeoutMs);
  }

  /**
   * Ends the process after its calls. The endpoint drains until no client uses it. The process then gets SIGTERM, and
   * SIGKILL after `drainMs`. Resolves when {@link done} resolves.
   *
   * @see [C6.6](../../../docs/guarantees.md#c6-6)
   */
  drain(reason: string): Promise<void> {
    if (this.#state !== 'up') return this.stop(reason);
    this.#drainPhase = 'endpoint';
    void this.#stopUp(this.#init.drainMs);
    return this.done;
  }

  /** Stops the launch. Resolves when {@link done} resolves. */
  stop(reason: string): Promise<void> {
    this.#settleResult({ kind: 'stopped', reason });
    if (this.#state === 'up') void this.#stopUp(drainTimeoutMs);
    else if (this.#state === 'starting') void this.#stopProcesses(stopTimeoutMs);
    return this.done;
  }

  /**
   * Ends the supervision. A running process continues, and a process that is being stopped is killed. A draining
   * process gets SIGTERM and continues to drain.
   */
  detach(reason: string): void {
    this.#settleResult({ kind: 'stopped', reason });
    this.#timer?.cancel();
    this.#idleStop?.close();
    this.#handle.release();
    if (this.#state === 'stopping' && this.#drainPhase !== 'process')
      void this.#signal(this.#drainPhase === undefined ? 'SIGKILL' : 'SIGTERM');
    this.#state = 'done';
    this.#settleDone();
  }

  #awaitRegistration(readyMs: number): void {
    this.#context.pendingRegistrations.set(this.record.instance, this);
    const seconds = (readyMs / 1_000).toFixed(1);
    this.#setTimer(readyMs, () =>
      this.fail(`the service did not register within ${seconds} s and was stopped`),
    );
  }

  #markUp(): void {
    this.#settleResult({ kind: 'up' });
    this.#timer?.cancel();
    const { idleStopMs, lastLaunchAt } = this.#init;
    if (idleStopMs === undefined) return;
    const { runtime: clock, logger, names, idleStops } = this.#context;
    const { name, instance } = this.record;
    this.#idleStop = new IdleStop({
      clock,
      idleStopMs,
      leaseMs: leaseOf(names, this.record),
      lastLaunchAt,
      onIdle: () => {
        logger.info(`Draining ${name} (${instance}), which was not called for ${idleStopMs} ms`);
        void this.drain('the service was idle');
      },
      onUncounted: () =>
        logger.warn(
          `${name} (${instance}) does not report its calls, so it is never stopped for being idle; pass its server to advertise(), or remove idleStopMs from the manifest`,
        ),
    });
    idleStops.set(instance, this.#idleStop);
  }

  #signal(signal: TerminationSignal): Promise<void> {
    return this.#context.processes.signal(this.#handle.processGroup, instanceMarker(this.record), signal);
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
    const reason = `the process ${describeExit(exit)}`;
    if (this.#state === 'starting') {
      this.fail(`${reason} before the service registered${await this.#logTail()}`);
      return;
    }
    // The children are stopped at once, without a wait for the withdrawal of the endpoint.
    void withdrawEndpoint(this.#context, this.record, true);
    if (this.#state === 'stopping') return;
    const { name, instance } = this.record;
    this.#context.logger.warn(`Service ${name} (${instance}) ended without a request to stop: ${reason}`);
    this.#init.onExit(reason, this.#context.runtime.now() - this.#registeredAt >= stableAfterMs);
    await this.#stopProcesses(orphanTimeoutMs);
  }

  async #inspect(): Promise<boolean> {
    const { processes, runtime, logger } = this.#context;
    if (this.#state !== 'up') return this.#inspectDraining();
    if (this.#handle.hasExited()) {
      await withdrawEndpoint(this.#context, this.record, true);
      return true;
    }
    const { addresses = [] } = currentRecord(this.#context, this.record) ?? this.record;
    const fault = await launchedProcessFault({ processes, clock: runtime }, this.#handle.pid, addresses);
    if (fault === undefined || this.isStopping || this.#handle.hasExited()) return false;
    const { name, instance } = this.record;
    logger.warn(`Ending the process of ${name} (${instance}), which ${fault}`);
    this.#init.onExit(`the process ${fault}`, runtime.now() - this.#registeredAt >= stableAfterMs);
    const stopping = this.#stopProcesses(0);
    await withdrawEndpoint(this.#context, this.record, true);
    await stopping;
    return true;
  }

  /** Kills a draining process that a signal such as SIGSTOP has stopped. */
  async #inspectDraining(): Promise<boolean> {
    const { processes, runtime, logger } = this.#context;
    if (this.#drainPhase === undefined || this.#isDone()) return false;
    const fault = await launchedProcessFault({ processes, clock: runtime }, this.#handle.pid, []);
    if (fault === undefined || this.#isDone()) return false;
    const { name, instance } = this.record;
    logger.warn(`Ending the draining process of ${name} (${instance}), which ${fault}`);
    await this.#signal('SIGKILL');
    return true;
  }

  async #logTail(): Promise<string> {
    return describeLogTail(await this.#handle.logTail());
  }

  async #stopProcesses(timeoutMs: number): Promise<void> {
    this.#state = 'stopping';
    this.#timer?.cancel();
    this.#idleStop?.close();
    const { record } = this;
    const stopped = await stopProcesses(
      this.#context,
      this.#handle.processGroup,
      instanceMarker(record),
      timeoutMs,
      () => this.#isDone(),
    );
    if (this.#isDone()) return;
    if (!stopped)
      this.#context.logger.error(`Some processes of ${record.name} (${record.instance}) survived SIGKILL`);
    await withdrawEndpoint(this.#context, record, true);
    await this.#removeRecord();
  }

  /** Withdraws the endpoint of a registered service, then ends its processes. */
  async #stopUp(graceMs: number): Promise<void> {
    this.#state = 'stopping';
    const { runtime } = this.#context;
    const timeout = new Error('The withdrawal timed out');
    const withdrawal = withdrawEndpoint(this.#context, this.record, false);
    const usedForMs = await withTimeout(runtime, withdrawTimeoutMs, withdrawal, () => timeout).catch(() => 0);
    if (this.#drainPhase !== undefined && usedForMs > earlySignalMs)
      await Promise.race([sleep(runtime, usedForMs - earlySignalMs, false), this.#handle.exited]);
    if (this.#isDone()) return;
    if (this.#drainPhase !== undefined) this.#drainPhase = 'process';
    await this.#stopProcesses(graceMs);
  }

  #isDone(): boolean {
    return this.#state === 'done';
  }

  async #removeRecord(): Promise<void> {
    const { names, logger } = this.#context;
    const { name, instance } = this.record;
    this.#handle.release();
    this.#timer?.cancel();
    this.#context.idleStops.delete(instance);
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

  /**
   * Finds the process of a recovered launch whose service has registered. Ends the supervision if no process is
   * found.
   */
  async #findProcess(): Promise<void> {
    const { logger } = this.#context;
    const { name, instance } = this.record;
    const handle = await findLaunched(this.#context, this.record).catch(() => undefined);
    if (this.isStopping) return;
    if (handle === undefined) {
      logger.info(
        `Service ${name} (${instance}) is registered, but its process was not found; the server no longer supervises this instance`,
      );
      return this.#removeRecord();
    }
    this.#handle = handle;
    this.#watchExit();
  }
}

/** Returns the lease of the endpoint of a launch, in ms. */
function leaseOf(names: LauncherContext['names'], { name, instance }: LaunchRecord): number {
  try {
    return names.resolve(name).endpoints.find(({ id }) => id === instance)?.leaseMs ?? limits.defaultLeaseMs;
  } catch {
    return limits.defaultLeaseMs;
  }
}
