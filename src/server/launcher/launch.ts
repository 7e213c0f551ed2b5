import { sleep, withTimeout, type Timer } from '../../core/clock.js';
import { errorMessage, type ClerkError } from '../../core/errors.js';
import type { ProcessExit, TerminationSignal } from '../../core/processes.js';
import { limits } from '../../protocol/limits.js';
import type { LaunchRecord } from '../ports.js';
import type { ProcessHandle } from './process-handle.js';
import { stopProcesses, instanceMarker, withdrawEndpoint } from './stop-processes.js';
import { IdleStop } from './idle-stop.js';
import { describeExit, describeLogTail } from './exit-reason.js';
import { currentRecord } from './process-record.js';
import { findLaunched } from './recover-launch.js';
import { launchedProcessFault } from './liveness-check.js';
import type { PendingRegistration, LauncherContext } from './launcher-context.js';

/** Time after the registration within which an exit counts as a failed start, in ms. */
const stableAfterMs = 10_000;
/** Time from SIGTERM to SIGKILL for a registered service, in ms. */
const drainTimeoutMs = 6_500;
/** Time from SIGTERM to SIGKILL for a process that has not registered, in ms. */
const stopTimeoutMs = 2_000;
/** Time from SIGTERM to SIGKILL for the children of an exited process, in ms. The next start waits for their end. */
const orphanTimeoutMs = 500;
/** Maximum time for saving the withdrawal of the endpoint before SIGTERM is sent, in ms. */
const withdrawTimeoutMs = 1_000;
/**
 * SIGTERM is sent this long before a drained endpoint is removed, in ms, so that the process can start its own drain.
 */
const earlySignalMs = 500;

type LaunchResult =
  | { readonly kind: 'up' }
  | {
      readonly kind: 'failed' | 'stopped';
      readonly reason: string;
      /** Time until a new start can succeed, in ms, if known. */
      readonly remainingMs?: number | undefined;
    };

interface LaunchInit {
  readonly record: LaunchRecord;
  readonly handle: ProcessHandle;
  readonly isRegistered: boolean;
  readonly readyMs: number;
  readonly idleStopMs: number | undefined;
  readonly drainMs: number;
  readonly lastLaunchAt: () => number;
  readonly onStartFailed: (reason: string) => void;
  /**
   * Called when the process of a registered service exits, or is killed because of a fault. `wasStable`: the
   * registration was at least 10 s ago.
   */
  readonly onExit: (reason: string, wasStable: boolean) => void;
  readonly onDone: () => void;
}

