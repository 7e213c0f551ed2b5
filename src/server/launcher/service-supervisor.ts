/**
 * Keeps one service: at most one start of it is under way, whoever asks, and everybody who waits learns how it went. A
 * start begins only when nothing of an earlier one is open: processes that are being ended are gone, and a start whose
 * outcome nobody knows has had its time.
 *
 * @see promises C6
 */
import { matches } from '../../core/glob.js';
import { ClerkError, errorMessage } from '../../core/errors.js';
import type { LaunchRule } from '../../protocol/messages.js';
import type { LaunchRecord } from '../ports.js';
import { spawnedProcess, type ProcessHandle } from './process-handle.js';
import { StartBackoff } from './start-backoff.js';
import { Launch } from './launch.js';
import type { Manifest } from './manifest.js';
import { fillTemplates } from './parameters.js';
import { recoverLaunch } from './recover-launch.js';
import { recordProcess } from './process-record.js';
import type { LauncherContext } from './launcher-context.js';
import { createTicketPair, spawnService } from './spawn-service.js';
import { SharedStart, type WaitOptions } from './shared-start.js';

const defaultReadyMs = 10_000;

/** One attempt to have the service run, which may be called off. */
interface StartAttempt {
  cancellation: ClerkError | undefined;
  /** What has come of it. */
  launch: Launch | undefined;
}

/** Starts and ends one service. */
export class ServiceSupervisor {
  readonly name: string;
  readonly #context: LauncherContext;
  readonly #launches = new Set<Launch>();
  readonly #backoff = new StartBackoff();
  #attempt: StartAttempt | undefined;
  #sharedStart: SharedStart<boolean> | undefined;
  readonly #onIdle: () => void;
  #lastLaunchAt = -Infinity;

  /**
   * @param name - canonical
   * @param onIdle - called when nothing would be lost with it any more
   */
  constructor(context: LauncherContext, name: string, onIdle: () => void) {
    this.#context = context;
    this.name = name;
    this.#onIdle = onIdle;
  }

