/**
 * The real reference server in a world: its names over a disk that is simulated, its launcher over processes that are,
 * and instead of sockets the world's wire. It is killed, stopped and started again; each life knows only the disk.
 */
import { ClerkError } from '../../../src/core/errors.js';
import { openLauncher } from '../../../src/server/launcher/launcher.js';
import { parseManifest } from '../../../src/server/launcher/manifest.js';
import { openNameServer } from '../../../src/server/naming/open-name-server.js';
import type { WatchResponse } from '../../../src/server/http/watch-response.js';
import type { Launcher, NameService } from '../../../src/server/ports.js';
import { limits } from '../../../src/protocol/limits.js';
import type {
  ChangeResponse,
  DefineRequest,
  LaunchRequest,
  LinkRequest,
  RegisterRequest,
  RemoveRequest,
  RenewRequest,
  ReportRequest,
  ResolveResponse,
  StopRequest,
  WatchEditRequest,
  WithdrawRequest,
} from '../../../src/protocol/messages.js';
import { paths } from '../../../src/protocol/paths.js';
import type { RegistryRequest } from '../../../src/registry-client/connection.js';
import type { SimulatedDisk } from './simulated-disk.js';
import type { ServerChecker } from './server-checker.js';
import type { SimulatedProcess } from './simulated-process.js';
import type { LaunchedProcesses } from './launched-processes.js';

/** The server from one start to its end. */
export interface ServerInstance {
  readonly machine: SimulatedProcess;
  readonly names: NameService;
  readonly streams: Map<string, WatchResponse>;
  respond(question: RegistryRequest, who: string, gone: AbortSignal): Promise<unknown>;
}

export interface SimulatedServerOptions {
  readonly disk: SimulatedDisk;
  readonly checker: ServerChecker;
  readonly processes: LaunchedProcesses;
  readonly machine: () => SimulatedProcess;
  readonly now: () => number;
  readonly log: (line: string) => void;
  /** A life is over, and its connections break. */
  readonly onDeath: (life: ServerInstance) => void;
  readonly violate: (promise: string, what: string) => void;
}

/** The one manifest of the host. */
export const manifestName = 'worker';
const manifest = {
  ...parseManifest(
    'worker.yaml',
    'version: 1\nservice: /w/*\nexec: /bin/worker\nreadyMs: 3000\nmaxInstances: 1\n',
  ),
  programPath: '/bin/worker',
  runAs: undefined,
};

export class SimulatedServer {
  readonly #options: SimulatedServerOptions;
  #machine: SimulatedProcess | undefined;
  #instance: ServerInstance | undefined;
  #launcher: Launcher | undefined;
  #stoppedFrom = 0;

  constructor(options: SimulatedServerOptions) {
    this.#options = options;
  }

  /** Undefined while it does not answer. */
  get instance(): ServerInstance | undefined {
    return this.#instance;
  }

  get machine(): SimulatedProcess | undefined {
    return this.#machine;
  }

  start(): void {
    if (this.#machine !== undefined) return;
    const machine = this.#options.machine();
    this.#machine = machine;
    this.#options.log('the server is started');
    this.#open(machine).catch((error: unknown) => {
      // Without its disk it does not begin.
      this.#options.log(`the server does not start: ${String(error)}`);
      if (this.#machine === machine) this.kill();
    });
  }

