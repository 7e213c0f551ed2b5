/**
 * The launcher of one host: has services run that somebody asks for, ends them, and recognises after a restart of the
 * server what was started before it. Services outlive it.
 *
 * @see Tcl-DP T6, T7; promises C6
 */
import { ClerkError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { Processes } from '../../core/processes.js';
import type { LaunchReply, LaunchRequest, StopReply, StopRequest } from '../../wire/messages.js';
import type { Launcher, ServerRuntime } from '../ports.js';
import { Keeper } from './keeper.js';
import type { Manifest } from './manifest.js';
import { programChange } from './manifest-files.js';
import type { LauncherNames, Site } from './site.js';
import { Slots } from './slots.js';

/** What a launcher is opened with. */
export interface LauncherOptions {
  readonly names: LauncherNames;
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
  readonly programChange?: (manifest: Manifest) => Promise<string | undefined>;
}

/** Opens the launcher: takes over what is recorded, and waits for nobody. */
export async function openLauncher(options: LauncherOptions): Promise<Launcher> {
  const launcher = new HostLauncher({
    ...options,
    logs: options.logs,
    lastUsedAt: options.lastUsedAt ?? (() => undefined),
    programChange: options.programChange ?? programChange,
    slots: new Slots(),
    awaited: new Map(),
  });
  await launcher.recover();
  return launcher;
}

class HostLauncher implements Launcher {
  readonly #site: Site;
  readonly #keepers = new Map<string, Keeper>();
  readonly #deafen: () => void;
  #isClosed = false;

  constructor(site: Site) {
    this.#site = site;
    // By instance, since a service may have been moved to another name since it was started.
    this.#deafen = site.names.onRegistered((_name, instance) => site.awaited.get(instance)?.registered());
  }

  async recover(): Promise<void> {
    for (const record of this.#site.names.launches.all()) await this.#keeperOf(record.name).adopt(record);
  }

  async launch(request: LaunchRequest, signal: AbortSignal | undefined): Promise<LaunchReply> {
    this.#throwIfClosed();
    const { names, runtime } = this.#site;
    const { canonical, rule } = names.launchRule(request.name);
    const keeper = this.#keeperOf(canonical);
    try {
      if (rule === undefined && !keeper.isCallable()) throw withoutRule(canonical);
      const started =
        rule !== undefined && (await keeper.launch(rule, { clock: runtime, waitMs: request.waitMs, signal }));
      const { endpoints } = names.resolve(request.name);
      if (!endpoints.some(({ state }) => state !== 'draining'))
        throw new ClerkError('START_FAILED', `${canonical} came up and was gone again at once; ask again`);
      return { name: request.name, endpoints, started };
    } finally {
      keeper.tidy();
    }
  }

  async stop({ name }: StopRequest): Promise<StopReply> {
    this.#throwIfClosed();
    const keepers = this.#keepersUnder(this.#site.names.launchRule(name).canonical);
    const stopped = await Promise.all(keepers.map((keeper) => keeper.stop('it was stopped by an operator')));
    for (const keeper of keepers) keeper.tidy();
    return { stopped: stopped.reduce((sum, count) => sum + count, 0) };
  }

  async reset({ name }: StopRequest): Promise<LaunchReply> {
    this.#throwIfClosed();
    const { canonical, rule } = this.#site.names.launchRule(name);
    if (rule === undefined) throw withoutRule(canonical);
    await this.stop({ name });
    this.#keepers.get(canonical)?.forgive();
    return this.launch({ name }, undefined);
  }

  knows(manifest: string): boolean {
    return this.#site.manifests.has(manifest);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#deafen();
    for (const keeper of this.#keepers.values()) keeper.release(closed());
  }

  #keeperOf(name: string): Keeper {
    const known = this.#keepers.get(name);
    if (known !== undefined) return known;
    const keeper = new Keeper(this.#site, name, () => {
      if (this.#keepers.get(name) === keeper) this.#keepers.delete(name);
    });
    this.#keepers.set(name, keeper);
    return keeper;
  }

  /** Those that started what is now found under a name. */
  #keepersUnder(canonical: string): readonly Keeper[] {
    return [...this.#keepers.values()].filter(({ name }) => {
      try {
        return name === canonical || this.#site.names.launchRule(name).canonical === canonical;
      } catch {
        return false;
      }
    });
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw closed();
  }
}

function withoutRule(name: string): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `${name} has no rule to start it by; give it one with clerk define ${name} --launch MANIFEST`,
  );
}

function closed(): ClerkError {
  return new ClerkError('CLOSED', 'The server is being closed');
}