  /** Says so if nothing would be lost with it. */
  removeIfIdle(): void {
    if (this.#launches.size === 0 && this.#sharedStart === undefined && this.#backoff.isEmpty) this.#onIdle();
  }

  /** Whether somebody can be called under the name. */
  hasCallableEndpoint(): boolean {
    try {
      return this.#context.names.resolve(this.name).endpoints.some(({ state }) => state !== 'draining');
    } catch {
      return false;
    }
  }

  /**
   * Has it started, unless it runs.
   *
   * @returns whether this call is the one that started it
   * @throws {@link ClerkError} `START_FAILED`, `FORBIDDEN`, `LIMIT_EXCEEDED`, `DEADLINE_EXCEEDED`, `ABORTED`, `CLERK_CLOSED`
   */
  async launch(rule: LaunchRule, wait: WaitOptions): Promise<boolean> {
    this.#lastLaunchAt = this.#context.runtime.now();
    // Whoever asks may know already that it died, before its parent was told.
    for (const launch of this.#launches) await launch.withdrawIfExited();
    if (this.hasCallableEndpoint()) return false;
    const isFirst = this.#sharedStart === undefined;
    const sharedStart = (this.#sharedStart ??= this.#startShared(rule));
    const started = await sharedStart.join(wait);
    return isFirst && started;
  }

  /** Ends all that runs of it, and a start that is under way; says how many groups. */
  async stop(reason: string): Promise<number> {
    const [attempt, sharedStart] = [this.#attempt, this.#sharedStart];
    if (attempt)
      attempt.cancellation = new ClerkError('START_FAILED', `${this.name} was not started: ${reason}`);
    const stopping = new Set(this.#launches);
    await Promise.all([...stopping].map((launch) => launch.stop(reason)));
    if (attempt === undefined) return stopping.size;
    // What was just being started has either not been, or is being ended by now.
    await sharedStart?.settled;
    if (attempt.launch) stopping.add(attempt.launch);
    await attempt.launch?.done;
    return stopping.size;
  }

  /** What went wrong before is not held against it. */
  resetBackoff(): void {
    this.#backoff.reset();
  }

  /** Takes over what an earlier server has started. */
  async adopt(record: LaunchRecord): Promise<void> {
    const recovered = await recoverLaunch(this.#context, record);
    if (recovered.kind === 'unknowable')
      return this.#context.names.launches.remove(record.name, record.instance);
    const { manifest } = record;
    this.#context.logger.info(
      `${record.name} (${record.instance}), started by an earlier server, is ${recovered.kind}`,
    );
    this.#context.instanceLimit.tryAcquire(manifest, Infinity);
    const isUnconfirmed = recovered.kind !== 'running';
    this.#supervise(
      record,
      recovered.handle,
      this.#context.manifests.get(manifest),
      record.redeemed,
      isUnconfirmed,
    );
  }

  /** Looks after it no more. */
  detach(reason: ClerkError): void {
    if (this.#attempt) this.#attempt.cancellation = reason;
    for (const launch of this.#launches) launch.detach(reason.message);
    this.#sharedStart?.cancel(reason);
  }

  #startShared(rule: LaunchRule): SharedStart<boolean> {
    const attempt: StartAttempt = { cancellation: undefined, launch: undefined };
    this.#attempt = attempt;
    const end = (): void => {
      this.#attempt = this.#sharedStart = undefined;
    };
    return new SharedStart(this.name, this.#start(rule, attempt).finally(end));
  }

  async #start(rule: LaunchRule, attempt: StartAttempt): Promise<boolean> {
    for (const launch of this.#launches) await launch.result;
    if (this.hasCallableEndpoint()) return false;
    this.#throwIfBackingOff();
    const manifest = this.#manifestFor(rule);
    const args = this.#asStartError(() => fillTemplates(manifest.args, manifest.params, rule.params ?? {}));
    for (const launch of this.#launches) if (launch.isStopping) await launch.done;
    const programChange = await this.#context.programChangeReason(manifest);
    if (programChange !== undefined) throw this.#startError(programChange);
    if (this.hasCallableEndpoint()) return false;
    await this.#acquireSlot(rule.manifest, manifest);
    const launch = await this.#spawn(rule.manifest, manifest, args, attempt).catch((error: unknown) => {
      this.#context.instanceLimit.release(rule.manifest);
      throw error;
    });
    const result = await launch.result;
    if (result.kind === 'up') return true;
    this.#throwIfCancelled(attempt);
    throw this.#startError(result.reason);
  }

  /** Takes a slot; where there is none, those end that run under this name and cannot be called. */
  async #acquireSlot(name: string, manifest: Manifest): Promise<void> {
    const { instanceLimit } = this.#context;
    if (instanceLimit.tryAcquire(name, manifest.maxInstances)) return;
    await Promise.all([...this.#launches].map((launch) => launch.stop('nobody could call it')));
    if (instanceLimit.tryAcquire(name, manifest.maxInstances)) return;
    const limit = String(manifest.maxInstances);
    throw this.#startError(`manifest ${name} has ${limit} of ${limit} instances running; stop one of them`);
  }

  async #spawn(
    manifestName: string,
    manifest: Manifest,
    args: readonly string[],
    attempt: StartAttempt,
  ): Promise<Launch> {
    const { names, runtime } = this.#context;
    this.#throwIfCancelled(attempt);
    const tickets = createTicketPair(this.#context);
    const record = await names.launches.recordIntent({
      name: this.name,
      manifest: manifestName,
      instance: `${this.name.slice(this.name.lastIndexOf('/') + 1)}-${runtime.randomHex(8)}`,
      ticketHash: runtime.sha256(tickets.ticket),
      registryKey: tickets.registryKey,
      startedAt: runtime.wallNow(),
    });
    try {
      this.#throwIfCancelled(attempt);
      const process = await spawnService(this.#context, manifest, args, record, tickets);
      const launch = this.#supervise(
        record,
        spawnedProcess(this.#context.processes, process),
        manifest,
        false,
        false,
      );
      attempt.launch = launch;
      if (attempt.cancellation) void launch.stop(attempt.cancellation.message);
      recordProcess(this.#context, record, process.pid, process.identity).catch((error: unknown) =>
        launch.fail(`its start could not be written down: ${errorMessage(error)}`),
      );
      return launch;
    } catch (error) {
      await names.launches.remove(record.name, record.instance).catch(() => undefined);
      if (attempt.cancellation) throw attempt.cancellation;
      this.#backoff.onStartFailed(runtime.now(), errorMessage(error));
      throw this.#startError(errorMessage(error));
    }
  }

  #supervise(
    record: LaunchRecord,
    handle: ProcessHandle,
    manifest: Manifest | undefined,
    isRegistered: boolean,
    isUnconfirmed: boolean,
  ): Launch {
    const { runtime, instanceLimit, lastUsedAt } = this.#context;
    const launch: Launch = new Launch(this.#context, {
      record,
      handle,
      isRegistered,
      readyMs: manifest?.readyMs ?? defaultReadyMs,
      idleStopMs: manifest?.idleStopMs,
      lastUsedAt: () => Math.max(this.#lastLaunchAt, lastUsedAt(this.name) ?? -Infinity),
      onStartFailed: (reason) => {
        if (!isUnconfirmed) this.#backoff.onStartFailed(runtime.now(), reason);
      },
      onExit: (reason, wasWell) => {
        if (wasWell || isUnconfirmed) this.#backoff.reset();
        else this.#backoff.onEarlyExit(runtime.now(), reason);
      },
      onDone: () => {
        this.#launches.delete(launch);
        instanceLimit.release(record.manifest);
        this.removeIfIdle();
      },
    });
    this.#launches.add(launch);
    return launch;
  }

  #manifestFor({ manifest: name }: LaunchRule): Manifest {
    const manifest = this.#context.manifests.get(name);
    if (manifest === undefined) throw this.#startError(`this host has no manifest ${name}`);
    if (!matches(manifest.service, this.name))
      throw new ClerkError(
        'FORBIDDEN',
        `Manifest ${name} starts ${manifest.service.text}, and ${this.name} is not one of them`,
      );
    return manifest;
  }

  #throwIfCancelled({ cancellation }: StartAttempt): void {
    if (cancellation) throw cancellation;
  }

  #throwIfBackingOff(): void {
    const backoff = this.#backoff.remaining(this.#context.runtime.now());
    if (backoff === undefined) return;
    const seconds = (backoff.remainingMs / 1_000).toFixed(1);
    throw new ClerkError(
      'START_FAILED',
      `${this.name} is started again in ${seconds} s at the earliest, since it could not be started: ${backoff.reason}`,
      { remainingMs: backoff.remainingMs },
    );
  }

  #asStartError<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw this.#startError(errorMessage(error));
    }
  }

  #startError(reason: string): ClerkError {
    return new ClerkError('START_FAILED', `${this.name} could not be started: ${reason}`);
  }
}
