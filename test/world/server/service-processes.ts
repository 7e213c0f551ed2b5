/**
 * The services of a world where the server is the registry: each replica is a process of its own that advertises itself
 * as any service does, and has to be told nothing of the others.
 */
import type { SpawnOptions } from '../../../src/core/processes.js';
import { retryLoop } from '../../../src/invoke/p-retry-loop.js';
import { Advertiser } from '../../../src/service/advertiser.js';
import type { Advertisement } from '../../../src/service/advertisement.js';
import type { RegisterRequest } from '../../../src/protocol/messages.js';
import type { RegistryConnection } from '../../../src/registry-client/connection.js';
import type { RandomStream } from '../random-stream.js';
import type { CoverageMark } from '../coverage.js';
import { endpointOf, type Replica, type Replicas } from '../replicas.js';
import type { StartProgram } from './launched-processes.js';
import type { SimulatedProcess } from './simulated-process.js';

/** A replica's process. */
interface ServiceProcess {
  readonly machine: SimulatedProcess;
  ad: Advertisement | undefined;
  readonly isIdGiven: boolean;
  /** What SIGTERM reaches. */
  readonly sigtermListeners: Set<() => void>;
  readonly onEnd: () => void;
}

export interface ServiceProcessesOptions {
  readonly replicas: Replicas;
  readonly random: RandomStream;
  readonly machine: (id: string) => SimulatedProcess;
  readonly peer: (machine: SimulatedProcess) => RegistryConnection;
  readonly leaseMs: number;
  /** A service has left, with what it was registered. */
  readonly onLeft: (request: RegisterRequest) => void;
  readonly isHealed: () => boolean;
  /** How often a launched program ends before it is up. */
  readonly launchFailures: number;
  readonly mark: (mark: CoverageMark) => void;
  readonly log: (line: string) => void;
}

export interface StartOptions {
  readonly serviceMs: number;
  readonly isProtected?: boolean;
  readonly address?: string;
  /** The id of somebody whose place it takes. */
  readonly id?: string;
}

export class ServiceProcesses {
  readonly #options: ServiceProcessesOptions;
  readonly #processes = new Map<Replica, ServiceProcess>();
  #made = 0;

  constructor(options: ServiceProcessesOptions) {
    this.#options = options;
    options.replicas.onImpaired = (replica) => this.#applyImpairments(replica);
  }

