import type { SpawnOptions } from '../../../src/core/processes.js';
import { retryLoop } from '../../../src/runtime/p-retry-loop.js';
import { Advertiser } from '../../../src/service/advertiser.js';
import type { Advertisement } from '../../../src/service/advertisement.js';
import type { RegisterRequest } from '../../../src/protocol/registration-messages.js';
import type { RegistryConnection } from '../../../src/registry-client/connection.js';
import type { RandomStream } from '../random-stream.js';
import type { CoverageMark } from '../coverage.js';
import { endpointOf, type Replica, type Replicas } from '../replicas.js';
import type { LaunchChecker } from './launch-checker.js';
import { LaunchedCalls } from './launched-calls.js';
import type { StartProgram } from './launched-processes.js';
import type { SimulatedProcess } from './simulated-process.js';

/** Time from the last response of a closed server to the end of its process, in ms. */
const closeMs = 100;

/** The process of a replica. */
interface ServiceProcess {
  readonly process: SimulatedProcess;
  ad: Advertisement | undefined;
  readonly isIdGiven: boolean;
  /** Set for a program of the launcher. */
  readonly launched: LaunchedProgram | undefined;
  /** Listeners of SIGTERM. */
  readonly sigtermListeners: Set<() => void>;
  readonly onEnd: () => void;
}

interface LaunchedProgram {
  readonly calls: LaunchedCalls;
  readonly spawnedAt: number;
  /** When it first served. */
  upAt: number | undefined;
}

export interface ServiceProcessesOptions {
  readonly replicas: Replicas;
  readonly random: RandomStream;
  /** Decides which programs listen after they have advertised themselves. */
  readonly listenRandom: RandomStream;
  /** The second parameter is the process on the same host that starts it. */
  readonly createProcess: (id: string, starter?: string) => SimulatedProcess;
  readonly peer: (process: SimulatedProcess) => RegistryConnection;
  readonly leaseMs: number;
  /** The present name of a service. */
  readonly canonicalOf: (name: string) => string;
  /** A service has withdrawn this registration. */
  readonly onLeft: (request: RegisterRequest) => void;
  readonly isHealed: () => boolean;
  /** Share of launched programs that end before they register. */
  readonly launchFailures: number;
  readonly launches: LaunchChecker;
  readonly mark: (mark: CoverageMark) => void;
  readonly violate: (clause: string, what: string) => void;
  readonly log: (line: string) => void;
}

export interface StartOptions {
  readonly serviceMs: number;
  readonly isProtected?: boolean;
  readonly address?: string;
  /** Id of the instance that it replaces. */
  readonly id?: string;
}

/** The services of a simulation with the bundled server. Each replica is a separate process that advertises itself. */
export class ServiceProcesses {
  readonly #options: ServiceProcessesOptions;
  readonly #processes = new Map<Replica, ServiceProcess>();
  #made = 0;

  constructor(options: ServiceProcessesOptions) {
    this.#options = options;
    options.replicas.onImpaired = (replica) => this.#applyImpairments(replica);
    options.replicas.onCall = (replica, _, reply) => {
      this.#processes.get(replica)?.launched?.calls.begin(reply);
      options.launches.handled(replica);
    };
  }

