import { ClerkError } from '../../../src/core/errors.js';
import { openLauncher, type LauncherOptions } from '../../../src/server/launcher/launcher.js';
import { parseManifest, type Manifest } from '../../../src/server/launcher/manifest.js';
import { openNameServer } from '../../../src/server/naming/open-name-server.js';
import type { WatchBacklog } from '../../../src/server/http/watch-backlog.js';
import type { Caller, Launcher, NameService } from '../../../src/server/ports.js';
import { limits } from '../../../src/protocol/limits.js';
import type { LaunchRequest, ResetRequest, StopRequest } from '../../../src/protocol/launch-messages.js';
import type { ResolveResponse } from '../../../src/protocol/lookup-messages.js';
import type {
  ChangeResponse,
  DefineRequest,
  LinkRequest,
  MoveRequest,
  RemoveRequest,
} from '../../../src/protocol/naming-messages.js';
import type {
  RegisterRequest,
  RenewRequest,
  ReportRequest,
  WithdrawRequest,
} from '../../../src/protocol/registration-messages.js';
import type { WatchEditRequest } from '../../../src/protocol/watch-messages.js';
import { paths } from '../../../src/protocol/paths.js';
import type { RegistryRequest } from '../../../src/registry-client/connection.js';
import type { AuditRun, SimulatedAudit } from './simulated-audit.js';
import type { SimulatedDisk } from './simulated-disk.js';
import type { ServerChecker } from './server-checker.js';
import type { SimulatedProcess } from './simulated-process.js';
import type { ServerScenario } from '../scenario.js';
import type { LaunchChecker } from './launch-checker.js';
import type { LaunchedProcesses } from './launched-processes.js';

/** The server from one start to its end. */
export interface ServerInstance {
  readonly process: SimulatedProcess;
  readonly names: NameService;
  readonly streams: Map<string, WatchBacklog>;
  respond(question: RegistryRequest, who: string, gone: AbortSignal): Promise<unknown>;
}

export interface SimulatedServerOptions {
  readonly disk: SimulatedDisk;
  readonly checker: ServerChecker;
  readonly processes: LaunchedProcesses;
  readonly launches: LaunchChecker;
  readonly manifest: ServerScenario['manifest'];
  /** Undefined for a server that records nothing. */
  readonly audit: SimulatedAudit | undefined;
  readonly createProcess: () => SimulatedProcess;
  readonly now: () => number;
  readonly log: (line: string) => void;
  /** A server instance has ended, and its connections are reset. */
  readonly onDeath: (life: ServerInstance) => void;
  readonly violate: (clause: string, what: string) => void;
}

/** The only manifest of the host. */
export const manifestName = 'worker';
/**
 * The bundled server on a simulated disk, with simulated processes and a simulated network. It is killed, paused and restarted;
 * each instance starts from the disk alone.
 */
export class SimulatedServer {
  readonly #options: SimulatedServerOptions;
  readonly #manifest: Manifest;
  #process: SimulatedProcess | undefined;
  #instance: ServerInstance | undefined;
  #launcher: Launcher | undefined;
  #audit: AuditRun | undefined;
  #stoppedFrom = 0;
  /** Whether a copied folder counts as the original. */
  adopts = false;

  constructor(options: SimulatedServerOptions) {
    this.#options = options;
    this.#manifest = createManifest(options.manifest);
  }

  /** Undefined while the server does not respond. */
  get instance(): ServerInstance | undefined {
    return this.#instance;
  }

  get process(): SimulatedProcess | undefined {
    return this.#process;
  }

  start(): void {
    if (this.#process !== undefined) return;
    const { disk, audit, createProcess } = this.#options;
    const process = createProcess();
    this.#process = process;
    this.#options.log('the server is started');
    this.#open(process).catch((error: unknown) => {
      // It cannot start without its disk.
      this.#options.log(`the server does not start: ${String(error)}`);
      if (this.#process !== process) return;
      this.kill();
      // The write that failed had begun before the disk was repaired.
      if (/EIO|ENOSPC/.test(String(error)) && !disk.isFailing && audit?.folder.isFailing !== true)
        this.start();
    });
  }

