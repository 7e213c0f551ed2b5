/**
 * The launcher of one host: has services run that somebody asks for, ends them, and recognises after a restart of the
 * server what was started before it. Services outlive it.
 *
 * @see Tcl-DP T6, T7; promises C6
 */
import { ClerkError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { Processes } from '../../core/processes.js';
import type { LaunchResponse, LaunchRequest, StopResponse, StopRequest } from '../../protocol/messages.js';
import type { Launcher, ServerRuntime } from '../ports.js';
import { ServiceSupervisor } from './service-supervisor.js';
import type { Manifest } from './manifest.js';
import { programChangeReason } from './manifest-files.js';
import type { LauncherNameService, LauncherContext } from './launcher-context.js';
import { InstanceLimit } from './instance-limit.js';

/** What a launcher is opened with. */
export interface LauncherOptions {
  readonly names: LauncherNameService;
  readonly processes: Processes;
  readonly runtime: ServerRuntime;
  /** By name, from `readManifests`. */
  readonly manifests: ReadonlyMap<string, Manifest>;
  /** Addresses at which what is started finds the registry; asked at each start. */
  readonly registryUrls: () => readonly string[];
  readonly logger: Logger;
  /** Folder, of the server alone, for what programs print: one file a name and the one before it. Default: thrown away. */
  readonly logs?: string | undefined;
  /**
   * When a canonical name was last looked up, on the runtime's monotonic clock, in ms; undefined: never. A clerk that
   * holds a binding and watches need not look up again, so a service with `idleStopMs` can be ended while it is used;
   * the next call starts it again. Default: only starts count.
   */
  readonly lastUsedAt?: (name: string) => number | undefined;
  /** Why a manifest's program cannot be run any more, or undefined. Default: looks at the files again. */
  readonly programChangeReason?: (manifest: Manifest) => Promise<string | undefined>;
}

/** Opens the launcher: takes over what is recorded, and waits for nobody. */
export async function openLauncher(options: LauncherOptions): Promise<Launcher> {
  const launcher = new HostLauncher({
    ...options,
    logs: options.logs,
    lastUsedAt: options.lastUsedAt ?? (() => undefined),
    programChangeReason: options.programChangeReason ?? programChangeReason,
    instanceLimit: new InstanceLimit(),
    pendingRegistrations: new Map(),
  });
  await launcher.recover();
  return launcher;
}

class HostLauncher implements Launcher {
  readonly #context: LauncherContext;
  readonly #supervisors = new Map<string, ServiceSupervisor>();
  readonly #unsubscribe: () => void;
  #isClosed = false;

  constructor(context: LauncherContext) {
    this.#context = context;
    // By instance, since a service may have been moved to another name since it was started.
    this.#unsubscribe = context.names.onRegistered((_name, instance) =>
      context.pendingRegistrations.get(instance)?.onRegistered(),
    );
  }

  async recover(): Promise<void> {
    for (const record of this.#context.names.launches.all())
      await this.#supervisorFor(record.name).adopt(record);
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
        throw new ClerkError('START_FAILED', `${canonical} came up and was gone again at once; ask again`);
      return { name: request.name, endpoints, started };
    } finally {
      supervisor.removeIfIdle();
    }
  }

  async stop({ name }: StopRequest): Promise<StopResponse> {
    this.#throwIfClosed();
    const supervisors = this.#supervisorsFor(this.#context.names.launchRule(name).canonical);
    const stopped = await Promise.all(
      supervisors.map((keeper) => keeper.stop('it was stopped by an operator')),
    );
    for (const supervisor of supervisors) supervisor.removeIfIdle();
    return { stopped: stopped.reduce((sum, count) => sum + count, 0) };
  }

  async reset({ name }: StopRequest): Promise<LaunchResponse> {
    this.#throwIfClosed();
    const { canonical, rule } = this.#context.names.launchRule(name);
    if (rule === undefined) throw noLaunchRuleError(canonical);
    await this.stop({ name });
    this.#supervisors.get(canonical)?.resetBackoff();
    return this.launch({ name }, undefined);
  }

  hasManifest(manifest: string): boolean {
    return this.#context.manifests.has(manifest);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unsubscribe();
    for (const supervisor of this.#supervisors.values()) supervisor.detach(closedError());
  }

  #supervisorFor(name: string): ServiceSupervisor {
    const existing = this.#supervisors.get(name);
    if (existing !== undefined) return existing;
    const supervisor = new ServiceSupervisor(this.#context, name, () => {
      if (this.#supervisors.get(name) === supervisor) this.#supervisors.delete(name);
    });
    this.#supervisors.set(name, supervisor);
    return supervisor;
  }

  /** Those that started what is now found under a name. */
  #supervisorsFor(canonical: string): readonly ServiceSupervisor[] {
    return [...this.#supervisors.values()].filter(({ name }) => {
      try {
        return name === canonical || this.#context.names.launchRule(name).canonical === canonical;
      } catch {
        return false;
      }
    });
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw closedError();
  }
}

function noLaunchRuleError(name: string): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `${name} has no rule to start it by; give it one with clerk define ${name} --launch MANIFEST`,
  );
}

function closedError(): ClerkError {
  return new ClerkError('CLERK_CLOSED', 'The server is being closed');
}
