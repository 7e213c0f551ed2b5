/**
 * A world that one number makes: clerks, services, a registry and what goes wrong with them, all in virtual time. It is
 * troubled for a while, then healed, and must come to rest; an oracle that sees everything judges it.
 *
 * @see promises C1–C4, H1
 */
import type { Kind } from 'binding-clerk';
import {
  createFakeRuntime,
  createMemoryNetwork,
  type FakeRuntime,
  type MemoryNetwork,
} from 'binding-clerk/testing';
import { dice, type Dice } from './dice.js';
import { drawSwarm, endpointOf, Faults, type Swarm } from './faults.js';
import { Journal } from './journal.js';
import { Marks } from './marks.js';
import { Oracle, type CallRecord } from './oracle.js';
import { Program, type CallPlan } from './program.js';
import type { RegistryTrouble, WorldRegistryOptions } from './registry.js';
import { Replicas } from './replicas.js';
import type { Setting } from './setting.js';
import { drawShape, type Shape } from './shape.js';
import { Truth } from './truth.js';

export interface WorldResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly marks: Marks;
  /** The same for every run of a seed. */
  readonly hash: string;
  /** Lines of the trace. */
  readonly events: number;
  readonly lines: readonly string[];
}

/** Runs the world of a seed. */
export async function runWorld(
  seed: number,
  options: { readonly trace?: boolean } = {},
): Promise<WorldResult> {
  const world = new World(seed, options.trace ?? false);
  try {
    await world.run();
  } catch (error) {
    world.oracle.violate(
      'world',
      `it ended with ${error instanceof Error ? String(error.stack) : String(error)}`,
    );
  }
  const { oracle, marks, journal } = world;
  return {
    seed,
    violations: oracle.violations,
    marks,
    hash: journal.hash,
    events: journal.count,
    lines: journal.lines,
  };
}

/** What a seed broke, and the command that shows it. */
export function complaint({ seed, violations }: WorldResult): string {
  const shown = violations.slice(0, 5).map((violation) => `  ${violation}`);
  const more = violations.length > 5 ? [`  and ${violations.length - 5} more`] : [];
  return [`Seed ${seed}: npx tsx test/world/campaign.ts --seed ${seed} --trace`, ...shown, ...more].join(
    '\n',
  );
}

/** How long a world may take to come to rest, in ms. */
const restMs = 60_000;

export class World implements Setting {
  readonly runtime: FakeRuntime;
  readonly network: MemoryNetwork;
  readonly journal: Journal;
  readonly log: (line: string) => void;
  readonly marks = new Marks();
  readonly truth: Truth;
  readonly oracle: Oracle;
  readonly replicas: Replicas;
  readonly shape: Shape;
  readonly swarm: Swarm;
  readonly faults: Faults;
  readonly programs: Program[] = [];
  readonly calls = new Map<string, CallRecord>();
  /** Executions of talks, by call. */
  readonly talkRuns = new Map<string, number>();
  readonly trouble: RegistryTrouble = { down: false, hanging: false, lying: false, slowMs: 0, mute: false };
  healed = false;
  readonly #load: Dice;
  readonly #registryDice: Dice;

  constructor(
    readonly seed: number,
    trace: boolean,
  ) {
    this.runtime = createFakeRuntime({ seed });
    this.journal = new Journal(() => this.runtime.now(), trace);
    this.log = this.journal.log;
    this.truth = new Truth(() => this.runtime.now());
    this.truth.onChange((name) => this.log(`truth ${name}: ${[...(this.truth.endpoints(name)?.keys() ?? ['nobody'])].join(' ')}`));
    const random = dice(seed, 'shape');
    this.shape = drawShape(random);
    this.swarm = drawSwarm(random, this.shape.gentle);
    this.#load = dice(seed, 'load');
    this.#registryDice = dice(seed, 'registry');
    const { latencyMs } = this.shape;
    const jitter = dice(seed, 'network');
    this.network = createMemoryNetwork(this.runtime, {
      latencyMs: () => latencyMs * (0.8 + 0.4 * jitter.unit()) + this.faults.messageDelayMs(),
    });
    const runs = (callId: string): number =>
      this.network.executions.get(callId) ?? this.talkRuns.get(callId) ?? 0;
    this.oracle = new Oracle(this.truth, runs, this.marks, this.log);
    this.replicas = new Replicas(this.network, this.truth, this.log, this.shape.towers);
    this.log(`shape ${JSON.stringify(this.shape)} swarm ${JSON.stringify([...this.swarm])}`);
    this.#populate(random);
    for (let i = 0; i < this.shape.clerks; i++) this.programs.push(new Program(this, `c${i}`, i));
    for (const program of this.programs) {
      for (const service of this.#allServices()) {
        const policy = random.one([
          undefined,
          'random',
          'round-robin',
          'load-aware',
          'least-pending',
          'affinity',
        ] as const);
        program.bind(service, {
          ...(policy && { policy }),
          ...(policy === 'affinity' && { affinity: (path: string) => path }),
        });
      }
    }
    this.faults = new Faults({
      runtime: this.runtime,
      random: dice(seed, 'faults'),
      swarm: this.swarm,
      replicas: this.replicas,
      truth: this.truth,
      trouble: this.trouble,
      services: this.shape.services,
      link: this.shape.link,
      clerks: this.programs.map(({ runtime }) => runtime),
      mark: (mark) => this.marks.hit(mark),
      log: this.log,
    });
  }

