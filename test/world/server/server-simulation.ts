import type { FakeRuntime } from 'binding-clerk/testing';
import { retryLoop } from '../../../src/runtime/p-retry-loop.js';
import { serverRegistry } from '../../../src/registry/remote/server-registry.js';
import { decodeError } from '../../../src/protocol/error-codec.js';
import { paths } from '../../../src/protocol/paths.js';
import type { RegistryConnection } from '../../../src/registry-client/connection.js';
import type { ClerkRuntime } from '../clerk-runtime.js';
import { randomStream, type RandomStream } from '../random-stream.js';
import type { CoverageMark } from '../coverage.js';
import type { Replicas } from '../replicas.js';
import type { ServerScenario, Scenario } from '../scenario.js';
import type { GroundTruth } from '../ground-truth.js';
import { SimulatedAudit } from './simulated-audit.js';
import { SimulatedDisk } from './simulated-disk.js';
import { ServerChecker } from './server-checker.js';
import { SimulatedProcess } from './simulated-process.js';
import { DataRestore } from './data-restore.js';
import { LaunchChecker } from './launch-checker.js';
import { LaunchedProcesses } from './launched-processes.js';
import { policies, ServerOperations } from './server-operations.js';
import { otherNameOf } from './moved-name.js';
import { ServiceMoves } from './service-moves.js';
import { ServiceProcesses } from './service-processes.js';
import { ObservedRegistry } from './observed-registry.js';
import { SimulatedNetwork, type NetworkClient } from './simulated-network.js';
import { manifestName, SimulatedServer } from './simulated-server.js';

export interface ServerSimulationOptions {
  readonly seed: number;
  readonly runtime: FakeRuntime;
  readonly scenario: Scenario;
  readonly settings: ServerScenario;
  readonly names: readonly string[];
  readonly replicas: Replicas;
  readonly truth: GroundTruth;
  readonly isHealed: () => boolean;
  /** Additional latency of one message, in ms. */
  readonly messageDelayMs: () => number;
  readonly isCutOff: (clientId: string) => boolean;
  readonly onWatchSnapshot: (clerk: string, name: string, count: number) => void;
  /** A start that a clerk has requested produced an endpoint. */
  readonly onStarted: (clerk: string, id: string) => void;
  readonly mark: (mark: CoverageMark) => void;
  readonly violate: (clause: string, what: string) => void;
  readonly log: (line: string) => void;
}

/** The bundled server of a simulation, with its disk, network, services, operator and monitor. */
export class ServerSimulation {
  readonly disk: SimulatedDisk;
  readonly checker: ServerChecker;
  readonly server: SimulatedServer;
  /** Set when the server has an audit log. */
  readonly #audit: SimulatedAudit | undefined;
  readonly services: ServiceProcesses;
  readonly launches: LaunchChecker;
  readonly network: SimulatedNetwork;
  readonly operations: ServerOperations;
  /** Set when services move to other names. */
  readonly #moves: ServiceMoves | undefined;
  /** Set when an older copy replaces the data of the registry. */
  readonly #restore: DataRestore | undefined;
  readonly #options: ServerSimulationOptions;
  readonly #random: RandomStream;
  readonly #chance: RandomStream;
  readonly #operator: RegistryConnection;
  readonly #operatorProcess: SimulatedProcess;
  readonly #monitor: ReturnType<typeof serverRegistry>;
  /** Number of starts that clerks wait for. */
  #pendingStarts = 0;