/**
 * One launch of a service, from its start to the end of all its processes. The launch record is removed last, because
 * a restarted server finds the processes through it.
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

  get isStarting(): boolean {
    return this.#state === 'starting';
  }

  get isStopping(): boolean {
    return this.#state === 'stopping' || this.#state === 'done';
  }

  /**
   * Called when an instance that accepts connections registers. Has no effect before the ticket of the launch is
   * redeemed, because the id alone proves nothing.
   */
  onRegistered(): void {
    if (this.#state !== 'starting' || currentRecord(this.#context, this.record)?.redeemed !== true) return;
    this.#state = 'up';
    this.#registeredAt = this.#context.runtime.now();
    this.#markUp();
    if (this.#handle.pid === undefined) void this.#findProcess();
  }

  /**
   * Checks whether the process can still accept calls. Withdraws the endpoint of an exited process. Kills a process
   * that is paused or does not respond. Concurrent callers share one check. Never rejects.
   *
   * @returns whether the process has exited or was killed
   * @see [C6.4](../../../docs/guarantees.md#c6-4)
   */
  inspect(): Promise<boolean> {
    this.#inspection ??= this.#inspect().finally(() => (this.#inspection = undefined));
    return this.#inspection;
  }

  /** Ends a start whose registration cannot be saved, because a restarted server could not find its process. */
  onStoreFailed({ message, remainingMs }: ClerkError): void {
    if (this.#state !== 'starting') return;
    this.#settleResult({ kind: 'failed', reason: message, remainingMs });
    void this.#stopProcesses(stopTimeoutMs);
  }

  fail(reason: string): void {
    if (this.#state !== 'starting') return;
    this.#init.onStartFailed(reason);
    this.#settleResult({ kind: 'failed', reason });
    void this.#stopProcesses(stopTimeoutMs);
  }

  /**
   * Stops the process after its running calls. The endpoint drains until no client uses it. The process then gets
   * SIGTERM, and `drainMs` later SIGKILL. Resolves when {@link done} resolves.
   *
   * @see [C6.6](../../../docs/guarantees.md#c6-6)
   */
  drain(reason: string): Promise<void> {
    if (this.#state !== 'up') return this.stop(reason);
    this.#drainPhase = 'endpoint';
    void this.#stopUp(this.#init.drainMs);
    return this.done;
  }

  stop(reason: string): Promise<void> {
    this.#settleResult({ kind: 'stopped', reason });
    if (this.#state === 'up') void this.#stopUp(drainTimeoutMs);
    else if (this.#state === 'starting') void this.#stopProcesses(stopTimeoutMs);
    return this.done;
  }

  /**
   * Ends the supervision. A running process continues. A process that is being stopped is killed. A draining process
   * gets SIGTERM and continues to drain.
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
    this.#setTimer(readyMs, () => {
      const fault =
        currentRecord(this.#context, this.record)?.redeemed === true ? 'accept a connection' : 'register';
      this.fail(`the service did not ${fault} within ${seconds} s and was stopped`);
    });
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
          `${name} (${instance}) does not report its calls, so it is never stopped for being idle; pass the server of the service to advertise(), or remove idleStopMs from the manifest`,
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
    // Does not wait for the withdrawal, so that the children are stopped at once.
    void withdrawEndpoint(this.#context, this.record, true);
    if (this.#state === 'stopping') return;
    const { name, instance } = this.record;
    this.#context.logger.warn(`Service ${name} (${instance}) ended without a request to stop: ${reason}`);
    this.#init.onExit(reason, this.#context.runtime.now() - this.#registeredAt >= stableAfterMs);
    await this.#stopProcesses(orphanTimeoutMs);
  }

  async #inspect(): Promise<boolean> {
    if (this.#isDone()) return false;
    const wasUp = this.#state === 'up';
    const wasEnded =
      !this.#handle.hasExited() && (await (wasUp ? this.#endFaulty() : this.#inspectDraining()));
    if (wasEnded || !this.#handle.hasExited()) return wasEnded;
    // Waits until the withdrawal is saved, because `onExit` only starts it.
    await withdrawEndpoint(this.#context, this.record, true);
    return wasUp;
  }

  async #endFaulty(): Promise<boolean> {
    const { processes, runtime, logger } = this.#context;
    const { addresses: stated = [], hostId } = currentRecord(this.#context, this.record) ?? this.record;
    const own = runtime.hostId();
    // In another network namespace, an address such as 127.0.0.1 belongs to a different listener.
    const isElsewhere = hostId !== undefined && own !== undefined && hostId !== own;
    // The addresses of a starting process are not checked, because it may not listen yet.
    const addresses = isElsewhere || this.#isStarting() ? [] : stated;
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
      this.#context.logger.error(
        `Some processes of ${record.name} (${record.instance}) still run after SIGKILL; check them with ps`,
      );
    await withdrawEndpoint(this.#context, record, true);
    await this.#removeRecord();
  }

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

  #isStarting(): boolean {
    const { name, instance } = this.record;
    try {
      return this.#context.names.resolve(name).starting?.some(({ id }) => id === instance) === true;
    } catch {
      return false;
    }
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
   * Finds the process of a launch that was recovered after a restart. Ends the supervision if there is no such
   * process.
   */
  async #findProcess(): Promise<void> {
    const { logger } = this.#context;
    const { name, instance } = this.record;
    const handle = await findLaunched(this.#context, this.record).catch(() => undefined);
    if (this.isStopping) return;
    if (handle === undefined) {
      logger.info(
        `Service ${name} (${instance}) is registered, but its process was not found on this host; the launcher no longer supervises this instance`,
      );
      return this.#removeRecord();
    }
    this.#handle = handle;
    this.#watchExit();
  }
}

function leaseOf(names: LauncherContext['names'], { name, instance }: LaunchRecord): number {
  try {
    return names.resolve(name).endpoints.find(({ id }) => id === instance)?.leaseMs ?? limits.defaultLeaseMs;
  } catch {
    return limits.defaultLeaseMs;
  }
}
