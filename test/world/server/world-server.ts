/**
 * The real reference server in a world: its names over a disk that is simulated, its launcher over processes that are,
 * and instead of sockets the world's wire. It is killed, stopped and started again; each life knows only the disk.
 */
import { ClerkError } from '../../../src/core/errors.js';
import { openLauncher } from '../../../src/server/launcher/open.js';
import { parseManifest } from '../../../src/server/launcher/manifest.js';
import { openNames } from '../../../src/server/names/open.js';
import type { WatchStream } from '../../../src/server/http/watch-stream.js';
import type { Launcher, NameService } from '../../../src/server/ports.js';
import { limits } from '../../../src/wire/limits.js';
import type {
  ChangeReply,
  DefineRequest,
  LaunchRequest,
  LinkRequest,
  RegisterRequest,
  RemoveRequest,
  RenewRequest,
  ReportRequest,
  ResolveReply,
  StopRequest,
  WatchEdit,
  WithdrawRequest,
} from '../../../src/wire/messages.js';
import { paths } from '../../../src/wire/paths.js';
import type { Question } from '../../../src/wire/peer.js';
import type { Disk } from './disk.js';
import type { Ledger } from './ledger.js';
import type { Machine } from './machine.js';
import type { WorldProcesses } from './processes.js';

/** The server from one start to its end. */
export interface Life {
  readonly machine: Machine;
  readonly names: NameService;
  readonly streams: Map<string, WatchStream>;
  answer(question: Question, who: string, gone: AbortSignal): Promise<unknown>;
}

export interface WorldServerOptions {
  readonly disk: Disk;
  readonly ledger: Ledger;
  readonly processes: WorldProcesses;
  readonly machine: () => Machine;
  readonly now: () => number;
  readonly log: (line: string) => void;
  /** A life is over, and its connections break. */
  readonly onDeath: (life: Life) => void;
  readonly violate: (promise: string, what: string) => void;
}

/** The one manifest of the host. */
export const manifestName = 'worker';
const manifest = {
  ...parseManifest(
    'worker.yaml',
    'version: 1\nservice: /w/*\nexec: /bin/worker\nreadyMs: 3000\nmaxInstances: 1\n',
  ),
  program: '/bin/worker',
  account: undefined,
};

export class WorldServer {
  readonly #options: WorldServerOptions;
  #machine: Machine | undefined;
  #life: Life | undefined;
  #launcher: Launcher | undefined;
  #stoppedFrom = 0;

  constructor(options: WorldServerOptions) {
    this.#options = options;
  }

  /** Undefined while it does not answer. */
  get life(): Life | undefined {
    return this.#life;
  }

  get machine(): Machine | undefined {
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
    const life = this.#life;
    if (this.#machine === undefined) return;
    log('the server is killed');
    if (this.#machine.isStopped) this.#options.ledger.leases.outage(this.#stoppedFrom, true);
    this.#machine.kill();
    disk.crash();
    this.#machine = this.#life = this.#launcher = undefined;
    this.#options.ledger.leases.down();
    if (life !== undefined) onDeath(life);
  }

  stop(): void {
    if (this.#machine?.isStopped === false) this.#stoppedFrom = this.#options.now();
    this.#machine?.stop();
  }

  goOn(): void {
    const machine = this.#machine;
    if (machine?.isStopped !== true) return;
    machine.goOn();
    if (!machine.isStopped) this.#options.ledger.leases.outage(this.#stoppedFrom, true);
  }

  /** Ends in good order; the disk stays. */
  async close(): Promise<void> {
    const life = this.#life;
    if (life === undefined) return;
    await this.#launcher?.close();
    for (const stream of life.streams.values()) stream.close();
    await life.names.close();
    this.#life = this.#machine = undefined;
    this.#options.onDeath(life);
  }

  async #open(machine: Machine): Promise<void> {
    const { disk, ledger, processes } = this.#options;
    const names = await openNames(disk.open(machine), machine, {
      version: '1.0.0',
      startable: (name) => name === manifestName,
    });
    ledger.opened(names.search('/**', {}));
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
      logger: { debug: nothing, info: nothing, warn: nothing, error: nothing },
      programChange: async () => undefined,
    });
    this.#launcher = launcher;
    const streams = new Map<string, WatchStream>();
    const answer: Life['answer'] = (question, who, gone) =>
      this.#answer({ names, launcher, streams }, question, who, gone);
    this.#life = { machine, names, streams, answer };
  }

  /** Services withdraw themselves, and the launcher those that have ended. */
  async #withdraw(names: NameService, request: WithdrawRequest): Promise<ChangeReply> {
    const { ledger } = this.#options;
    ledger.asked({ withdraw: request });
    const reply = await names.withdraw(request);
    ledger.withdrew(request);
    return reply;
  }

  async #answer(
    { names, launcher, streams }: Pick<Life, 'names' | 'streams'> & { readonly launcher: Launcher },
    { path, query, body }: Question,
    who: string,
    gone: AbortSignal,
  ): Promise<unknown> {
    const { ledger } = this.#options;
    switch (path) {
      case paths.resolve: {
        const name = query?.['name'] ?? '';
        const text = names.resolveText(name);
        const reply = text === undefined ? undefined : (JSON.parse(text) as ResolveReply);
        ledger.resolved(name, reply);
        return reply ?? names.resolve(name);
      }
      case paths.register: {
        const request = body as RegisterRequest;
        const reply = await names.register(request, { principal: `host:${who}` });
        ledger.registered(request, reply);
        return reply;
      }
      case paths.renew: {
        const reply = names.renew(body as RenewRequest);
        ledger.renewed(body as RenewRequest, reply);
        return reply;
      }
      case paths.report:
        names.report(body as ReportRequest, { principal: `host:${who}` });
        return {};
      case paths.withdraw:
        return this.#withdraw(names, body as WithdrawRequest);
      case paths.define: {
        const reply = await names.define(body as DefineRequest);
        ledger.changed((body as DefineRequest).name);
        return reply;
      }
      case paths.link: {
        const reply = await names.link(body as LinkRequest);
        ledger.changed((body as LinkRequest).name);
        return reply;
      }
      case paths.remove: {
        const request = body as RemoveRequest;
        if (request.force === true) ledger.asked({ force: request.name });
        try {
          const reply = await names.remove(request);
          ledger.changed(request.name);
          return reply;
        } finally {
          ledger.forced(request.name);
        }
      }
      case paths.launch:
        return launcher.launch(body as LaunchRequest, gone);
      case paths.stop:
        return launcher.stop(body as StopRequest);
      case paths.watchEdit: {
        const { watch, add = [], remove = [] } = body as WatchEdit;
        const stream = streams.get(watch);
        if (stream === undefined) throw new ClerkError('CLOSED', `Watch ${watch} is not open here`);
        stream.edit(add, remove);
        return {};
      }
      case paths.list:
        return names.list(query?.['glob'] ?? '', query?.['after'], limits.mostBatch);
      default:
        throw new ClerkError('CONFIG_INVALID', `There is no ${path}`);
    }
  }
}

function nothing(): void {
  // Nobody reads it.
}