  constructor(options: ServerSimulationOptions) {
    this.#options = options;
    const { seed, runtime, scenario, settings, truth, replicas, mark, violate, log, names } = options;
    const now = (): number => runtime.now();
    this.#random = randomStream(seed, 'server');
    this.#chance = randomStream(seed, 'services');
    const networkRandom = randomStream(seed, 'wire');
    const createProcess = (id: string, starter = id): SimulatedProcess =>
      new SimulatedProcess(id, runtime, this.#chance, starter);
    const moveRandom = randomStream(seed, 'moves');
    const moves = settings.restore === undefined && moveRandom.chance(0.4);
    this.checker = new ServerChecker({
      now,
      names: [...names, ...(moves ? scenario.services.map(otherNameOf) : [])],
      truth,
      mark,
      violate,
      log,
      stateOf: (name, id, epoch) => this.services.stateOf(name, id, epoch),
    });
    this.disk = new SimulatedDisk({
      runtime,
      random: randomStream(seed, 'disk'),
      mark,
      log,
      onDurable: (changes, isFound) => {
        this.#audit?.checker.saved(changes, isFound);
        this.checker.durable(changes);
        this.launches.changed();
        this.#restore?.written(changes);
      },
      onUnsaved: (changes) => {
        this.#audit?.checker.unsaved(changes);
        this.checker.unsaved(changes);
      },
      onRecovered: (changes) => {
        // They were recorded when the server applied them.
        this.#audit?.checker.unsaved(changes);
        this.checker.recovered(changes);
        this.launches.changed();
        this.#restore?.written(changes);
      },
      onSlow: (from) => this.checker.leases.outage(from, false),
      violate,
      onRestored: (records) => this.#restore?.loaded(records),
      onFailed: () => {
        this.checker.failed();
        this.operations.failed();
      },
    });
    const auditRandom = randomStream(seed, 'audit');
    this.#audit = auditRandom.chance(0.4)
      ? new SimulatedAudit({
          ...{ runtime, random: auditRandom, mark, violate, log },
          isDiskFailing: () => this.disk.isFailing,
        })
      : undefined;
    this.network = new SimulatedNetwork({
      runtime,
      server: () => this.server.instance,
      proxyResponse: () => {
        if (!networkRandom.chance(0.3)) return undefined;
        mark('served-by-proxy');
        return {
          status: networkRandom.one([502, 503, 404, 200]),
          body: undefined,
          revision: '',
          incarnation: '',
          position: '',
        };
      },
      latencyMs: () => scenario.registryMs * (0.5 + networkRandom.uniform()) + options.messageDelayMs(),
      isLost: (clientId) => {
        if (this.#isPartitioned(clientId)) return true;
        const { delayedShare } = this.operations;
        if (delayedShare === 0 || !networkRandom.chance(delayedShare)) return false;
        mark('fault:registry-loss');
        return true;
      },
      isMute: (clientId) => {
        const { isMute } = this.operations;
        if (isMute) mark('fault:watch-break');
        return isMute || this.#isPartitioned(clientId);
      },
      check: (clientId) => ({ clientId: clientId, stored: this.checker.stored, mark, violate }),
      onAnswer: (positions, incarnation) => this.#restore?.answered(positions, incarnation),
      onWatchPut: (entry) => this.checker.pathShown(entry, now()),
    });
    this.launches = new LaunchChecker({
      now,
      idleStopMs: settings.manifest.idleStopMs,
      serving: (name) => this.#serving(name),
      mark,
      violate,
    });
    this.services = new ServiceProcesses({
      replicas,
      random: this.#chance,
      listenRandom: randomStream(seed, 'listeners'),
      createProcess,
      peer: (client) => this.network.connection(client),
      leaseMs: settings.leaseMs,
      canonicalOf: (name) => this.checker.canonicalOf(name),
      onLeft: (request) => this.operations.replay(request),
      launchFailures: scenario.launchFailures,
      isHealed: options.isHealed,
      launches: this.launches,
      mark,
      violate,
      log,
    });
    const processes = new LaunchedProcesses({
      checker: this.checker,
      begin: this.services.startLaunched,
      replicas,
      launches: this.launches,
      maxInstances: settings.manifest.maxInstances,
      mark,
      violate,
      log,
    });
    this.server = new SimulatedServer({
      disk: this.disk,
      checker: this.checker,
      processes,
      launches: this.launches,
      manifest: settings.manifest,
      audit: this.#audit,
      createProcess: () => createProcess('server'),
      now,
      log,
      onDeath: (life) => this.network.serverDied(life),
      violate,
    });
    const restoreRandom = randomStream(seed, 'restore');
    this.#restore =
      settings.restore &&
      new DataRestore({
        runtime,
        random: restoreRandom,
        kind: settings.restore,
        disk: this.disk,
        checker: this.checker,
        audit: this.#audit,
        server: this.server,
        leaseMs: settings.leaseMs,
        isOver: () => runtime.now() >= scenario.faultPeriodMs,
        onRestored: (isOtherFolder) =>
          processes.restored(isOtherFolder, (name, instance) => this.disk.has(`l ${name} ${instance}`)),
        mark,
        violate,
        log,
      });
    this.operations = new ServerOperations({
      ...options,
      random: this.#random,
      disk: this.disk,
      checker: this.checker,
      services: this.services,
      server: this.server,
      moves,
      sendOperatorRequest: (path, body) => this.request(path, body),
    });
    this.#moves = moves
      ? new ServiceMoves({
          ...{ runtime, random: moveRandom, services: scenario.services, mark, log },
          canonicalOf: (name) => this.checker.canonicalOf(name),
          sendOperatorRequest: (path, body) => this.request(path, body),
          isOver: () => runtime.now() >= scenario.faultPeriodMs,
        })
      : undefined;
    this.#operatorProcess = createProcess('operator');
    this.#operator = this.network.connection(this.#operatorProcess);
    const monitorProcess = createProcess('monitor');
    this.#monitor = serverRegistry({
      urls: ['http://registry'],
      clock: monitorProcess,
      retry: retryLoop,
      connect: () => this.network.connection(monitorProcess),
    });
  }

