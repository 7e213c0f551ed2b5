import { ClerkError, errorMessage } from '../../core/errors.js';
import { StartBackoff } from '../../core/start-backoff.js';
import type { LaunchRule } from '../../protocol/naming-messages.js';
import type { LaunchRecord } from '../ports.js';
import type { ProcessHandle } from './process-handle.js';
import { DeadEndpoints } from './dead-endpoints.js';
import { StartPreparation } from './start-preparation.js';
import { Launch } from './launch.js';
import { LogSizeMonitor } from './log-size-monitor.js';
import { defaultDrainMs, defaultLogLimits, type Manifest } from './manifest.js';
import { recoverLaunch } from './recover-launch.js';
import type { LauncherContext } from './launcher-context.js';
import { replaceOneByOne, type ReplaceableService } from './rolling-replacement.js';
import { ServiceEndpoints } from './service-endpoints.js';
import { ServiceStart } from './service-start.js';
import { SharedStart, type WaitOptions } from './shared-start.js';

/** Maximum time until a recovered launch registers if its manifest no longer exists, in ms. */
const defaultReadyMs = 10_000;

/** Minimum time between two checks that client reports cause, in ms. */
const minReportedLookMs = 1_000;

/**
 * Starts and stops one service. Concurrent callers share one start.
 *
 * @see [C6](../../../docs/guarantees.md#c6)
 */
export class ServiceSupervisor implements ReplaceableService {
  readonly name: string;
  readonly #context: LauncherContext;
  readonly #launches = new Set<Launch>();
  readonly #backoff = new StartBackoff();
  #start: ServiceStart | undefined;
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
  readonly #endpoints: ServiceEndpoints;
  readonly #logLimiter: LogSizeMonitor;

  /** @param onIdle - called when the supervisor has no launch, no request, no running start and no recorded failure */
  constructor(context: LauncherContext, name: string, onIdle: () => void) {
    this.#context = context;
    this.name = name;
    this.#onIdle = onIdle;
    this.#preparation = new StartPreparation(name, context);
    this.#dead = new DeadEndpoints(name, context);
    this.#endpoints = new ServiceEndpoints(name, context, this.#dead);
    this.#logLimiter = new LogSizeMonitor(context, name);
  }

  /** Whether the supervisor has no launch, no request and no running start. It may have a recorded failure. */
  get isIdle(): boolean {
    return (
      this.#launches.size === 0 &&
      this.#requests === 0 &&
      this.#sharedStart === undefined &&
      this.#replacement === undefined
    );
  }

  removeIfIdle(): void {
    if (this.isIdle && this.#backoff.isEmpty) this.#onIdle();
  }

  /** Whether the service has an endpoint that does not drain and was not found dead. */
  hasCallableEndpoint(): boolean {
    return this.#endpoints.hasCallable();
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
    // Checks the endpoints first, because a caller can notice a dead process before the registry does.
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
   * Called when a client reports an instance unreachable. Kills a process that does not respond. Starts the service
   * again if it has no other callable endpoint.
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

  /**
   * Counts the running requests, so that this supervisor stays until they end. A second supervisor would start the
   * service again.
   */
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
    const [start, sharedStart] = [this.#start, this.#sharedStart];
    start?.cancel(new ClerkError('START_FAILED', `${this.name} was not started: ${reason}`));
    const stopping = new Set(this.#launches);
    await Promise.all([...stopping].map((launch) => launch.stop(reason)));
    if (start === undefined) return stopping.size;
    // The start may have spawned a process before the cancellation. This process must end too.
    await sharedStart?.settled;
    if (start.launch) stopping.add(start.launch);
    await start.launch?.done;
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
      `Recovered launch ${record.instance} of ${record.name}, which an earlier server started; process state: ${recovered.kind}`,
    );
    this.#context.instanceLimit.tryAcquire(manifest, Infinity);
    const isUnconfirmed = recovered.kind !== 'running';
    const launch = this.#supervise(
      record,
      recovered.handle,
      this.#context.manifests.get(manifest),
      record.redeemed,
      isUnconfirmed,
    );
    const { replaces = [] } = record;
    if (replaces.length > 0)
      void launch.result.then(({ kind }) => (kind === 'up' ? this.#dead.fence(replaces) : undefined));
  }

  /**
   * Ends the supervision. Running processes continue. Callers that wait for a start get the error `reason`. Without
   * stored launch records, a restarted server cannot find a process that has not registered, so such a process is
   * stopped first.
   */
  async detach(reason: ClerkError): Promise<void> {
    const { isDurable } = this.#context;
    const [start, sharedStart] = [this.#start, this.#sharedStart];
    start?.cancel(reason);
    sharedStart?.cancel(reason);
    const starting = isDurable ? [] : [...this.#launches].filter(({ isStarting }) => isStarting);
    const stopped = starting.map((launch) => launch.stop(reason.message));
    for (const launch of this.#launches) if (!starting.includes(launch)) launch.detach(reason.message);
    this.#logLimiter.stop();
    await Promise.all(stopped);
    if (isDurable || start === undefined) return;
    // The start may have spawned a process before the cancellation. This process must end too.
    await sharedStart?.settled;
    await start.launch?.done;
  }

  /** @param isBeside - whether to start an instance even if the service has a callable endpoint */
  #startShared(rule: LaunchRule, isBeside = false): SharedStart<boolean> {
    const start = new ServiceStart(
      {
        name: this.name,
        context: this.#context,
        launches: this.#launches,
        endpoints: this.#endpoints,
        dead: this.#dead,
        preparation: this.#preparation,
        backoff: this.#backoff,
        supervise: (record, handle, manifest) => this.#supervise(record, handle, manifest, false, false),
      },
      rule,
      isBeside,
    );
    this.#start = start;
    const end = (): void => {
      this.#start = this.#sharedStart = undefined;
    };
    return new SharedStart(this.name, start.run().finally(end));
  }

  #inspect(): Promise<void> {
    const inspect = async (): Promise<void> => {
      const launched = new Set([...this.#launches].map(({ record }) => record.instance));
      const others = this.#endpoints.list().filter(({ id }) => !launched.has(id));
      await Promise.all([
        ...[...this.#launches].map((launch) => launch.inspect()),
        this.#dead.inspect(others),
      ]);
    };
    this.#inspection ??= inspect().finally(() => (this.#inspection = undefined));
    return this.#inspection;
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
      // During a replacement, no instance counts as idle, because clients call a new instance only after their next
      // lookup.
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
}
