import { ClerkError } from '../../core/errors.js';
import { Quotas } from '../../core/quotas.js';
import type {
  LaunchResponse,
  LaunchRequest,
  ResetRequest,
  StopResponse,
  StopRequest,
} from '../../protocol/launch-messages.js';
import type { LaunchRule } from '../../protocol/naming-messages.js';
import type { OutdatedInstance } from '../../protocol/status-messages.js';
import type { Launcher, LaunchRecord } from '../ports.js';
import { OutdatedLaunches } from './outdated-launches.js';
import { ServiceSupervisor } from './service-supervisor.js';
import { programChangeReason } from './manifest-files.js';
import { defaultPath } from './spawn-service.js';
import { checkService } from './start-preparation.js';
import { startProblem } from './start-problem.js';
import type { LauncherContext } from './launcher-context.js';

/**
 * Number of supervisors that are checked when a new one is added, so that supervisors of removed services do not
 * accumulate.
 */
const looksPerSupervisor = 2;

export interface LauncherOptions extends Pick<
  LauncherContext,
  'names' | 'processes' | 'runtime' | 'manifests' | 'readManifest' | 'registryUrls' | 'registryPin' | 'logger'
> {
  readonly logs?: string | undefined;
  /** Default true. */
  readonly isDurable?: boolean;
  /** Default: checks the program file, its folders, its interpreter and its working folder again. */
  readonly programChangeReason?: LauncherContext['programChangeReason'];
}

/**
 * Opens the launcher of this host. It also supervises the processes that an earlier server has launched.
 *
 * @see [T6](../../../docs/background.md#t6), [T7](../../../docs/background.md#t7)
 * @see [C6](../../../docs/guarantees.md#c6)
 */
export async function openLauncher(options: LauncherOptions): Promise<Launcher> {
  const launcher = new HostLauncher({
    ...options,
    logs: options.logs,
    isDurable: options.isDurable ?? true,
    programChangeReason:
      options.programChangeReason ??
      (async (manifest, args) => {
        const passedPath = manifest.env.includes('PATH') ? options.processes.env('PATH') : undefined;
        return (
          (await programChangeReason(manifest, args)) ?? startProblem(manifest, passedPath ?? defaultPath)
        );
      }),
    instanceLimit: new Quotas(),
    pendingRegistrations: new Map(),
    idleStops: new Map(),
  });
  await launcher.recover();
  if (options.processes.isInit)
    options.logger.warn(
      'This server has the process id 1. Node does not reap orphaned processes, so children of an ended service remain as zombies; run the container with --init, or start the server with an init program such as tini',
    );
  return launcher;
}

class HostLauncher implements Launcher {
  readonly #context: LauncherContext;
  readonly #supervisors = new Map<string, ServiceSupervisor>();
  readonly #unsubscribe: readonly (() => void)[];
  readonly #outdated: OutdatedLaunches;
  #isClosed = false;

  constructor(context: LauncherContext) {
    this.#context = context;
    this.#outdated = new OutdatedLaunches(context, () => this.#runningRecords());
    // The launch is found by instance id, because the service can move to another name after the start.
    this.#unsubscribe = [
      context.names.onRegistered((_name, instance) =>
        context.pendingRegistrations.get(instance)?.onRegistered(),
      ),
      context.names.onUnreachable((instance) => {
        for (const supervisor of this.#supervisors.values()) void supervisor.onUnreachable(instance);
      }),
      context.names.onStoreFailed((failure) => {
        for (const pending of context.pendingRegistrations.values()) pending.onStoreFailed(failure);
      }),
      context.names.onActivity((instance, activity) => context.idleStops.get(instance)?.onActivity(activity)),
    ];
  }

