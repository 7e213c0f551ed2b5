import { sleep } from '../../core/clock.js';
import { ClerkError, errorMessage, isClerkError } from '../../core/errors.js';
import type { EndpointMessage } from '../../protocol/lookup-messages.js';
import type { LaunchRule } from '../../protocol/naming-messages.js';
import type { LaunchRecord } from '../ports.js';
import { spawnedProcess, type ProcessHandle } from './process-handle.js';
import { DeadEndpoints } from './dead-endpoints.js';
import { StartBackoff } from './start-backoff.js';
import { startError, StartPreparation } from './start-preparation.js';
import { Launch } from './launch.js';
import { LogLimiter } from './log-limiter.js';
import { defaultDrainMs, defaultLogLimits, manifestVersion, type Manifest } from './manifest.js';
import { recoverLaunch } from './recover-launch.js';
import { recordProcess } from './process-record.js';
import type { LauncherContext } from './launcher-context.js';
import { replaceOneByOne, type ReplaceableService } from './rolling-replacement.js';
import { spawnService } from './spawn-service.js';
import { SharedStart, type WaitOptions } from './shared-start.js';

/** A recovered launch without a manifest must register within this time. */
const defaultReadyMs = 10_000;

/** Minimum time between two checks that reports of clients cause. */
const minReportedLookMs = 1_000;

/** Interval between two checks whether a starting endpoint is up, in ms. */
const startingPollMs = 50;

interface StartAttempt {
  cancellation: ClerkError | undefined;
  launch: Launch | undefined;
}

/**
 * Starts and stops one service. Concurrent callers share one start. A start waits until every earlier launch has
 * registered or failed, and until all stopped launches have ended.
 *
 * @see [C6](../../../docs/guarantees.md#c6)
 */
export class ServiceSupervisor implements ReplaceableService {
  readonly name: string;
  readonly #context: LauncherContext;
  readonly #launches = new Set<Launch>();
  readonly #backoff = new StartBackoff();
  #attempt: StartAttempt | undefined;
  #replacement: Promise<void> | undefined;
  #sharedStart: SharedStart<boolean> | undefined;
  readonly #onIdle: () => void;
  /** Number of requests that may start the service. */
  #requests = 0;
  #lastLaunchAt = -Infinity;
  #nextReportedLookAt = -Infinity;
  #inspection: Promise<void> | undefined;
  readonly #preparation: StartPreparation;
  readonly #dead: DeadEndpoints;
  readonly #logLimiter: LogLimiter;

  /** @param onIdle - called when the supervisor has no launch, no request, no start in progress and no recorded failure */
  constructor(context: LauncherContext, name: string, onIdle: () => void) {
    this.#context = context;
    this.name = name;
    this.#onIdle = onIdle;
    this.#preparation = new StartPreparation(name, context);
    this.#dead = new DeadEndpoints(name, context);
    this.#logLimiter = new LogLimiter(context, name);
  }

  removeIfIdle(): void {
    if (
      this.#launches.size === 0 &&
      this.#requests === 0 &&
      this.#sharedStart === undefined &&
      this.#replacement === undefined &&
      this.#backoff.isEmpty
    )
      this.#onIdle();
  }

  /** Whether the service has an endpoint that does not drain and was not found dead. */
  hasCallableEndpoint(): boolean {
    return this.#endpoints().some((endpoint) => !this.#dead.has(endpoint));
  }

