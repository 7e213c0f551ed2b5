/**
 * A world that one number makes: clerks, services, a registry and what goes wrong with them, all in virtual time. It is
 * troubled for a while, then healed, and must come to rest; an oracle that sees everything judges it.
 *
 * @see promises C1–C4, H1
 */
import {
  createFakeRuntime,
  createMemoryNetwork,
  type FakeRuntime,
  type MemoryNetwork,
} from 'binding-clerk/testing';
import type { BindOptions } from 'binding-clerk';
import { dice, type Dice } from './dice.js';
import { Faults } from './faults.js';
import { closeAll } from './closing.js';
import { Journal } from './journal.js';
import { callLater, drawPlan, type Inhabited } from './load.js';
import { Marks, type Mark } from './marks.js';
import { Oracle, type CallRecord } from './oracle.js';
import { Program } from './program.js';
import { PortChanges } from './changes.js';
import type { ClerkRuntime } from './clerk-runtime.js';
import { WorldRegistry, type ProgramRegistry, type RegistryTrouble } from './registry.js';
import { aftershock, comeToRest } from './rest.js';
import { endpointOf, Replicas } from './replicas.js';
import { ServedWorld } from './server/served.js';
import { drawShape, type Shape } from './shape.js';
import { drawSwarm, type Swarm } from './swarm.js';
import { Truth } from './truth.js';

export interface WorldResult {
  readonly seed: number;
  readonly brief: boolean;
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
  options: { readonly trace?: boolean; readonly brief?: boolean } = {},
): Promise<WorldResult> {
  const world = new World(seed, options.trace ?? false, options.brief ?? false);
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
    brief: options.brief ?? false,
    violations: oracle.violations,
    marks,
    hash: journal.hash,
    events: journal.count,
    lines: journal.lines,
  };
}

/** What a seed broke, and the command that shows it. */
export function complaint({ seed, brief, violations }: WorldResult): string {
  const shown = violations.slice(0, 5).map((violation) => `  ${violation}`);
  const more = violations.length > 5 ? [`  and ${violations.length - 5} more`] : [];
  return [
    `Seed ${seed}: npx tsx test/world/campaign.ts ${brief ? '--brief ' : ''}--seed ${seed} --trace`,
    ...shown,
    ...more,
  ].join('\n');
}

export class World implements Inhabited {
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
  readonly names: readonly string[];
  readonly load: Dice;
  /** The real server and its services, in the worlds that have them. */
  readonly served: ServedWorld | undefined;
  readonly #registryDice: Dice;
  readonly #random: Dice;

  constructor(
    readonly seed: number,
    trace: boolean,
    brief: boolean,
  ) {
    this.runtime = createFakeRuntime({ seed });
    this.journal = new Journal(() => this.runtime.now(), trace);
    this.log = this.journal.log;
    this.truth = new Truth(() => this.runtime.now());
    this.truth.onChange((name) =>
      this.log(`truth ${name}: ${[...(this.truth.endpoints(name)?.keys() ?? ['nobody'])].join(' ')}`),
    );
    const random = dice(seed, 'shape');
    this.#random = random;
    this.shape = drawShape(random, dice(seed, 'server', 50), brief);
    const { services, startable, link } = this.shape;
    this.names = [...services, startable, link].filter((name) => name !== undefined);
    this.swarm = drawSwarm(random, this.shape.gentle, this.shape.served !== undefined);
    this.load = dice(seed, 'load');
    this.#registryDice = dice(seed, 'registry');
    const { latencyMs } = this.shape;
    const jitter = dice(seed, 'network');
    const hedges = dice(seed, 'hedges');
    this.network = createMemoryNetwork(this.runtime, {
      latencyMs: () => latencyMs * (0.8 + 0.4 * jitter.unit()) + this.faults.messageDelayMs(),
    });
    const runs = (callId: string): number =>
      this.network.executions.get(callId) ?? this.talkRuns.get(callId) ?? 0;
    this.oracle = new Oracle(this.truth, runs, this.marks, this.log);
    this.replicas = new Replicas(this.network, this.truth, this.log, this.shape.towers);
    this.log(`shape ${JSON.stringify(this.shape)} swarm ${JSON.stringify([...this.swarm])}`);
    this.served = this.#serve();
    if (this.served === undefined) this.#populate(random);
    for (let i = 0; i < this.shape.clerks; i++) this.programs.push(new Program(this, `c${i}`, i));
    for (const program of this.programs) {
      for (const service of this.names) {
        const policy = random.one([
          undefined,
          'random',
          'round-robin',
          'load-aware',
          'least-pending',
          'weighted',
          'primary',
          'affinity',
        ] as const);
        program.bind(service, {
          ...(policy && { policy }),
          ...hedgeOf(hedges, policy),
          ...(policy === 'affinity' && { affinity: (path: string) => path }),
        });
      }
    }
    this.faults = new Faults({
      runtime: this.runtime,
      random: dice(seed, 'faults'),
      swarm: this.swarm,
      replicas: this.replicas,
      changes: this.served?.changes ?? this.#portChanges(),
      services: this.shape.services,
      clerks: this.programs.map(({ runtime }) => runtime),
      clocks: () => [...this.programs.map(({ runtime }) => runtime), ...(this.served?.clocks() ?? [])],
      mark: (mark) => this.marks.hit(mark),
      log: this.log,
    });
  }