  kill(): void {
    const { log, disk, onDeath } = this.#options;
    const life = this.#instance;
    if (this.#machine === undefined) return;
    log('the server is killed');
    if (this.#machine.isStopped) this.#options.checker.leases.outage(this.#stoppedFrom, true);
    this.#machine.kill();
    disk.crash();
    this.#machine = this.#instance = this.#launcher = undefined;
    this.#options.checker.leases.down();
    if (life !== undefined) onDeath(life);
  }

  stop(): void {
    if (this.#machine?.isStopped === false) this.#stoppedFrom = this.#options.now();
    this.#machine?.stop();
  }

  resume(): void {
    const machine = this.#machine;
    if (machine?.isStopped !== true) return;
    machine.resume();
    if (!machine.isStopped) this.#options.checker.leases.outage(this.#stoppedFrom, true);
  }

  /** Ends in good order; the disk stays. */
  async close(): Promise<void> {
    const life = this.#instance;
    if (life === undefined) return;
    await this.#launcher?.close();
    for (const stream of life.streams.values()) stream.close();
    await life.names.close();
    this.#instance = this.#machine = undefined;
    this.#options.onDeath(life);
  }

  async #open(machine: SimulatedProcess): Promise<void> {
    const { disk, checker, processes } = this.#options;
    const names = await openNameServer(disk.open(machine), machine, {
      version: '1.0.0',
      isStartable: (name) => name === manifestName,
    });
    checker.opened(names.search('/**', {}));
    const launcher = await openLauncher({
      names: {
        launchRule: (name) => names.launchRule(name),
        resolve: (name) => names.resolve(name),
        onRegistered: (listener) => names.onRegistered(listener),
        launches: names.launches,
        withdraw: (request) => this.#withdraw(names, request),
      },
      processes: processes.of(machine),
      runtime: machine,
      manifests: new Map([[manifestName, manifest]]),
      registryUrls: () => ['http://registry'],
      logger: { debug: ignoreLog, info: ignoreLog, warn: ignoreLog, error: ignoreLog },
      programChangeReason: async () => undefined,
    });
    this.#launcher = launcher;
    const streams = new Map<string, WatchResponse>();
    const answer: ServerInstance['respond'] = (question, who, gone) =>
      this.#respond({ names, launcher, streams }, question, who, gone);
    this.#instance = { machine, names, streams, respond: answer };
  }

  /** Services withdraw themselves, and the launcher those that have ended. */
  async #withdraw(names: NameService, request: WithdrawRequest): Promise<ChangeResponse> {
    const { checker } = this.#options;
    checker.requested({ withdraw: request });
    const reply = await names.withdraw(request);
    checker.withdrawn(request);
    return reply;
  }

  async #respond(
    { names, launcher, streams }: Pick<ServerInstance, 'names' | 'streams'> & { readonly launcher: Launcher },
    { path, query, body }: RegistryRequest,
    who: string,
    gone: AbortSignal,
  ): Promise<unknown> {
    const { checker } = this.#options;
    switch (path) {
      case paths.resolve: {
        const name = query?.['name'] ?? '';
        const text = names.resolveJson(name);
        const reply = text === undefined ? undefined : (JSON.parse(text) as ResolveResponse);
        checker.resolved(name, reply);
        return reply ?? names.resolve(name);
      }
      case paths.register: {
        const request = body as RegisterRequest;
        const reply = await names.register(request, { principal: `host:${who}` });
        checker.registered(request, reply);
        return reply;
      }
      case paths.renew: {
        const reply = names.renew(body as RenewRequest);
        checker.renewed(body as RenewRequest, reply);
        return reply;
      }
      case paths.report:
        names.report(body as ReportRequest, { principal: `host:${who}` });
        return {};
      case paths.withdraw:
        return this.#withdraw(names, body as WithdrawRequest);
      case paths.define: {
        const reply = await names.define(body as DefineRequest);
        checker.changed((body as DefineRequest).name);
        return reply;
      }
      case paths.link: {
        const reply = await names.link(body as LinkRequest);
        checker.changed((body as LinkRequest).name);
        return reply;
      }
      case paths.remove: {
        const request = body as RemoveRequest;
        if (request.force === true) checker.requested({ force: request.name });
        try {
          const reply = await names.remove(request);
          checker.changed(request.name);
          return reply;
        } finally {
          checker.forced(request.name);
        }
      }
      case paths.launch:
        return launcher.launch(body as LaunchRequest, gone);
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

function ignoreLog(): void {
  // Nobody reads it.
}
