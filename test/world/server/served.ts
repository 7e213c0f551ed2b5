/**
 * The part of a world that the real server makes up: its disk, its wire, its services, an operator who changes things
 * and a watch over all of it; and all that can go wrong with them.
 */
import type { FakeRuntime } from 'binding-clerk/testing';
import { retry } from '../../../src/invoke/retry.js';
import { referenceRegistry } from '../../../src/registry/reference.js';
import { errorOf } from '../../../src/wire/failure.js';
import { paths } from '../../../src/wire/paths.js';
import type { Peer } from '../../../src/wire/peer.js';
import type { ClerkRuntime } from '../clerk-runtime.js';
import { dice, type Dice } from '../dice.js';
import type { Mark } from '../marks.js';
import type { Replicas } from '../replicas.js';
import type { Served, Shape } from '../shape.js';
import type { Truth } from '../truth.js';
import { Disk } from './disk.js';
import { Ledger } from './ledger.js';
import { Machine } from './machine.js';
import { WorldProcesses } from './processes.js';
import { policies, ServedChanges } from './served-changes.js';
import { Services } from './services.js';
import { ServedRegistry } from './served-registry.js';
import { Wire, type Asker } from './wire.js';
import { manifestName, WorldServer } from './world-server.js';

export interface ServedWorldOptions {
  readonly seed: number;
  readonly runtime: FakeRuntime;
  readonly shape: Shape;
  readonly served: Served;
  readonly names: readonly string[];
  readonly replicas: Replicas;
  readonly truth: Truth;
  readonly isHealed: () => boolean;
  /** Extra time for one message, in ms. */
  readonly messageDelayMs: () => number;
  readonly isCutOff: (who: string) => boolean;
  readonly onTold: (clerk: string, name: string, count: number) => void;
  /** A start that a clerk has asked for brought somebody up. */
  readonly onStarted: (clerk: string, id: string) => void;
  readonly mark: (mark: Mark) => void;
  readonly violate: (promise: string, what: string) => void;
  readonly log: (line: string) => void;
}

export class ServedWorld {
  readonly disk: Disk;
  readonly ledger: Ledger;
  readonly server: WorldServer;
  readonly services: Services;
  readonly wire: Wire;
  readonly changes: ServedChanges;
  readonly #options: ServedWorldOptions;
  readonly #random: Dice;
  readonly #chance: Dice;
  readonly #operator: Peer;
  readonly #operatorAt: Machine;
  readonly #monitor: ReturnType<typeof referenceRegistry>;
  /** Starts that clerks wait for. */
  #starts = 0;

  constructor(options: ServedWorldOptions) {
    this.#options = options;
    const { seed, runtime, shape, served, truth, replicas, mark, violate, log, names } = options;
    const now = (): number => runtime.now();
    this.#random = dice(seed, 'server');
    this.#chance = dice(seed, 'services');
    const onWire = dice(seed, 'wire');
    const machine = (id: string): Machine => new Machine(id, runtime, this.#chance);
    this.ledger = new Ledger({
      now,
      names,
      truth,
      mark,
      violate,
      log,
      stateOf: (name, id, epoch) => this.services.stateOf(name, id, epoch),
    });
    this.disk = new Disk({
      runtime,
      random: dice(seed, 'disk'),
      mark,
      log,
      onSafe: (changes) => this.ledger.safe(changes),
      onSlow: (from) => this.ledger.leases.outage(from, false),
      onFailed: () => {
        this.ledger.failed();
        this.changes.failed();
      },
    });
    this.wire = new Wire({
      runtime,
      life: () => this.server.life,
      inItsPlace: () => {
        if (!onWire.chance(0.3)) return undefined;
        mark('answered-by-another');
        return { status: onWire.one([502, 503, 404, 200]), body: undefined, revision: '', incarnation: '' };
      },
      latencyMs: () => shape.registryMs * (0.5 + onWire.unit()) + options.messageDelayMs(),
      isLost: (who) => {
        if (this.#isApart(who)) return true;
        const { lossShare } = this.changes;
        if (lossShare === 0 || !onWire.chance(lossShare)) return false;
        mark('fault:registry-loss');
        return true;
      },
      isMute: (who) => {
        const { isMute } = this.changes;
        if (isMute) mark('fault:watch-break');
        return isMute || this.#isApart(who);
      },
      check: (who) => ({ who, picture: this.ledger.picture, mark, violate }),
      onShown: (entry) => this.ledger.shown(entry, now()),
    });
    this.services = new Services({
      replicas,
      random: this.#chance,
      machine,
      peer: (asker) => this.wire.peer(asker),
      leaseMs: served.leaseMs,
      onLeft: (request) => this.changes.replay(request),
      launchFailures: shape.launchFailures,
      isHealed: options.isHealed,
      mark,
      log,
    });
    const processes = new WorldProcesses({
      ledger: this.ledger,
      begin: this.services.launched,
      mark,
      violate,
      log,
    });
    this.server = new WorldServer({
      disk: this.disk,
      ledger: this.ledger,
      processes,
      machine: () => machine('server'),
      now,
      log,
      onDeath: (life) => this.wire.broken(life),
      violate,
    });
    this.changes = new ServedChanges({
      ...options,
      random: this.#random,
      disk: this.disk,
      ledger: this.ledger,
      services: this.services,
      server: this.server,
      order: (path, body) => this.#order(path, body),
    });
    this.#operatorAt = machine('operator');
    this.#operator = this.wire.peer(this.#operatorAt);
    const monitorAt = machine('monitor');
    this.#monitor = referenceRegistry({
      urls: ['http://registry'],
      clock: monitorAt,
      retry,
      connect: () => this.wire.peer(monitorAt),
    });
  }