  kill(): void {
    const { log, disk, onDeath } = this.#options;
    const life = this.#instance;
    if (this.#process === undefined) return;
    log('the server is killed');
    if (this.#process.isStopped) this.#options.checker.leases.outage(this.#stoppedFrom, true);
    this.#process.kill();
    disk.crash();
    this.#options.audit?.folder.crash();
    this.#process = this.#instance = this.#launcher = this.#audit = undefined;
    this.#options.checker.leases.down();
    if (life !== undefined) onDeath(life);
  }

  stop(): void {
    if (this.#process?.isStopped === false) this.#stoppedFrom = this.#options.now();
    this.#process?.stop();
  }

  resume(): void {
    const process = this.#process;
    if (process?.isStopped !== true) return;
    process.resume();
    if (!process.isStopped) this.#options.checker.leases.outage(this.#stoppedFrom, true);
  }

  /** Shuts down; the disk is kept. */
  async close(): Promise<void> {
    const life = this.#instance;
    if (life === undefined) return;
    await this.#launcher?.close();
    for (const stream of life.streams.values()) stream.close();
    await life.names.close();
    await this.#audit?.close();
    this.#instance = this.#process = undefined;
    this.#options.onDeath(life);
  }

  async #open(process: SimulatedProcess): Promise<void> {
    const { disk, checker } = this.#options;
    const audit = this.#options.audit?.begin(process);
    const names = await openNameServer(disk.open(process), process, {
      version: '1.0.0',
      isStartable: (name) => name === manifestName,
      adopt: this.adopts,
      onOwnChange: (change) => audit?.onOwnChange(change),
    });
    checker.opened(names.search('/**', {}));
    await audit?.open(names);
    this.#audit = audit;
    const launcher = await this.#openLauncher(process, {
      launchRule: (name) => names.launchRule(name),
      formerNames: (name) => names.formerNames(name),
      canonicalOf: (name) => names.canonicalOf(name),
      resolve: (name) => names.resolve(name),
      onRegistered: (listener) => names.onRegistered(listener),
      onUnreachable: (listener) => names.onUnreachable(listener),
      onActivity: (listener) => names.onActivity(listener),
      onStoreFailed: (listener) => names.onStoreFailed(listener),
      isSuspect: (name, id) => names.isSuspect(name, id),
      launches: names.launches,
      withdraw: (request) => this.#withdraw(names, request),
    });
    this.#launcher = launcher;
    const streams = new Map<string, WatchBacklog>();
    const answer: ServerInstance['respond'] = (question, who, gone) => {
      const operate = (): Promise<unknown> =>
        this.#respond({ names, launcher, streams }, question, who, gone);
      return audit === undefined ? operate() : audit.respond(question, who, operate);
    };
    this.#instance = { process, names, streams, respond: answer };
  }