  /** Whether an endpoint has registered and does not accept connections yet. */
  #hasStartingEndpoint(): boolean {
    try {
      return this.#context.names.resolve(this.name).starting !== undefined;
    } catch {
      return false;
    }
  }

  #endpoints(): readonly EndpointMessage[] {
    try {
      return this.#context.names.resolve(this.name).endpoints.filter(({ state }) => state !== 'draining');
    } catch {
      return [];
    }
  }

  /**
   * Starts the service and waits for its registration. Does nothing if the service has a callable endpoint.
   *
   * @returns whether this call started the service
   * @throws {@link ClerkError} `START_FAILED`, `FORBIDDEN`, `LIMIT_EXCEEDED`, `DEADLINE_EXCEEDED`, `ABORTED`,
   *   `CLERK_CLOSED`
   */
  launch(rule: LaunchRule, wait: WaitOptions): Promise<boolean> {
    return this.#track(() => this.#launch(rule, wait));
  }

  async #launch(rule: LaunchRule, wait: WaitOptions): Promise<boolean> {
    this.#lastLaunchAt = this.#context.runtime.now();
    // A caller can notice a dead process before the server does, so the server checks the endpoints first.
    const requestedAt = this.#context.runtime.now();
    if (this.#sharedStart === undefined) await this.#inspect();
    if (this.hasCallableEndpoint()) return false;
    const isFirst = this.#sharedStart === undefined;
    const sharedStart = (this.#sharedStart ??= this.#startShared(rule));
    const inspectedMs = this.#context.runtime.now() - requestedAt;
    const waitMs = wait.waitMs === undefined ? undefined : Math.max(0, wait.waitMs - inspectedMs);
    const started = await sharedStart.join({ ...wait, waitMs });
    return isFirst && started;
  }

  /**
   * Called when a client reports an instance unreachable. Ends a process that cannot serve. Starts the service again
   * if it has no other endpoint.
   */
  onUnreachable(instance: string): Promise<void> {
    return this.#track(() => this.#onUnreachable(instance));
  }

  async #onUnreachable(instance: string): Promise<void> {
    const { runtime, names, logger } = this.#context;
    const launch = [...this.#launches].find(({ record }) => record.instance === instance);
    if (launch === undefined || runtime.now() < this.#nextReportedLookAt) return;
    this.#nextReportedLookAt = runtime.now() + minReportedLookMs;
    if (!(await launch.inspect()) || this.hasCallableEndpoint()) return;
    try {
      const { rule } = names.launchRule(this.name);
      if (rule !== undefined)
        await this.launch(rule, { clock: runtime, waitMs: undefined, signal: undefined });
    } catch (error) {
      logger.warn(`${this.name} was not started again: ${errorMessage(error)}`);
    }
  }

  /** Another supervisor of the service would start it a second time, so this one stays until the request has ended. */
  async #track<T>(request: () => Promise<T>): Promise<T> {
    this.#requests++;
    try {
      return await request();
    } finally {
      this.#requests--;
      this.removeIfIdle();
    }
  }

  async stop(reason: string): Promise<number> {
    const [attempt, sharedStart] = [this.#attempt, this.#sharedStart];
    if (attempt)
      attempt.cancellation = new ClerkError('START_FAILED', `${this.name} was not started: ${reason}`);
    const stopping = new Set(this.#launches);
    await Promise.all([...stopping].map((launch) => launch.stop(reason)));
    if (attempt === undefined) return stopping.size;
    // The start may have created a launch before it settled.
    await sharedStart?.settled;
    if (attempt.launch) stopping.add(attempt.launch);
    await attempt.launch?.done;
    return stopping.size;
  }

  get running(): readonly Launch[] {
    return [...this.#launches].filter(({ isUp }) => isUp);
  }

  replaceAll(rule: LaunchRule, running: () => readonly Launch[]): Promise<void> {
    const replace = async (): Promise<void> => {
      await this.#sharedStart?.settled;
      this.resetBackoff();
      await replaceOneByOne(this, this.#context, rule, running());
    };
    this.#replacement ??= replace().finally(() => (this.#replacement = undefined));
    return this.#replacement;
  }

  checkStart(rule: LaunchRule): Promise<Manifest> {
    return this.#preparation.check(rule);
  }

  async startBeside(rule: LaunchRule): Promise<void> {
    while (this.#sharedStart !== undefined) await this.#sharedStart.settled;
    this.#sharedStart = this.#startShared(rule, true);
    await this.#sharedStart.join({ clock: this.#context.runtime, waitMs: undefined, signal: undefined });
  }

  async startAlone(rule: LaunchRule): Promise<void> {
    await this.launch(rule, { clock: this.#context.runtime, waitMs: undefined, signal: undefined });
  }

  resetBackoff(): void {
    this.#backoff.reset();
  }

  async adopt(record: LaunchRecord): Promise<void> {
    const recovered = await recoverLaunch(this.#context, record);
    if (recovered.kind === 'unidentifiable')
      return this.#context.names.launches.remove(record.name, record.instance);
    const { manifest } = record;
    this.#context.logger.info(
      `Recovered launch ${record.instance} of ${record.name} from an earlier server; state: ${recovered.kind}`,
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

  /**
   * Ends the supervision. Running processes continue. Callers that wait for a start get the error `reason`. Without a
   * durable store, no later server knows of a process that has not registered, so that process is ended first.
   */
  async detach(reason: ClerkError): Promise<void> {
    const { isDurable } = this.#context;
    const [attempt, sharedStart] = [this.#attempt, this.#sharedStart];
    if (attempt) attempt.cancellation = reason;
    sharedStart?.cancel(reason);
    const starting = isDurable ? [] : [...this.#launches].filter(({ isStarting }) => isStarting);
    const stopped = starting.map((launch) => launch.stop(reason.message));
    for (const launch of this.#launches) if (!starting.includes(launch)) launch.detach(reason.message);
    this.#logLimiter.stop();
    await Promise.all(stopped);
    if (isDurable || attempt === undefined) return;
    // The program may have been spawned meanwhile.
    await sharedStart?.settled;
    await attempt.launch?.done;
  }

  /** @param isBeside - whether the service may have a callable endpoint */
  #startShared(rule: LaunchRule, isBeside = false): SharedStart<boolean> {
    const attempt: StartAttempt = { cancellation: undefined, launch: undefined };
    this.#attempt = attempt;
    const end = (): void => {
      this.#attempt = this.#sharedStart = undefined;
    };
    return new SharedStart(this.name, this.#start(rule, attempt, isBeside).finally(end));
  }

  async #start(rule: LaunchRule, attempt: StartAttempt, isBeside: boolean): Promise<boolean> {
    for (const launch of this.#launches) await launch.result;
    if (!isBeside) await this.#untilStarted(attempt);
    if (!isBeside && this.hasCallableEndpoint()) return false;
    this.#throwIfBackingOff();
    const manifest = this.#preparation.manifestFor(rule);
    const args = this.#preparation.argumentsOf(manifest, rule);
    for (const launch of this.#launches) if (launch.isStopping) await launch.done;
    await this.#preparation.checkProgram(manifest, args);
    if (!isBeside && this.hasCallableEndpoint()) return false;
    await this.#acquireSlot(rule.manifest, manifest, isBeside);
    const launch = await this.#spawn(rule.manifest, manifest, args, attempt).catch((error: unknown) => {
      this.#context.instanceLimit.release(rule.manifest);
      throw error;
    });
    const result = await launch.result;
    if (result.kind !== 'up') {
      this.#throwIfCancelled(attempt);
      throw startError(this.name, result.reason, result.remainingMs);
    }
    await this.#dead.fence();
    return true;
  }

  /** Waits while the service has a starting endpoint and no callable endpoint. */
  async #untilStarted(attempt: StartAttempt): Promise<void> {
    while (!this.hasCallableEndpoint() && this.#hasStartingEndpoint()) {
      await sleep(this.#context.runtime, startingPollMs, false);
      this.#throwIfCancelled(attempt);
    }
  }

  #inspect(): Promise<void> {
    const inspect = async (): Promise<void> => {
      const launched = new Set([...this.#launches].map(({ record }) => record.instance));
      const others = this.#endpoints().filter(({ id }) => !launched.has(id));
      await Promise.all([
        ...[...this.#launches].map((launch) => launch.inspect()),
        this.#dead.inspect(others),
      ]);
    };
    this.#inspection ??= inspect().finally(() => (this.#inspection = undefined));
    return this.#inspection;
  }

  /**
   * Reserves one of the `maxInstances` instances of the manifest. At the limit, first stops the other launches of the
   * service, because the service has no callable endpoint.
   */
  async #acquireSlot(name: string, manifest: Manifest, isBeside: boolean): Promise<void> {
    const { instanceLimit } = this.#context;
    if (instanceLimit.tryAcquire(name, manifest.maxInstances)) return;
    const useless = isBeside ? [] : [...this.#launches];
    await Promise.all(
      useless.map((launch) =>
        launch.stop('the launch was stopped, because the service had no callable endpoint'),
      ),
    );
    if (instanceLimit.tryAcquire(name, manifest.maxInstances)) return;
    throw startError(
      this.name,
      `manifest ${name} has reached its limit of ${manifest.maxInstances} running instances; stop an instance, or raise maxInstances in the manifest`,
    );
  }

  async #spawn(
    manifestName: string,
    manifest: Manifest,
    args: readonly string[],
    attempt: StartAttempt,
  ): Promise<Launch> {
    const { names, runtime, registryPin } = this.#context;
    this.#throwIfCancelled(attempt);
    const tickets = { ticket: runtime.randomHex(32), registryKey: registryPin?.() ?? runtime.randomHex(32) };
    const recording = names.launches.recordIntent({
      name: this.name,
      manifest: manifestName,
      instance: `${this.name.slice(this.name.lastIndexOf('/') + 1)}-${runtime.randomHex(8)}`,
      ticketHash: runtime.sha256(tickets.ticket),
      registryKey: tickets.registryKey,
      manifestVersion: manifestVersion(manifest, runtime),
      startedAt: runtime.wallNow(),
    });
    const record = await recording.catch((error: unknown) => {
      if (!isClerkError(error) || error.code !== 'REGISTRY_UNREACHABLE') throw error;
      throw startError(this.name, error.message, error.remainingMs);
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
        launch.fail(`the server could not record the process: ${errorMessage(error)}`),
      );
      return launch;
    } catch (error) {
      await names.launches.remove(record.name, record.instance).catch(() => undefined);
      if (attempt.cancellation) throw attempt.cancellation;
      this.#backoff.onStartFailed(runtime.now(), errorMessage(error));
      throw startError(this.name, errorMessage(error));
    }
  }

  #supervise(
    record: LaunchRecord,
    handle: ProcessHandle,
    manifest: Manifest | undefined,
    isRegistered: boolean,
    isUnconfirmed: boolean,
  ): Launch {
    const { runtime, instanceLimit } = this.#context;
    const launch: Launch = new Launch(this.#context, {
      record,
      handle,
      isRegistered,
      readyMs: manifest?.readyMs ?? defaultReadyMs,
      idleStopMs: manifest?.idleStopMs,
      drainMs: manifest?.drainMs ?? defaultDrainMs,
      // Clients call a new instance only when they have looked the service up again.
      lastLaunchAt: () => (this.#replacement === undefined ? this.#lastLaunchAt : runtime.now()),
      onStartFailed: (reason) => {
        if (!isUnconfirmed) this.#backoff.onStartFailed(runtime.now(), reason);
      },
      onExit: (reason, wasStable) => {
        if (wasStable || isUnconfirmed) this.#backoff.reset();
        else this.#backoff.onEarlyExit(runtime.now(), reason);
      },
      onDone: () => {
        this.#launches.delete(launch);
        if (this.#launches.size === 0) this.#logLimiter.stop();
        instanceLimit.release(record.manifest);
        this.removeIfIdle();
      },
    });
    this.#launches.add(launch);
    this.#logLimiter.start(manifest ?? defaultLogLimits);
    return launch;
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
      `${this.name} can be started again in ${seconds} s (start backoff); the last start failed: ${backoff.reason}`,
      { remainingMs: backoff.remainingMs },
    );
  }
}