  /** Starts the server, defines the services and starts their replicas. */
  async begin(populate: () => void): Promise<void> {
    const { runtime, scenario, settings } = this.#options;
    const { guaranteedMs } = settings;
    this.server.start();
    await runtime.advance(100);
    const orders: Promise<unknown>[] = scenario.services.map((name) =>
      this.request(paths.define, { name, guaranteedMs, policy: this.#random.one(policies) }),
    );
    if (scenario.startable !== undefined)
      orders.push(
        this.request(paths.define, {
          name: scenario.startable,
          guaranteedMs,
          launch: { manifest: manifestName },
        }),
      );
    if (scenario.link !== undefined)
      orders.push(
        this.request(paths.link, {
          name: scenario.link,
          target: this.#random.one(scenario.services),
          guaranteedMs,
        }),
      );
    await runtime.advance(100);
    await Promise.all(orders);
    populate();
    this.#monitor.watch('/w/**', () => undefined);
    await runtime.advance(200);
    this.#restore?.schedule(scenario.faultPeriodMs);
    this.#moves?.schedule();
    const isOver = (): boolean => runtime.now() >= scenario.faultPeriodMs;
    if (!scenario.isSurvivable)
      this.#audit?.scheduleFullDisk(scenario.faultPeriodMs, isOver, () => this.server.start());
  }

  /** Whether the registry supervises a launched instance. */
  isSupervised(name: string, instance: string): boolean {
    return this.disk.has(`l ${name} ${instance}`);
  }

  registryOf(clerk: string, runtime: ClerkRuntime): ObservedRegistry {
    const { scenario, truth, onWatchSnapshot, onStarted, violate, mark } = this.#options;
    const client: NetworkClient = {
      id: clerk,
      now: () => runtime.now(),
      wallNow: () => runtime.wallNow(),
      random: () => runtime.random(),
      hostname: () => runtime.hostname(),
      hostId: () => runtime.hostId(),
      hostAddresses: () => runtime.hostAddresses(),
      setTimer: (callback, delayMs) => runtime.setTimer(callback, delayMs),
      afterPendingIo: (callback) => runtime.afterPendingIo(callback),
      deliver: (action) => action(),
    };
    const inner = serverRegistry({
      urls: ['http://registry'],
      clock: runtime,
      retry: retryLoop,
      connect: () => this.network.connection(client),
    });
    return new ObservedRegistry(clerk, inner, {
      watches: scenario.watches,
      now: () => runtime.now(),
      wasEmpty: (name, from) => truth.wasEmpty(name, from, runtime.now()),
      violate,
      onWatchSnapshot: (name, count) => onWatchSnapshot(clerk, name, count),
      onTrust: (name, until) => this.checker.trusted(name, until),
      onUpdate: () => mark('watch-update'),
      onStart: () => {
        mark(++this.#pendingStarts > 1 ? 'launch-shared' : 'launch-requested');
        return () => this.#pendingStarts--;
      },
      onStarted: (id) => onStarted(clerk, id),
    });
  }

  /** Wall clocks that faults may shift: of services and of the server. */
  clocks(): readonly SimulatedProcess[] {
    const { process } = this.server;
    return [...(process ? [process] : []), ...[...this.services.running()].map((each) => each.process)];
  }

  /** Checks that exactly the running replicas are registered, and that all watches show this state. */
  checkFinalState(): void {
    const { violate } = this.#options;
    const { checker, services, network, server } = this;
    checker.leases.checkAll();
    if (server.instance?.names.status().degraded !== false)
      violate('liveness', 'the server is still degraded');
    for (const check of network.checks) check.checkFinalState();
    const live = new Set<string>();
    for (const { replica, state } of services.running()) {
      const { id, leaving } = replica;
      const service = checker.canonicalOf(replica.service);
      live.add(`${service} ${id}`);
      const is = checker.stored.endpoints.get(service)?.get(id);
      if (!leaving && (state !== 'registered' || is === undefined))
        violate(
          'liveness',
          `${id} of ${service} is running, in state ${state}, and ${is ? '' : 'not '}registered`,
        );
    }
    for (const [service, endpoints] of checker.stored.endpoints)
      for (const id of endpoints.keys())
        if (!live.has(`${service} ${id}`))
          violate('C5.2', `${id} of ${service} is registered and not running`);
  }

  /** Stops everything. */
  async close(): Promise<void> {
    const { runtime, scenario } = this.#options;
    let isOver = false;
    const closing = async (): Promise<void> => {
      if (scenario.startable !== undefined) await this.request(paths.stop, { name: scenario.startable });
      await Promise.all([this.services.close(), this.#monitor.close()]);
      await this.#operator.close();
      await this.server.close();
      this.#operatorProcess.kill();
      isOver = true;
    };
    void closing();
    for (let i = 0; i < 600 && !isOver; i++) await runtime.advance(50);
    if (!isOver) this.#options.violate('close', 'the server did not close within 30 s');
    else this.#audit?.checker.checkEnd(this.#audit.folder.text);
  }

  /** Ids of the registered endpoints of a service that are up, and whose processes accept connections. */
  #serving(name: string): readonly string[] {
    const { replicas } = this.#options;
    const listed = this.checker.stored
      .listed(name)
      .filter(({ draining, starting }) => !draining && !starting);
    return listed
      .map(({ id }) => id)
      .filter((id) => replicas.all.some((replica) => replica.id === id && replicas.accepts(replica.address)));
  }

  #isPartitioned(clientId: string): boolean {
    return this.operations.isPartitioned(clientId) || this.#options.isCutOff(clientId);
  }

  /** Sends a request of an operator. Rejects on an error response. */
  async request(path: string, body: object, headersTimeoutMs = 20_000): Promise<void> {
    const reply = await this.#operator.request(
      { path, body, headersTimeoutMs },
      new AbortController().signal,
    );
    if (reply.status !== 200) throw decodeError(reply.status, reply.body, path);
  }
}
