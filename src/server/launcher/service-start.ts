import { ClerkError, errorMessage, isClerkError } from '../../core/errors.js';
import type { StartBackoff } from '../../core/start-backoff.js';
import type { LaunchRule } from '../../protocol/naming-messages.js';
import type { LaunchRecord } from '../ports.js';
import type { DeadEndpoints } from './dead-endpoints.js';
import type { Launch } from './launch.js';
import type { LauncherContext } from './launcher-context.js';
import { manifestVersion, type Manifest } from './manifest.js';
import { spawnedProcess, type ProcessHandle } from './process-handle.js';
import { recordProcess } from './process-record.js';
import type { ServiceEndpoints } from './service-endpoints.js';
import { spawnService } from './spawn-service.js';
import { startError, type StartPreparation } from './start-preparation.js';

/** The parts of a supervisor that its starts use. */
export interface SupervisedService {
  readonly name: string;
  readonly context: LauncherContext;
  readonly launches: ReadonlySet<Launch>;
  readonly endpoints: ServiceEndpoints;
  readonly dead: DeadEndpoints;
  readonly preparation: StartPreparation;
  readonly backoff: StartBackoff;
  /** Starts the supervision of a process that was just spawned. */
  readonly supervise: (record: LaunchRecord, handle: ProcessHandle, manifest: Manifest) => Launch;
}

/**
 * One start of a service. Waits first until each earlier launch has registered or failed, and until each stopped
 * launch has ended.
 */
export class ServiceStart {
  readonly #service: SupervisedService;
  readonly #rule: LaunchRule;
  readonly #isBeside: boolean;
  #cancellation: ClerkError | undefined;
  #launch: Launch | undefined;

  /** @param isBeside - whether to start an instance even if the service has a callable endpoint */
  constructor(service: SupervisedService, rule: LaunchRule, isBeside: boolean) {
    this.#service = service;
    this.#rule = rule;
    this.#isBeside = isBeside;
  }

  /** The launch of this start; undefined until the process is spawned. */
  get launch(): Launch | undefined {
    return this.#launch;
  }

  /** Prevents this start from spawning a process. {@link ServiceStart.run} rejects with `reason`. */
  cancel(reason: ClerkError): void {
    this.#cancellation = reason;
  }

  /**
   * Resolves with true if this call started an instance, and with false if the service already has a callable
   * endpoint.
   */
  async run(): Promise<boolean> {
    const { name, context, launches, endpoints, dead, preparation } = this.#service;
    const rule = this.#rule;
    const isBeside = this.#isBeside;
    const check = (): void => this.#throwIfCancelled();
    for (const launch of launches) await launch.result;
    if (!isBeside) await endpoints.untilStarted(check);
    if (!isBeside && endpoints.hasCallable()) return false;
    this.#throwIfBackingOff();
    const manifest = preparation.manifestFor(rule);
    const args = preparation.argumentsOf(manifest, rule);
    for (const launch of launches) if (launch.isStopping) await launch.done;
    await preparation.checkProgram(manifest, args);
    if (!isBeside && endpoints.hasCallable()) return false;
    await this.#acquireSlot(manifest);
    const launch = await this.#spawn(manifest, args).catch((error: unknown) => {
      context.instanceLimit.release(rule.manifest);
      throw error;
    });
    if (launch === undefined) {
      context.instanceLimit.release(rule.manifest);
      await endpoints.untilStartedElsewhere(check);
      return this.run();
    }
    const result = await launch.result;
    if (result.kind !== 'up') {
      this.#throwIfCancelled();
      throw startError(name, result.reason, result.remainingMs);
    }
    await dead.fence();
    return true;
  }

  /**
   * Reserves one of the `maxInstances` instances of the manifest. At the limit, first stops the other launches of the
   * service, because none of them is callable.
   */
  async #acquireSlot(manifest: Manifest): Promise<void> {
    const { name, context, launches } = this.#service;
    const { manifest: manifestName } = this.#rule;
    const { instanceLimit } = context;
    if (instanceLimit.tryAcquire(manifestName, manifest.maxInstances)) return;
    const useless = this.#isBeside ? [] : [...launches];
    await Promise.all(
      useless.map((launch) =>
        launch.stop('the launch was stopped, because the service had no callable endpoint'),
      ),
    );
    if (instanceLimit.tryAcquire(manifestName, manifest.maxInstances)) return;
    throw startError(
      name,
      `manifest ${manifestName} has reached its limit of ${manifest.maxInstances} running instances; stop an instance, or raise maxInstances in the manifest`,
    );
  }

  /** Resolves with undefined when another server of the registry starts the service. */
  async #spawn(manifest: Manifest, args: readonly string[]): Promise<Launch | undefined> {
    const { name, context, endpoints, dead, backoff, supervise } = this.#service;
    const { names, runtime, registryPin } = context;
    this.#throwIfCancelled();
    const tickets = { ticket: runtime.randomHex(32), registryKey: registryPin?.() ?? runtime.randomHex(32) };
    const replaces = dead.seen;
    const intent = {
      name,
      manifest: this.#rule.manifest,
      instance: `${name.slice(name.lastIndexOf('/') + 1)}-${runtime.randomHex(8)}`,
      ticketHash: runtime.sha256(tickets.ticket),
      registryKey: tickets.registryKey,
      manifestVersion: manifestVersion(manifest, runtime),
      startedAt: runtime.wallNow(),
      ...(replaces.length > 0 && { replaces }),
    };
    const conditions = { isBeside: this.#isBeside, deadIds: dead.idsAmong(endpoints.list()) };
    const record = await names.launches.recordIntent(intent, conditions).catch((error: unknown) => {
      if (!isClerkError(error) || error.code !== 'REGISTRY_UNREACHABLE') throw error;
      throw startError(name, error.message, error.remainingMs);
    });
    if (record === undefined) return undefined;
    try {
      this.#throwIfCancelled();
      const process = await spawnService(context, manifest, args, record, tickets);
      const launch = supervise(record, spawnedProcess(context.processes, process), manifest);
      this.#launch = launch;
      if (this.#cancellation) void launch.stop(this.#cancellation.message);
      recordProcess(context, record, process.pid, process.identity).catch((error: unknown) =>
        launch.fail(`the server could not record the process: ${errorMessage(error)}`),
      );
      return launch;
    } catch (error) {
      await names.launches.remove(record.name, record.instance).catch(() => undefined);
      if (this.#cancellation) throw this.#cancellation;
      backoff.onStartFailed(runtime.now(), errorMessage(error));
      throw startError(name, errorMessage(error));
    }
  }

  #throwIfCancelled(): void {
    if (this.#cancellation) throw this.#cancellation;
  }

  #throwIfBackingOff(): void {
    const { name, context, backoff } = this.#service;
    const remaining = backoff.remaining(context.runtime.now());
    if (remaining === undefined) return;
    const seconds = (remaining.remainingMs / 1_000).toFixed(1);
    throw new ClerkError(
      'START_FAILED',
      `${name} can be started again in ${seconds} s (start backoff); the last start failed: ${remaining.reason}`,
      { remainingMs: remaining.remainingMs },
    );
  }
}
