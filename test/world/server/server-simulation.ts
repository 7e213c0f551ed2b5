/**
 * The part of a world that the real server makes up: its disk, its wire, its services, an operator who changes things
 * and a watch over all of it; and all that can go wrong with them.
 */
import type { FakeRuntime } from 'binding-clerk/testing';
import { retryLoop } from '../../../src/invoke/p-retry-loop.js';
import { remoteRegistry } from '../../../src/registry/remote/remote-registry.js';
import { decodeError } from '../../../src/protocol/error-codec.js';
import { paths } from '../../../src/protocol/paths.js';
import type { RegistryConnection } from '../../../src/registry-client/connection.js';
import type { ClerkRuntime } from '../clerk-runtime.js';
import { randomStream, type RandomStream } from '../random-stream.js';
import type { CoverageMark } from '../coverage.js';
import type { Replicas } from '../replicas.js';
import type { ServerScenario, Scenario } from '../scenario.js';
import type { GroundTruth } from '../ground-truth.js';
import { SimulatedDisk } from './simulated-disk.js';
import { ServerChecker } from './server-checker.js';
import { SimulatedProcess } from './simulated-process.js';
import { LaunchedProcesses } from './launched-processes.js';
import { policies, ServerOperations } from './server-operations.js';
import { ServiceProcesses } from './service-processes.js';
import { ObservedRegistry } from './observed-registry.js';
import { SimulatedNetwork, type NetworkClient } from './simulated-network.js';
import { manifestName, SimulatedServer } from './simulated-server.js';

export interface ServedWorldOptions {
  readonly seed: number;
  readonly runtime: FakeRuntime;
  readonly shape: Scenario;
  readonly served: ServerScenario;
  readonly names: readonly string[];
  readonly replicas: Replicas;
  readonly truth: GroundTruth;
  readonly isHealed: () => boolean;
  /** Extra time for one message, in ms. */
  readonly messageDelayMs: () => number;
  readonly isCutOff: (who: string) => boolean;
  readonly onTold: (clerk: string, name: string, count: number) => void;
  /** A start that a clerk has asked for brought somebody up. */
  readonly onStarted: (clerk: string, id: string) => void;
  readonly mark: (mark: CoverageMark) => void;
  readonly violate: (promise: string, what: string) => void;
  readonly log: (line: string) => void;
}

export class ServerSimulation {
  readonly disk: SimulatedDisk;
  readonly ledger: ServerChecker;
  readonly server: SimulatedServer;
  readonly services: ServiceProcesses;
  readonly wire: SimulatedNetwork;
  readonly changes: ServerOperations;
  readonly #options: ServedWorldOptions;
  readonly #random: RandomStream;
  readonly #chance: RandomStream;
  readonly #operator: RegistryConnection;
  readonly #operatorAt: SimulatedProcess;
  readonly #monitor: ReturnType<typeof remoteRegistry>;
  /** Starts that clerks wait for. */
  #starts = 0;

  constructor(options: ServedWorldOptions) {
    this.#options = options;
    const { seed, runtime, shape, served, truth, replicas, mark, violate, log, names } = options;
    const now = (): number => runtime.now();
    this.#random = randomStream(seed, 'server');
    this.#chance = randomStream(seed, 'services');
    const onWire = randomStream(seed, 'wire');
    const machine = (id: string): SimulatedProcess => new SimulatedProcess(id, runtime, this.#chance);
    this.ledger = new ServerChecker({
      now,
      names,
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
      onDurable: (changes) => this.ledger.durable(changes),
      onSlow: (from) => this.ledger.leases.outage(from, false),
      onFailed: () => {
        this.ledger.failed();
        this.changes.failed();
      },
    });
    this.wire = new SimulatedNetwork({
      runtime,
      server: () => this.server.instance,
      proxyResponse: () => {
        if (!onWire.chance(0.3)) return undefined;
        mark('answered-by-another');
        return { status: onWire.one([502, 503, 404, 200]), body: undefined, revision: '', incarnation: '' };
      },
      latencyMs: () => shape.registryMs * (0.5 + onWire.uniform()) + options.messageDelayMs(),
      isLost: (who) => {
        if (this.#isApart(who)) return true;
        const { delayedShare } = this.changes;
        if (delayedShare === 0 || !onWire.chance(delayedShare)) return false;
        mark('fault:registry-loss');
        return true;
      },
      isMute: (who) => {
        const { isMute } = this.changes;
        if (isMute) mark('fault:watch-break');
        return isMute || this.#isApart(who);
      },
      check: (who) => ({ clientId: who, stored: this.ledger.stored, mark, violate }),
      onWatchPut: (entry) => this.ledger.pathShown(entry, now()),
    });
    this.services = new ServiceProcesses({
      replicas,
      random: this.#chance,
      machine,
      peer: (asker) => this.wire.connection(asker),
      leaseMs: served.leaseMs,
      onLeft: (request) => this.changes.replay(request),
      launchFailures: shape.launchFailures,
      isHealed: options.isHealed,
      mark,
      log,
    });
    const processes = new LaunchedProcesses({
      checker: this.ledger,
      begin: this.services.startLaunched,
      mark,
      violate,
      log,
    });
    this.server = new SimulatedServer({
      disk: this.disk,
      checker: this.ledger,
      processes,
      machine: () => machine('server'),
      now,
      log,
      onDeath: (life) => this.wire.serverDied(life),
      violate,
    });
    this.changes = new ServerOperations({
      ...options,
      random: this.#random,
      disk: this.disk,
      checker: this.ledger,
      services: this.services,
      server: this.server,
      sendOperatorRequest: (path, body) => this.#order(path, body),
    });
    this.#operatorAt = machine('operator');
    this.#operator = this.wire.connection(this.#operatorAt);
    const monitorAt = machine('monitor');
    this.#monitor = remoteRegistry({
      urls: ['http://registry'],
      clock: monitorAt,
      retry: retryLoop,
      connect: () => this.wire.connection(monitorAt),
    });
  }