  /** Starts a replica, which advertises itself. */
  start(service: string, options: StartOptions): Replica {
    const { random } = this.#options;
    const hex = (++this.#made).toString(16).padStart(32, '0');
    // Some programs choose their own id.
    const isIdGiven = options.id !== undefined || random.chance(0.4);
    const id = options.id ?? uuidOf(hex);
    const replica = this.#options.replicas.start(service, { ...options, id });
    const holder = this.#run(replica, isIdGiven, () => undefined);
    // Clients may still call an earlier process with this id or at this address.
    const isNew = options.id === undefined && options.address === undefined;
    if (isNew && options.isProtected !== true) this.#mayListenLate(replica, holder.process);
    if (!isIdGiven) holder.process.nextRandomHex = hex;
    this.#advertise(replica, holder, undefined, {
      name: service,
      ...(isIdGiven && { id }),
      drainOnSignal: false,
    });
    return replica;
  }

  /** Starts a program of the launcher. */
  readonly startLaunched: StartProgram = (order, line, onEnd) => {
    const { random, replicas, launchFailures, isHealed, launches, violate } = this.#options;
    let isOver = false;
    const end = (code: number | null, signal: string | null): void => {
      if (isOver) return;
      isOver = true;
      onEnd({ code, signal });
    };
    let replica: Replica | undefined;
    const process = this.#options.createProcess(line.instance, 'server');
    const fails = !isHealed() && random.chance(launchFailures);
    const calls = new LaunchedCalls(process, violate);
    const launched: LaunchedProgram = { calls, spawnedAt: process.now(), upAt: undefined };
    process.setTimer(
      () => {
        if (fails) {
          process.kill();
          end(3, null);
          return;
        }
        replica = replicas.start(line.name, { serviceMs: 5, id: line.instance });
        const holder = this.#run(replica, true, () => end(null, 'SIGKILL'), process, launched);
        // The manifest gives a launched program 3 s from its start.
        this.#mayListenLate(replica, process, 1_500, () => (launched.upAt = process.now()));
        this.#advertise(replica, holder, order, {});
      },
      random.between(5, 900),
    );
    return {
      isStopped: () => process.isStopped,
      signal: (signal) => {
        const holder = replica && this.#processes.get(replica);
        if (signal === 'SIGTERM' && holder !== undefined && holder.sigtermListeners.size > 0) {
          holder.process.deliver(() => {
            for (const callback of [...holder.sigtermListeners]) callback();
          });
          return;
        }
        if (replica === undefined) process.kill();
        else {
          if (isHealthy(replica)) launches.killed(replica.id, calls.inFlight);
          this.kill(replica);
        }
        end(null, signal);
      },
    };
  };

  /** The running programs of the launcher. */
  *launched(): IterableIterator<{ readonly replica: Replica } & LaunchedProgram> {
    for (const [replica, { process, launched }] of this.#processes)
      if (launched !== undefined && process.isAlive) yield { replica, ...launched };
  }

  /** Kills its process. */
  kill(replica: Replica): void {
    if (!replica.ended) this.#options.replicas.impair(replica, 'down');
  }

  /** Withdraws a replica, at once or with draining, and then ends its process. */
  leave(replica: Replica, atOnce: boolean, afterMs: number): void {
    const holder = this.#processes.get(replica);
    const ad = holder?.ad;
    if (holder === undefined || ad === undefined) return;
    replica.leaving = true;
    const over = (): void => void holder.process.setTimer(() => this.kill(replica), afterMs);
    const { name, id, epoch, addresses } = ad;
    void (atOnce ? ad.close() : ad.drain()).then(() => {
      this.#options.onLeft({ name, id, epoch, addresses });
      over();
    });
  }

  /** Starts a new instance at the same address. */
  revive(replica: Replica): Replica {
    const { service, serviceMs, isProtected, address } = replica;
    return this.start(service, { serviceMs, isProtected, address });
  }

  /** Whether its program chose its id, so that another instance can take it over. */
  choseOwnId(replica: Replica): boolean {
    return this.#processes.get(replica)?.isIdGiven === true;
  }

  /** The registration of a replica, as lookups show it; undefined before the first one. */
  registrationOf(replica: Replica): Pick<RegisterRequest, 'name' | 'id' | 'epoch'> | undefined {
    const ad = this.#processes.get(replica)?.ad;
    return ad && { name: ad.name, id: ad.id, epoch: ad.epoch };
  }

  /** The state of a registration at its service. */
  stateOf(name: string, id: string, epoch: number): string | undefined {
    const { canonicalOf } = this.#options;
    for (const [replica, { ad, process }] of this.#processes)
      if (ad?.id === id && ad.epoch === epoch && process.isAlive && canonicalOf(replica.service) === name)
        return ad.state;
    return undefined;
  }

  /** The running replicas with their states. */
  *running(): IterableIterator<{
    readonly replica: Replica;
    readonly state: string;
    readonly process: SimulatedProcess;
  }> {
    for (const [replica, { ad, process }] of this.#processes)
      if (process.isAlive) yield { replica, process, state: ad?.state ?? 'registering' };
  }

  /** Withdraws all replicas. */
  async close(): Promise<void> {
    const alive = [...this.#processes.values()].filter(({ process }) => process.isAlive);
    await Promise.all(alive.map(async ({ ad }) => ad?.close()));
    for (const { process } of this.#processes.values()) process.kill();
  }

  /** Some programs advertise themselves before they listen. */
  #mayListenLate(
    replica: Replica,
    process: SimulatedProcess,
    maxDelayMs = 3_000,
    onListening: () => void = () => undefined,
  ): void {
    const { listenRandom, replicas, mark } = this.#options;
    const delayMs = listenRandom.between(5, maxDelayMs);
    if (!listenRandom.chance(0.3)) {
      onListening();
      return;
    }
    replicas.startLate(replica);
    process.setTimer(() => {
      mark('listened-late');
      replicas.restore(replica, 'refusing');
      onListening();
    }, delayMs);
  }

  #run(
    replica: Replica,
    isIdGiven: boolean,
    onEnd: () => void,
    process = this.#options.createProcess(replica.id),
    launched?: LaunchedProgram,
  ): ServiceProcess {
    const sigtermListeners = new Set<() => void>();
    const holder: ServiceProcess = { process, ad: undefined, isIdGiven, launched, sigtermListeners, onEnd };
    this.#processes.set(replica, holder);
    return holder;
  }

  #advertise(
    replica: Replica,
    holder: ServiceProcess,
    order: SpawnOptions | undefined,
    options: object,
  ): void {
    const { leaseMs, peer, launches, mark, log } = this.#options;
    const { process, sigtermListeners, launched } = holder;
    const end = (): void => this.kill(replica);
    // A server that is closed answers the calls that it handles. The responses arrive before the end of the connections.
    const endAfterCalls = (): void => {
      if (launched === undefined) end();
      else
        launched.calls.whenIdle(
          () => void process.setTimer(() => (launched.calls.inFlight > 0 ? endAfterCalls() : end()), closeMs),
        );
    };
    const advertising = new Advertiser({
      clock: process,
      hashing: process,
      retry: retryLoop,
      connect: () => launched?.calls.reportedBy(peer(process)) ?? peer(process),
      openIdentity: () => Promise.reject(new Error('The process has no identity')),
      acceptsConnection: async ({ text }) => this.#options.replicas.accepts(text),
      eventLoopActiveMs: () => 0,
      process: {
        env: order?.env ?? {},
        readFirstLine: async () => order?.stdin ?? '',
        onEndSignal: (callback) => {
          const listener = (): void => callback('SIGTERM');
          sigtermListeners.add(listener);
          return () => void sigtermListeners.delete(listener);
        },
        endBySignal: endAfterCalls,
        exit: endAfterCalls,
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
          if (launched !== undefined) launches.started(replica, launched.spawnedAt);
          ad.on('lost', ({ reason }) => {
            mark('registration-lost');
            log(`${replica.id} has lost its lease: ${reason}`);
          });
          ad.on('registered', ({ epoch }) => log(`${replica.id} is registered again, epoch ${epoch}`));
          ad.on('fenced', ({ reason }) => {
            log(`${replica.id} is fenced: ${reason}`);
            end();
            if (replica.leaving) mark('fenced');
            // Its service was removed together with its epochs, so it starts again as a new instance.
            else if (order === undefined) this.revive(replica);
          });
        },
        (error: unknown) => {
          log(`${replica.id} cannot be registered: ${String(error)}`);
          end();
        },
      );
  }

  /** Applies the faults of a replica to its process. */
  #applyImpairments(replica: Replica): void {
    const holder = this.#processes.get(replica);
    if (holder === undefined || replica.ended) return;
    const { process } = holder;
    if (replica.impairments.down > 0) {
      replica.ended = true;
      process.kill();
      holder.onEnd();
    } else if (replica.impairments.paused > 0 !== process.isStopped) {
      if (process.isStopped) process.resume();
      else process.stop();
    }
  }
}

function isHealthy({ impairments: { down, refusing, stalled, paused } }: Replica): boolean {
  return down + refusing + stalled + paused === 0;
}

/** The id that `advertise` makes from these random bytes. */
function uuidOf(hex: string): string {
  const variant = ((parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function ignoreLog(): void {
  // Logs are discarded.
}