  /** Has it all begin, with so many replicas of each service, until everybody is registered. */
  async begin(populate: () => void): Promise<void> {
    const { runtime, shape, served } = this.#options;
    const { promiseMs } = served;
    this.server.start();
    await runtime.advance(100);
    const orders: Promise<unknown>[] = shape.services.map((name) =>
      this.#order(paths.define, { name, promiseMs, policy: this.#random.one(policies) }),
    );
    if (shape.startable !== undefined)
      orders.push(
        this.#order(paths.define, { name: shape.startable, promiseMs, launch: { manifest: manifestName } }),
      );
    if (shape.link !== undefined)
      orders.push(
        this.#order(paths.link, { name: shape.link, target: this.#random.one(shape.services), promiseMs }),
      );
    await runtime.advance(100);
    await Promise.all(orders);
    populate();
    this.#monitor.watch('/w/**', () => undefined);
    await runtime.advance(200);
  }

  registryOf(clerk: string, runtime: ClerkRuntime): ServedRegistry {
    const { shape, truth, onTold, onStarted, violate, mark } = this.#options;
    const asker: Asker = {
      id: clerk,
      now: () => runtime.now(),
      wallNow: () => runtime.wallNow(),
      random: () => runtime.random(),
      hostname: () => runtime.hostname(),
      setTimer: (callback, delayMs) => runtime.setTimer(callback, delayMs),
      afterArrivals: (callback) => runtime.afterArrivals(callback),
      deliver: (action) => action(),
    };
    const inner = referenceRegistry({
      urls: ['http://registry'],
      clock: runtime,
      retry,
      connect: () => this.wire.peer(asker),
    });
    return new ServedRegistry(clerk, inner, {
      watches: shape.watches,
      now: () => runtime.now(),
      wasEmpty: (name, from) => truth.wasEmpty(name, from, runtime.now()),
      violate,
      onTold: (name, count) => onTold(clerk, name, count),
      onUpdate: () => mark('watch-update'),
      onStart: () => {
        mark(++this.#starts > 1 ? 'launch-shared' : 'launch-asked');
        return () => this.#starts--;
      },
      onStarted: (id) => onStarted(clerk, id),
    });
  }

  /** Wall clocks that may jump: of services, and of the server. */
  clocks(): readonly Machine[] {
    const { machine } = this.server;
    return [...(machine ? [machine] : []), ...[...this.services.running()].map((each) => each.machine)];
  }

  /** Everybody who runs is registered, nobody else is, and everybody who watches sees it so. */
  checkRest(): void {
    const { violate } = this.#options;
    const { ledger, services, wire, server } = this;
    ledger.leases.checkAll();
    if (server.life?.names.status().degraded !== false) violate('liveness', 'the server is not well again');
    for (const check of wire.checks) check.atRest();
    const live = new Set<string>();
    for (const { replica, state } of services.running()) {
      const { service, id, leaving } = replica;
      live.add(`${service} ${id}`);
      const is = ledger.picture.endpoints.get(service)?.get(id);
      if (!leaving && (state !== 'registered' || is === undefined))
        violate('liveness', `${id} of ${service} runs, is ${state}, and is ${is ? '' : 'not '}registered`);
    }
    for (const [service, endpoints] of ledger.picture.endpoints)
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
    return this.changes.isCut(who) || this.#options.isCutOff(who);
  }

  async #order(path: string, body: object): Promise<void> {
    const reply = await this.#operator.ask({ path, body, headMs: 20_000 }, new AbortController().signal);
    if (reply.status !== 200) throw errorOf(reply.status, reply.body, path);
  }
}