  /** Starts a replica, which advertises itself. */
  start(service: string, options: StartOptions): Replica {
    const { random } = this.#options;
    const hex = (++this.#made).toString(16).padStart(32, '0');
    // Some programs choose their id themselves.
    const isIdGiven = options.id !== undefined || random.chance(0.4);
    const id = options.id ?? uuidOf(hex);
    const replica = this.#options.replicas.start(service, { ...options, id });
    const holder = this.#run(replica, isIdGiven, () => undefined);
    if (!isIdGiven) holder.machine.nextRandomHex = hex;
    this.#advertise(replica, holder, undefined, {
      name: service,
      ...(isIdGiven && { id }),
      drainOnSignal: false,
    });
    return replica;
  }

  /** What the launcher starts. */
  readonly startLaunched: StartProgram = (order, line, onEnd) => {
    const { random, replicas, launchFailures, isHealed } = this.#options;
    let isOver = false;
    const end = (code: number | null, signal: string | null): void => {
      if (isOver) return;
      isOver = true;
      onEnd({ code, signal });
    };
    let replica: Replica | undefined;
    const machine = this.#options.machine(line.instance);
    const fails = !isHealed() && random.chance(launchFailures);
    machine.setTimer(
      () => {
        if (fails) {
          machine.kill();
          end(3, null);
          return;
        }
        replica = replicas.start(line.name, { serviceMs: 5, id: line.instance });
        const holder = this.#run(replica, true, () => end(null, 'SIGKILL'), machine);
        this.#advertise(replica, holder, order, {});
      },
      random.between(5, 900),
    );
    return {
      signal: (signal) => {
        const holder = replica && this.#processes.get(replica);
        if (signal === 'SIGTERM' && holder !== undefined && holder.sigtermListeners.size > 0) {
          holder.machine.deliver(() => {
            for (const callback of [...holder.sigtermListeners]) callback();
          });
          return;
        }
        if (replica === undefined) machine.kill();
        else this.kill(replica);
        end(null, signal);
      },
    };
  };

  /** Ends its process at once. */
  kill(replica: Replica): void {
    if (!replica.ended) this.#options.replicas.impair(replica, 'down');
  }

  /** Has it leave: at once, or once nobody calls it any more. Its process ends then. */
  leave(replica: Replica, atOnce: boolean, afterMs: number): void {
    const holder = this.#processes.get(replica);
    const ad = holder?.ad;
    if (holder === undefined || ad === undefined) return;
    replica.leaving = true;
    const over = (): void => void holder.machine.setTimer(() => this.kill(replica), afterMs);
    const { name, id, epoch, addresses } = ad;
    void (atOnce ? ad.close() : ad.drain()).then(() => {
      this.#options.onLeft({ name, id, epoch, addresses });
      over();
    });
  }

  /** Somebody else begins where it was. */
  revive(replica: Replica): Replica {
    const { service, serviceMs, isProtected, address } = replica;
    return this.start(service, { serviceMs, isProtected, address });
  }

  /** Whether its program chose its id itself: then somebody can take its place. */
  choseOwnId(replica: Replica): boolean {
    return this.#processes.get(replica)?.isIdGiven === true;
  }

  /** What the holder of a registration takes it for. */
  stateOf(name: string, id: string, epoch: number): string | undefined {
    for (const [replica, { ad, machine }] of this.#processes)
      if (replica.service === name && ad?.id === id && ad.epoch === epoch && machine.isAlive) return ad.state;
    return undefined;
  }

  /** Those that run, with what they think of themselves. */
  *running(): IterableIterator<{
    readonly replica: Replica;
    readonly state: string;
    readonly machine: SimulatedProcess;
  }> {
    for (const [replica, { ad, machine }] of this.#processes)
      if (machine.isAlive) yield { replica, machine, state: ad?.state ?? 'registering' };
  }

  /** Everybody leaves. */
  async close(): Promise<void> {
    const alive = [...this.#processes.values()].filter(({ machine }) => machine.isAlive);
    await Promise.all(alive.map(async ({ ad }) => ad?.close()));
    for (const { machine } of this.#processes.values()) machine.kill();
  }

  #run(
    replica: Replica,
    isIdGiven: boolean,
    onEnd: () => void,
    machine = this.#options.machine(replica.id),
  ): ServiceProcess {
    const holder: ServiceProcess = { machine, ad: undefined, isIdGiven, sigtermListeners: new Set(), onEnd };
    this.#processes.set(replica, holder);
    return holder;
  }

  #advertise(
    replica: Replica,
    holder: ServiceProcess,
    order: SpawnOptions | undefined,
    options: object,
  ): void {
    const { leaseMs, peer, mark, log } = this.#options;
    const { machine, sigtermListeners } = holder;
    const end = (): void => this.kill(replica);
    const advertising = new Advertiser({
      clock: machine,
      hashing: machine,
      retry: retryLoop,
      connect: () => peer(machine),
      hostAddresses: () => [],
      eventLoopActiveMs: () => 0,
      process: {
        env: order?.env ?? {},
        readFirstLine: async () => order?.stdin ?? '',
        onSigterm: (callback) => {
          sigtermListeners.add(callback);
          return () => void sigtermListeners.delete(callback);
        },
        exitBySigterm: end,
        exit: end,
        warn: () => undefined,
      },
    });
    const { address, addresses } = endpointOf(replica);
    const place = addresses ?? (address as string);
    const quiet = { debug: ignoreLog, info: ignoreLog, warn: ignoreLog, error: ignoreLog };
    void advertising
      .advertise({ address: place, registry: 'http://registry', leaseMs, logger: quiet, ...options })
      .then(
        (ad) => {
          holder.ad = ad;
          log(`${replica.id} is registered, epoch ${ad.epoch}`);
          ad.on('lost', ({ reason }) => {
            mark('registration-lost');
            log(`${replica.id} has lost its lease: ${reason}`);
          });
          ad.on('registered', ({ epoch }) => log(`${replica.id} is registered again, epoch ${epoch}`));
          ad.on('fenced', ({ reason }) => {
            log(`${replica.id} is fenced: ${reason}`);
            end();
            if (replica.leaving) mark('fenced');
            // Its service was removed under it, and with it what was known of its id: it is started anew.
            else if (order === undefined) this.revive(replica);
          });
        },
        (error: unknown) => {
          log(`${replica.id} cannot be registered: ${String(error)}`);
          end();
        },
      );
  }

  /** Its process does what a fault has done to it. */
  #applyImpairments(replica: Replica): void {
    const holder = this.#processes.get(replica);
    if (holder === undefined || replica.ended) return;
    const { machine } = holder;
    if (replica.impairments.down > 0) {
      replica.ended = true;
      machine.kill();
      holder.onEnd();
    } else if (replica.impairments.paused > 0 !== machine.isStopped) {
      if (machine.isStopped) machine.resume();
      else machine.stop();
    }
  }
}

/** As `advertise` makes ids of random bytes. */
function uuidOf(hex: string): string {
  const variant = ((parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function ignoreLog(): void {
  // Nobody reads it.
}