  registryOptions(onTold: (name: string, count: number) => void): WorldRegistryOptions {
    const { runtime, truth, trouble, shape, oracle } = this;
    return {
      runtime,
      truth,
      trouble,
      random: this.#registryDice,
      ttlMs: shape.ttlMs,
      promised: shape.promised,
      watches: shape.watches,
      latencyMs: shape.registryMs,
      mark: (mark) => this.marks.hit(mark),
      violate: (promise, what) => oracle.violate(promise, what),
      onTold,
    };
  }

  async run(): Promise<void> {
    const { runtime, shape, faults } = this;
    for (let i = 0; i < shape.calls; i++)
      this.#callAt(this.#load.between(0, shape.troubleMs), this.#drawPlan());
    this.#killStarted();
    await runtime.advance(shape.troubleMs);
    this.log('healed');
    faults.heal();
    this.healed = true;
    for (const { registry } of this.programs) registry.healed();
    await this.#comeToRest();
    await this.#aftershock();
    await this.#close();
    this.oracle.judge();
  }

  #populate(random: Dice): void {
    const { gentle, services, startable, link } = this.shape;
    const serviceMs = random.between(0.5, 20);
    for (const service of services) {
      const count = gentle ? random.int(2, 5) : random.one([1, 2, 2, 3, 3, 4, 5, 7, 9]);
      const replicas = Array.from({ length: count }, (_, i) =>
        this.replicas.start(service, {
          serviceMs: serviceMs * random.between(0.8, 1.5),
          sheltered: gentle && i === 0,
        }),
      );
      this.truth.set(service, new Map(replicas.map((replica) => [replica.id, endpointOf(replica)])));
    }
    if (link !== undefined) this.truth.link(link, random.one(services));
    if (startable !== undefined) this.truth.set(startable, random.chance(0.5) ? new Map() : undefined);
  }

  #allServices(): string[] {
    const { services, startable, link } = this.shape;
    return [...services, startable, link].filter((name) => name !== undefined);
  }

  #drawPlan(): CallPlan {
    const random = this.#load;
    const kind: Kind = random.one(['safe', 'safe', 'idempotent', 'once', 'once']);
    const timeoutMs = random.one([30, 150, 400, 1_000, 2_500, 6_000, 10_000]);
    const aborting = this.swarm.get('caller-abort');
    const aborts = aborting !== undefined && random.chance(0.4 * aborting);
    return {
      service: random.one(this.#allServices()),
      kind,
      how: random.one(['request', 'request', 'json', 'call']),
      timeoutMs,
      abortAfterMs: aborts ? random.between(0, Math.min(timeoutMs, 500)) : undefined,
    };
  }

  #callAt(afterMs: number, plan: CallPlan): void {
    const program = this.#load.one(this.programs);
    this.runtime.setTimer(() => program.call(plan), afterMs);
  }

  /** What a program has started dies sometimes, and nobody tells the registry. */
  #killStarted(): void {
    const { runtime, shape, replicas } = this;
    if (shape.startable === undefined || shape.gentle || this.#load.chance(0.4)) return;
    runtime.setTimer(
      () => {
        for (const replica of replicas.all)
          if (replica.service === shape.startable) replicas.hold(replica, 'down');
      },
      this.#load.between(0, shape.troubleMs),
    );
  }

  /** Calls must succeed again: a few on the way, so that probing goes on, and then each of the last ones. */
  async #comeToRest(): Promise<void> {
    const { runtime } = this;
    const begin = runtime.now();
    const round = (): CallRecord[] =>
      this.programs.flatMap((program) =>
        this.#allServices().map((service) =>
          program.call({ service, kind: 'safe', how: 'json', timeoutMs: 3_000 }),
        ),
      );
    for (const at of [100, 600, 1_500, 3_000, 5_000, 8_000, 12_000, 18_000, 25_000, 35_000, 45_000]) {
      await runtime.advance(begin + at - runtime.now());
      round();
    }
    await runtime.advance(begin + restMs - runtime.now());
    const last: CallRecord[] = [];
    for (let i = 0; i < 3; i++) {
      last.push(...round());
      await runtime.advance(3_100);
    }
    for (const { id, service, outcome } of last) {
      if (outcome?.ok === true) continue;
      this.oracle.violate(
        'liveness',
        `${id} of ${service} fails ${restMs / 1_000} s after everything was healed: ${String(outcome?.error)}`,
      );
    }
    for (const program of this.programs) {
      const { id, runtime: own, open, outstanding } = program;
      for (const { endpoint } of outstanding)
        this.oracle.violate('idle', `${id} is idle and has left a request to ${endpoint} running`);
      for (const service of this.#allServices()) {
        this.#checkRevived(program, service);
        if (program.binding(service).explain().stale)
          this.oracle.violate('liveness', `${id} still uses a stale ${service}`);
      }
      for (const call of open) this.oracle.violate('C2.2', `${call.id} is not settled`);
      if (own.holding > 0)
        this.oracle.violate('idle', `${id} is idle and keeps the process alive with ${own.holding} timers`);
    }
  }

  /** What a storm has taken from a budget is back: a few repeats are not refused. */
  async #aftershock(): Promise<void> {
    if (!this.shape.storm) return;
    this.faults.aftershock();
    for (let i = 0; i < 6; i++) this.#callAt(100 * i, { ...this.#drawPlan(), kind: 'safe', how: 'json' });
    await this.runtime.advance(11_000);
    this.replicas.judge = () => ({});
  }

  /** Calls have arrived for a minute: whoever is well was probed and is used again. */
  #checkRevived(program: Program, service: string): void {
    const { leftOut } = program.binding(service).explain();
    for (const { endpoint, why } of leftOut) {
      const replica = this.replicas.all.find(({ id }) => id === endpoint.id);
      if (replica === undefined || this.replicas.at(replica.address) !== replica || replica.held.down > 0)
        continue;
      this.oracle.violate(
        'liveness',
        `${program.id} leaves out ${endpoint.id} of ${service}, which is well: ${why}`,
      );
    }
  }

  async #close(): Promise<void> {
    const { runtime, marks } = this;
    const random = this.#load;
    for (const program of this.programs) {
      const { clerk, id, runtime: own, registry } = program;
      const busy = random.int(0, 3);
      for (let i = 0; i < busy; i++) program.call({ ...this.#drawPlan(), abortAfterMs: undefined });
      await runtime.advance(random.one([0, 0, 1, 5, 20]));
      const destroys = random.chance(0.4);
      this.log(`${id} is ${destroys ? 'destroyed' : 'closed'} with ${program.open.size} calls`);
      if (program.open.size > 0) marks.hit(destroys ? 'destroyed-with-calls' : 'closed-with-calls');
      if (destroys) for (const call of program.open) call.cutAt = runtime.now();
      let ended = false;
      const ending = (destroys ? clerk.destroy() : clerk.close()).finally(() => (ended = true));
      this.#refusesCalls(program);
      for (let i = 0; !ended && i < 400; i++) await runtime.advance(50);
      if (!ended) {
        this.oracle.violate('close', `${id} does not close within 20 s`);
        continue;
      }
      await ending;
      program.closed = true;
      for (const call of program.open)
        this.oracle.violate('close', `${call.id} is not settled although ${id} is closed`);
      if (own.pending > 0) this.oracle.violate('close', `${id} is closed and leaves ${own.pending} timers`);
      if (registry.closes !== 1)
        this.oracle.violate('close', `${id} closed its registry ${registry.closes} times`);
      if (registry.watchesOpen > 0)
        this.oracle.violate('close', `${id} is closed and leaves ${registry.watchesOpen} watches`);
    }
    await runtime.runUntilIdle();
    if (runtime.pendingTimers > 0)
      this.oracle.violate('close', `${runtime.pendingTimers} timers are left at the end of the world`);
  }

  #refusesCalls(program: Program): void {
    for (const service of this.#allServices()) {
      void program
        .binding(service)
        .json('/')
        .then(
          () => this.oracle.violate('close', `${program.id} takes calls although it is closed`),
          (error: unknown) => {
            const { code } = error as { code?: string };
            if (code === 'CLOSED') this.marks.hit('refused-when-closed');
            else
              this.oracle.violate('close', `${program.id} is closed and fails a call with ${String(code)}`);
          },
        );
    }
  }
}