  /**
   * Opens a second registry on a copy of the data, whose operator stops a service, and closes it.
   *
   * @see [C6.7](../../../docs/guarantees.md#c6-7)
   */
  async openCopy(serviceName: string): Promise<void> {
    const { disk, processes, createProcess, violate } = this.#options;
    const process = createProcess();
    const store = disk.openCopy();
    const names = await openNameServer(store, process, { version: '1.0.0' });
    if (names.status().incarnation === this.#instance?.names.status().incarnation)
      violate('C6.7', 'a registry on a copied folder has the incarnation of the original');
    const launcher = await this.#openLauncher(process, names, processes.of(process, {}));
    const { stopped } = await launcher.stop({ name: serviceName });
    if (stopped > 0)
      violate('C6.7', `a registry on a copied folder stops ${stopped} processes of the original`);
    await launcher.close();
    await names.close();
    await store.close();
    process.kill();
  }

  #openLauncher(
    process: SimulatedProcess,
    names: LauncherOptions['names'],
    processes = this.#options.processes.of(process),
  ): Promise<Launcher> {
    const { launches } = this.#options;
    const logger = {
      debug: ignoreLog,
      info: (line: string) => launches.logged(line),
      warn: ignoreLog,
      error: ignoreLog,
    };
    return openLauncher({
      names,
      processes,
      runtime: process,
      manifests: new Map([[manifestName, this.#manifest]]),
      registryUrls: () => ['http://registry'],
      logger,
      programChangeReason: async () => undefined,
    });
  }

  /** A withdrawal by a service, or by the launcher for an ended process. */
  async #withdraw(names: NameService, request: WithdrawRequest, caller?: Caller): Promise<ChangeResponse> {
    const { checker } = this.#options;
    checker.requested({ withdraw: request });
    const response = await names.withdraw(request, caller);
    checker.withdrawn(request);
    return response;
  }

  async #respond(
    { names, launcher, streams }: Pick<ServerInstance, 'names' | 'streams'> & { readonly launcher: Launcher },
    { path, query, body }: RegistryRequest,
    who: string,
    gone: AbortSignal,
  ): Promise<unknown> {
    const { checker, launches } = this.#options;
    switch (path) {
      case paths.resolve: {
        const name = query?.['name'] ?? '';
        const text = names.resolveJson(name);
        const response = text === undefined ? undefined : (JSON.parse(text) as ResolveResponse);
        checker.resolved(name, response);
        return response ?? names.resolve(name);
      }
      case paths.register: {
        const request = body as RegisterRequest;
        const holder = checker.holderOf(request);
        const response = await names.register(request, { principal: `host:${who}` });
        checker.registered(request, response);
        if (holder !== undefined) checker.replaced(request, holder);
        return response;
      }
      case paths.renew: {
        for (const { id, activity } of (body as RenewRequest).renewals)
          if (activity !== undefined) launches.reported(id, activity);
        const response = names.renew(body as RenewRequest);
        checker.renewed(body as RenewRequest, response);
        return response;
      }
      case paths.report:
        names.report(body as ReportRequest, { principal: `host:${who}` });
        return {};
      case paths.withdraw:
        return this.#withdraw(names, body as WithdrawRequest, { principal: `host:${who}` });
      case paths.define: {
        const response = await names.define(body as DefineRequest);
        checker.changed((body as DefineRequest).name);
        return response;
      }
      case paths.link: {
        const response = await names.link(body as LinkRequest);
        checker.changed((body as LinkRequest).name);
        return response;
      }
      case paths.move: {
        const response = await names.move(body as MoveRequest);
        checker.changed((body as MoveRequest).from);
        return response;
      }
      case paths.remove: {
        const request = body as RemoveRequest;
        if (request.force === true) checker.requested({ force: request.name });
        try {
          const response = await names.remove(request);
          checker.changed(request.name);
          return response;
        } finally {
          checker.forced(request.name);
        }
      }
      case paths.launch:
        launches.startRequested();
        return launcher.launch(body as LaunchRequest, gone);
      case paths.reset:
        return launcher.reset(body as ResetRequest, gone);
      case paths.stop:
        return launcher.stop(body as StopRequest);
      case paths.watchEdit: {
        const { watch, add = [], remove = [] } = body as WatchEditRequest;
        const stream = streams.get(watch);
        if (stream === undefined) throw new ClerkError('CLERK_CLOSED', `Watch ${watch} is not open here`);
        stream.edit(add, remove);
        return {};
      }
      case paths.list:
        return names.list(query?.['glob'] ?? '', query?.['after'], limits.maxBatch);
      default:
        throw new ClerkError('CONFIG_INVALID', `There is no ${path}`);
    }
  }
}

function createManifest({ idleStopMs, maxInstances }: ServerScenario['manifest']): Manifest {
  const fields = [
    'version: 1',
    'service: /w/*',
    'exec: /bin/worker',
    'readyMs: 3000',
    'drainMs: 15000',
    `maxInstances: ${maxInstances}`,
    ...(idleStopMs === undefined ? [] : [`idleStopMs: ${idleStopMs}`]),
  ];
  const parsed = parseManifest('worker.yaml', `${fields.join('\n')}\n`);
  return { ...parsed, programPath: '/bin/worker', runAs: undefined, realPaths: [] };
}

function ignoreLog(): void {
  // Logs are discarded.
}