  async recover(): Promise<void> {
    for (const record of this.#context.names.launches.all())
      await this.#supervisorFor(record.name).adopt(record);
    this.#outdated.start();
  }

  async launch(request: LaunchRequest, signal: AbortSignal | undefined): Promise<LaunchResponse> {
    this.#throwIfClosed();
    const { names, runtime } = this.#context;
    const { canonical, rule } = names.launchRule(request.name);
    const supervisor = this.#supervisorFor(canonical);
    try {
      if (rule === undefined && !supervisor.hasCallableEndpoint()) throw noLaunchRuleError(canonical);
      const started =
        rule !== undefined &&
        (await supervisor.launch(rule, { clock: runtime, waitMs: request.waitMs, signal }));
      const { endpoints } = names.resolve(request.name);
      if (!endpoints.some(({ state }) => state !== 'draining'))
        throw new ClerkError(
          'START_FAILED',
          `${canonical} had a callable endpoint, which ended or began to drain before the response; read the log of the service, and start the service again`,
        );
      return { name: request.name, endpoints, started };
    } finally {
      supervisor.removeIfIdle();
    }
  }

  async stop({ name }: StopRequest): Promise<StopResponse> {
    this.#throwIfClosed();
    const supervisors = this.#supervisorsFor(this.#context.names.launchRule(name).canonical);
    const stopped = await Promise.all(
      supervisors.map((keeper) => keeper.stop('an operator stopped the service')),
    );
    for (const supervisor of supervisors) supervisor.removeIfIdle();
    return { stopped: stopped.reduce((sum, count) => sum + count, 0) };
  }

  async reset({ name, rolling = false }: ResetRequest, signal?: AbortSignal): Promise<LaunchResponse> {
    this.#throwIfClosed();
    const { canonical, rule } = this.#context.names.launchRule(name);
    if (rule === undefined) throw noLaunchRuleError(canonical);
    await this.#readManifest(rule.manifest);
    if (!rolling) {
      await this.stop({ name });
      this.#supervisors.get(canonical)?.resetBackoff();
      return this.launch({ name }, signal);
    }
    const supervisor = this.#supervisorFor(canonical);
    try {
      await supervisor.replaceAll(rule, () =>
        this.#supervisorsFor(canonical).flatMap(({ running }) => running),
      );
      const response = await this.launch({ name }, signal);
      return { ...response, started: true };
    } finally {
      void this.#outdated.check();
      supervisor.removeIfIdle();
    }
  }

  outdated(): readonly OutdatedInstance[] {
    return this.#outdated.list;
  }

  checkRule(name: string, { manifest }: LaunchRule): void {
    const { manifests, names } = this.#context;
    const known = manifests.get(manifest);
    if (known !== undefined) checkService(known, manifest, names.canonicalOf(name) ?? name, names);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#outdated.stop();
    await Promise.all([...this.#supervisors.values()].map((supervisor) => supervisor.detach(closedError())));
  }

  async #readManifest(name: string): Promise<void> {
    const { manifests, readManifest } = this.#context;
    if (readManifest !== undefined && manifests.has(name)) manifests.set(name, await readManifest(name));
  }

  #runningRecords(): readonly LaunchRecord[] {
    return [...this.#supervisors.values()].flatMap(({ running }) => running.map(({ record }) => record));
  }

  #supervisorFor(name: string): ServiceSupervisor {
    const existing = this.#supervisors.get(name);
    if (existing !== undefined) return existing;
    this.#dropRemoved();
    const supervisor = new ServiceSupervisor(this.#context, name, () => {
      if (this.#supervisors.get(name) === supervisor) this.#supervisors.delete(name);
    });
    this.#supervisors.set(name, supervisor);
    return supervisor;
  }

  /** Returns all supervisors of a service. A service that was moved can also have one under its old name. */
  #supervisorsFor(canonical: string): readonly ServiceSupervisor[] {
    return [...this.#supervisors.values()].filter(
      ({ name }) => name === canonical || this.#serviceAt(name) === canonical,
    );
  }

  /**
   * Removes supervisors of removed services. Other idle supervisors stay, because they store the failed starts of
   * their service.
   */
  #dropRemoved(): void {
    let looks = 0;
    for (const [name, supervisor] of this.#supervisors) {
      if (looks++ === looksPerSupervisor) return;
      // A supervisor that stays moves to the end, and is checked again after all others.
      this.#supervisors.delete(name);
      if (!supervisor.isIdle || this.#serviceAt(name) !== undefined) this.#supervisors.set(name, supervisor);
    }
  }

  #serviceAt(name: string): string | undefined {
    try {
      return this.#context.names.launchRule(name).canonical;
    } catch {
      return undefined;
    }
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw closedError();
  }
}

function noLaunchRuleError(name: string): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `${name} has no launch rule; set a launch rule with clerk define ${name} --launch MANIFEST`,
  );
}

function closedError(): ClerkError {
  return new ClerkError(
    'CLERK_CLOSED',
    'The server is shutting down and starts no more services; use another server, or retry later',
  );
}