  registryOf(clerk: string, own: ClerkRuntime): ProgramRegistry {
    const { runtime, truth, trouble, shape, oracle } = this;
    if (this.served) return this.served.registryOf(clerk, own);
    return new WorldRegistry(clerk, {
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
      onTold: (name, count) => oracle.told(clerk, name, count),
    });
  }

  get usableMs(): number {
    const { served, ttlMs, watches, registryMs } = this.shape;
    if (served === undefined) return (ttlMs ?? 5_000) + (watches ? registryMs : 0);
    // What a watch tells is as old as its way was long.
    return 5_000 + (watches ? 2 * registryMs + 400 : 0);
  }

  get staleAfterMs(): number {
    // An entry that is frozen is promised for less and less.
    return this.shape.served === undefined ? (this.shape.ttlMs ?? 5_000) : 0;
  }

  async run(): Promise<void> {
    const { runtime, shape, faults } = this;
    await this.served?.begin(() => this.#populate(this.#random));
    faults.begin();
    for (let i = 0; i < shape.calls; i++)
      callLater(this, this.load.between(0, shape.troubleMs), drawPlan(this));
    this.#killStarted();
    await runtime.advance(shape.troubleMs);
    this.log('healed');
    faults.heal();
    this.healed = true;
    for (const { registry } of this.programs) registry.healed();
    await comeToRest(this);
    await aftershock(this);
    await closeAll(this);
    this.oracle.judge();
  }

  #serve(): ServedWorld | undefined {
    const { seed, runtime, shape, names, replicas, truth, marks, oracle, log } = this;
    if (shape.served === undefined) return undefined;
    return new ServedWorld({
      seed,
      runtime,
      shape,
      served: shape.served,
      names,
      replicas,
      truth,
      // Failures are held against a name for a minute.
      isHealed: () => runtime.now() > shape.troubleMs - 5_000,
      messageDelayMs: () => this.faults.messageDelayMs(),
      isCutOff: (who) => this.faults.isCutOff(who),
      onTold: (clerk, name, count) => oracle.told(clerk, name, count),
      onStarted: (clerk, id) => this.programs.find((program) => program.id === clerk)?.started.add(id),
      mark: (mark) => marks.hit(mark),
      violate: (promise, what) => oracle.violate(promise, what),
      log,
    });
  }

  #portChanges(): PortChanges {
    const { seed, runtime, replicas, truth, trouble, shape, marks, log } = this;
    const { services, link } = shape;
    const random = dice(seed, 'faults', 50);
    const mark = (each: Mark): void => marks.hit(each);
    return new PortChanges({ runtime, random, replicas, truth, trouble, services, link, mark, log });
  }

  #populate(random: Dice): void {
    const { gentle, services, startable, link } = this.shape;
    const serviceMs = random.between(0.5, 20);
    for (const service of services) {
      const count = gentle ? random.int(2, 5) : random.one([1, 2, 2, 3, 3, 4, 5, 7, 9]);
      const replicas = Array.from({ length: count }, (_, i) =>
        (this.served?.services ?? this.replicas).start(service, {
          serviceMs: serviceMs * random.between(0.8, 1.5),
          sheltered: gentle && i === 0,
        }),
      );
      if (this.served === undefined)
        this.truth.set(service, new Map(replicas.map((replica) => [replica.id, endpointOf(replica)])));
    }
    if (this.served !== undefined) return;
    if (link !== undefined) this.truth.link(link, random.one(services));
    if (startable !== undefined) this.truth.set(startable, random.chance(0.5) ? new Map() : undefined);
  }

  /** What a program has started dies sometimes, and nobody tells the registry. */
  #killStarted(): void {
    const { runtime, shape, replicas } = this;
    if (shape.startable === undefined || shape.gentle || this.load.chance(0.4)) return;
    runtime.setTimer(
      () => {
        for (const replica of replicas.all)
          if (replica.service === shape.startable && !replica.ended) replicas.hold(replica, 'down');
      },
      this.load.between(0, shape.troubleMs),
    );
  }
}

/** One binding in eight is hedged, and one in sixteen races. */
function hedgeOf(hedges: Dice, policy: string | undefined): BindOptions {
  const drawn = hedges.unit();
  if (drawn < 1 / 16 && policy !== 'affinity') return { policy: 'first-to-respond' };
  if (drawn > 3 / 16) return {};
  return { hedge: hedges.one([true, { afterMs: 5 }, { afterMs: 20, share: 1 }, { afterMs: 0, share: 0.3 }]) };
}