  /** Has it all begin, with so many replicas of each service, until everybody is registered. */
  async begin(populate: () => void): Promise<void> {
    const { runtime, shape, served } = this.#options;
    const { guaranteedMs } = served;
    this.server.start();
    await runtime.advance(100);
    const orders: Promise<unknown>[] = shape.services.map((name) =>
      this.#order(paths.define, { name, guaranteedMs, policy: this.#random.one(policies) }),
    );
    if (shape.startable !== undefined)
      orders.push(
        this.#order(paths.define, {
          name: shape.startable,
          guaranteedMs,
          launch: { manifest: manifestName },
        }),
      );
    if (shape.link !== undefined)
      orders.push(
        this.#order(paths.link, { name: shape.link, target: this.#random.one(shape.services), guaranteedMs }),
      );
    await runtime.advance(100);
    await Promise.all(orders);
    populate();
    this.#monitor.watch('/w/**', () => undefined);
    await runtime.advance(200);
  }

  registryOf(clerk: string, runtime: ClerkRuntime): ObservedRegistry {
    const { shape, truth, onTold, onStarted, violate, mark } = this.#options;
    const asker: NetworkClient = {
      id: clerk,
      now: () => runtime.now(),
      wallNow: () => runtime.wallNow(),
      random: () => runtime.random(),
      hostname: () => runtime.hostname(),
      setTimer: (callback, delayMs) => runtime.setTimer(callback, delayMs),
      afterPendingIo: (callback) => runtime.afterPendingIo(callback),
      deliver: (action) => action(),
    };
    const inner = remoteRegistry({
      urls: ['http://registry'],
      clock: runtime,
      retry: retryLoop,
      connect: () => this.wire.connection(asker),
    });
    return new ObservedRegistry(clerk, inner, {
      watches: shape.watches,
      now: () => runtime.now(),
      wasEmpty: (name, from) => truth.wasEmpty(name, from, runtime.now()),
      violate,
      onWatchSnapshot: (name, count) => onTold(clerk, name, count),
      onUpdate: () => mark('watch-update'),
      onStart: () => {
        mark(++this.#starts > 1 ? 'launch-shared' : 'launch-asked');
        return () => this.#starts--;
      },
      onStarted: (id) => onStarted(clerk, id),
    });
  }

  /** Wall clocks that may jump: of services, and of the server. */
  clocks(): readonly SimulatedProcess[] {
    const { machine } = this.server;
    return [...(machine ? [machine] : []), ...[...this.services.running()].map((each) => each.machine)];
  }

  /** Everybody who runs is registered, nobody else is, and everybody who watches sees it so. */
  checkRest(): void {
    const { violate } = this.#options;
    const { ledger, services, wire, server } = this;
    ledger.leases.checkAll();
    if (server.instance?.names.status().degraded !== false)
      violate('liveness', 'the server is not well again');
    for (const check of wire.checks) check.checkFinalState();
    const live = new Set<string>();
    for (const { replica, state } of services.running()) {
      const { service, id, leaving } = replica;
      live.add(`${service} ${id}`);
      const is = ledger.stored.endpoints.get(service)?.get(id);
      if (!leaving && (state !== 'registered' || is === undefined))
        violate('liveness', `${id} of ${service} runs, is ${state}, and is ${is ? '' : 'not '}registered`);
    }
    for (const [service, endpoints] of ledger.stored.endpoints)
      for (const id of endpoints.keys())
        if (!live.has(`${service} ${id}`))
          violate('C5.2', `${id} of ${service} is registered and does not run`);
  }

  /** Everything ends. */
  async close(): Promise<void> {
    const { runtime, shape } = this.#options;
    let isOver = false;
    const closing = async (): Promise<void> => {
      if (shape.startable !== undefined) await this.#order(paths.stop, { name: shape.startable });
      await Promise.all([this.services.close(), this.#monitor.close()]);
      await this.#operator.close();
      await this.server.close();
      this.#operatorAt.kill();
      isOver = true;
    };
    void closing();
    for (let i = 0; i < 600 && !isOver; i++) await runtime.advance(50);
    if (!isOver) this.#options.violate('close', 'the server does not close within 30 s');
  }

  #isApart(who: string): boolean {
    return this.changes.isPartitioned(who) || this.#options.isCutOff(who);
  }

  async #order(path: string, body: object): Promise<void> {
    const reply = await this.#operator.request(
      { path, body, headersTimeoutMs: 20_000 },
      new AbortController().signal,
    );
    if (reply.status !== 200) throw decodeError(reply.status, reply.body, path);
  }
}
