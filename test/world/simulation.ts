import {
  createFakeRuntime,
  createMemoryNetwork,
  type FakeRuntime,
  type MemoryNetwork,
} from 'binding-clerk/testing';
import { drawBindOptions } from './bind-options.js';
import { randomStream, type RandomStream } from './random-stream.js';
import { FaultInjector } from './fault-injector.js';
import { closeAllClients } from './shutdown-check.js';
import { Trace } from './trace.js';
import { scheduleCall, drawCall, type SimulationState } from './workload.js';
import { Coverage, type CoverageMark } from './coverage.js';
import { Oracle, type CallRecord } from './oracle.js';
import { SimulatedClient } from './simulated-client.js';
import { PortOperations } from './operations.js';
import type { ClerkRuntime } from './clerk-runtime.js';
import { SimulatedRegistry, type ClientRegistry, type RegistryState } from './simulated-registry.js';
import { checkBudgetRefills, checkConvergence } from './convergence-check.js';
import { endpointOf, Replicas } from './replicas.js';
import { checkLauncher } from './server/launcher-check.js';
import { ServerSimulation } from './server/server-simulation.js';
import { drawScenario, type Scenario, type SimulationForm } from './scenario.js';
import { drawIncident, type Incident } from './steady/incident.js';
import { runSteadily } from './steady/steady-run.js';
import { drawFaultMix, type FaultMix } from './fault-mix.js';
import { GroundTruth } from './ground-truth.js';
import { CallerHabits, drawHabits } from './dominance/caller-habits.js';
import { callIdOfPath } from './dominance/call-secrets.js';
import { DominanceOracle } from './dominance/dominance-oracle.js';
import { drawRouteReply } from './dominance/route-reply.js';
import { attemptOfPath } from './observed-transport.js';

export interface SimulationResult {
  readonly seed: number;
  readonly form: SimulationForm;
  readonly violations: readonly string[];
  readonly coverage: Coverage;
  /** Hash of the trace; the same for every run of a seed. */
  readonly hash: string;
  /** Number of lines of the trace. */
  readonly events: number;
  readonly lines: readonly string[];
}

export interface SimulationOptions {
  /** Keeps the lines of the trace. */
  readonly trace?: boolean;
  /** Default: full. */
  readonly form?: SimulationForm;
}

/** Runs the simulation of a seed. */
export async function runSimulation(
  seed: number,
  options: SimulationOptions = {},
): Promise<SimulationResult> {
  const simulation = new Simulation(seed, options);
  try {
    await simulation.run();
  } catch (error) {
    simulation.oracle.violate(
      'world',
      `the simulation failed: ${error instanceof Error ? String(error.stack) : String(error)}`,
    );
  }
  const { oracle, coverage, trace } = simulation;
  return {
    seed,
    form: options.form ?? 'full',
    violations: oracle.violations,
    coverage,
    hash: trace.hash,
    events: trace.count,
    lines: trace.lines,
  };
}

/** The violations of a seed, and the command that reproduces them. */
export function describeViolations({ seed, form, violations }: SimulationResult): string {
  const shown = violations.slice(0, 5).map((violation) => `  ${violation}`);
  const more = violations.length > 5 ? [`  and ${violations.length - 5} more`] : [];
  return [
    `Seed ${seed}: npx tsx test/world/campaign.ts ${form === 'full' ? '' : `--${form} `}--seed ${seed} --trace`,
    ...shown,
    ...more,
  ].join('\n');
}

/**
 * A simulation that a seed determines: clerks, services, a registry and their faults, in virtual time. After a period with faults
 * it must converge. An oracle that observes everything checks the guarantees.
 *
 * @see [C1](../../docs/guarantees.md#c1), [C2](../../docs/guarantees.md#c2), [C3](../../docs/guarantees.md#c3), [C4](../../docs/guarantees.md#c4), [H1](../../docs/guarantees.md#h1)
 */
export class Simulation implements SimulationState {
  readonly runtime: FakeRuntime;
  readonly network: MemoryNetwork;
  readonly trace: Trace;
  readonly log: (line: string) => void;
  readonly coverage = new Coverage();
  readonly truth: GroundTruth;
  readonly oracle: Oracle;
  readonly replicas: Replicas;
  readonly scenario: Scenario;
  readonly faultMix: FaultMix;
  readonly faults: FaultInjector;
  /** Set in steady simulations. */
  readonly incident: Incident | undefined;
  readonly habits: CallerHabits;
  readonly dominance: DominanceOracle;
  readonly clients: SimulatedClient[] = [];
  readonly calls = new Map<string, CallRecord>();
  /** Executions of custom-protocol calls, by call id. */
  readonly customCallRuns = new Map<string, number>();
  readonly registryState: RegistryState = {
    down: false,
    hanging: false,
    lying: false,
    slowMs: 0,
    watchesSilent: false,
  };
  healed = false;
  readonly names: readonly string[];
  readonly workload: RandomStream;
  /** The bundled server and its services, in simulations that have them. */
  readonly server: ServerSimulation | undefined;
  readonly #registryRandom: RandomStream;
  readonly #random: RandomStream;

  constructor(
    readonly seed: number,
    options: SimulationOptions,
  ) {
    const { trace = false, form = 'full' } = options;
    this.runtime = createFakeRuntime({ seed });
    this.trace = new Trace(() => this.runtime.now(), trace);
    this.log = this.trace.log;
    this.truth = new GroundTruth(() => this.runtime.now());
    this.truth.onChange((name) =>
      this.log(`truth ${name}: ${[...(this.truth.endpoints(name)?.keys() ?? ['absent'])].join(' ')}`),
    );
    const random = randomStream(seed, 'shape');
    const callers = randomStream(seed, 'callers');
    this.#random = random;
    this.scenario = drawScenario(
      random,
      randomStream(seed, 'server', 50),
      callers.chance(form === 'full' ? 0.1 : 0.3),
      form,
    );
    this.incident = form === 'steady' ? drawIncident(callers) : undefined;
    const drawn = drawHabits(callers, this.scenario.isHarmless);
    this.habits = new CallerHabits(callers, this.incident?.habits ?? drawn);
    const { services, startable, link } = this.scenario;
    this.names = [...services, startable, link].filter((name) => name !== undefined);
    this.faultMix = this.incident === undefined ? drawFaultMix(random, this.scenario) : new Map();
    this.workload = randomStream(seed, 'load');
    this.#registryRandom = randomStream(seed, 'registry');
    const { latencyMs } = this.scenario;
    const jitter = randomStream(seed, 'network');
    const hedges = randomStream(seed, 'hedges');
    const waits = randomStream(seed, 'waits');
    this.network = createMemoryNetwork(this.runtime, {
      latencyMs: () => latencyMs * (0.8 + 0.4 * jitter.uniform()) + this.faults.messageDelayMs(),
    });
    const runs = (callId: string): number =>
      this.network.executions.get(callId) ?? this.customCallRuns.get(callId) ?? 0;
    this.oracle = new Oracle(this.truth, runs, this.coverage, this.log);
    this.replicas = new Replicas(this.network, this.truth, this.log, this.scenario.hasDeadFirstAddress, () =>
      this.runtime.now(),
    );
    this.dominance = this.#createDominanceOracle();
    this.log(
      `shape ${JSON.stringify(this.scenario)} faults ${JSON.stringify([...this.faultMix])} habits ${this.habits.kinds.join(' ')}`,
    );
    this.server = this.#serve();
    if (this.server === undefined) this.#populate(random);
    for (let i = 0; i < this.scenario.clerks; i++) this.clients.push(new SimulatedClient(this, `c${i}`, i));
    for (const client of this.clients) {
      for (const service of this.names) {
        client.bind(service, drawBindOptions(random, hedges, waits));
      }
    }
    this.faults = new FaultInjector({
      runtime: this.runtime,
      random: randomStream(seed, 'faults'),
      mix: this.faultMix,
      replicas: this.replicas,
      operations: this.server?.operations ?? this.#portOperations(),
      services: this.scenario.services,
      clerks: this.clients.map(({ runtime }) => runtime),
      clocks: () => [...this.clients.map(({ runtime }) => runtime), ...(this.server?.clocks() ?? [])],
      mark: (mark) => this.coverage.hit(mark),
      log: this.log,
    });
  }

  registryOf(clerk: string, own: ClerkRuntime): ClientRegistry {
    const { runtime, truth, registryState, scenario, oracle } = this;
    if (this.server) return this.server.registryOf(clerk, own);
    return new SimulatedRegistry(clerk, {
      runtime,
      truth,
      state: registryState,
      random: this.#registryRandom,
      ttlMs: scenario.ttlMs,
      usesGuarantee: scenario.usesGuarantee,
      watches: scenario.watches,
      latencyMs: scenario.registryMs,
      mark: (mark) => this.coverage.hit(mark),
      violate: (clause, what) => oracle.violate(clause, what),
      onWatchSnapshot: (name, count) => oracle.resolved(clerk, name, count),
      onResolve: (name) => this.clients.find(({ id }) => id === clerk)?.nested.offer('resolve', name),
      onReport: (report) => this.dominance.reported(clerk, report),
    });
  }

  get usableMs(): number {
    const { server, ttlMs, watches, registryMs } = this.scenario;
    if (server === undefined) return (ttlMs ?? 5_000) + (watches ? registryMs : 0);
    // The latency of a watch adds to the age of its snapshots.
    return 5_000 + (watches ? 2 * registryMs + 400 : 0);
  }

  get staleAfterMs(): number {
    // The guarantee of a frozen entry shrinks to 0.
    return this.scenario.server === undefined ? (this.scenario.ttlMs ?? 5_000) : 0;
  }

  async run(): Promise<void> {
    const { runtime, scenario, faults } = this;
    await this.server?.begin(() => this.#populate(this.#random));
    if (this.incident !== undefined) await runSteadily(this, this.incident);
    faults.begin();
    for (let i = 0; i < scenario.calls; i++)
      scheduleCall(this, this.workload.between(0, scenario.faultPeriodMs), drawCall(this));
    this.#scheduleKillOfStarted();
    await runtime.advance(scenario.faultPeriodMs);
    this.log('all faults end');
    faults.heal();
    this.healed = true;
    for (const { registry } of this.clients) registry.healed();
    if (this.incident === undefined) await checkConvergence(this);
    await checkLauncher(this);
    await checkBudgetRefills(this);
    await closeAllClients(this);
    this.oracle.checkExecutions();
  }

  #serve(): ServerSimulation | undefined {
    const { seed, runtime, scenario, names, replicas, truth, coverage, oracle, log } = this;
    if (scenario.server === undefined) return undefined;
    return new ServerSimulation({
      seed,
      runtime,
      scenario,
      settings: scenario.server,
      names,
      replicas,
      truth,
      // The launcher counts failures for a minute.
      isHealed: () => runtime.now() > scenario.faultPeriodMs - 5_000,
      messageDelayMs: () => this.faults.messageDelayMs(),
      isCutOff: (id) => this.faults.isCutOff(id),
      onWatchSnapshot: (clerk, name, count) => oracle.resolved(clerk, name, count),
      onStarted: (clerk, id) => this.clients.find((client) => client.id === clerk)?.started.add(id),
      mark: (mark) => coverage.hit(mark),
      violate: (clause, what) => oracle.violate(clause, what),
      log,
    });
  }

  /** The oracle of C9, which sees every request that a server handles. */
  #createDominanceOracle(): DominanceOracle {
    const { replicas, runtime, coverage, oracle, habits, log } = this;
    const random = randomStream(this.seed, 'routes');
    replicas.routeRule = (replica, request) => drawRouteReply(habits, random, replica, request, coverage);
    const dominance = new DominanceOracle({
      clock: runtime,
      coverage,
      maxLatencyMs: () => 1.2 * this.scenario.latencyMs + this.faults.maxMessageDelayMs,
      isHealthySince: (id, at) => replicas.isHealthySince(id, at),
      violate: (clause, what) => oracle.violate(clause, what),
      log,
    });
    replicas.onRequest = (replica, request, reply) => {
      const call = this.calls.get(callIdOfPath(request.path) ?? '');
      if (call !== undefined)
        dominance.requestHandled(call, attemptOfPath(request.path), replica, request, reply);
    };
    return dominance;
  }

  #portOperations(): PortOperations {
    const { seed, runtime, replicas, truth, registryState, scenario, coverage, log } = this;
    const { services, link } = scenario;
    const random = randomStream(seed, 'faults', 50);
    const mark = (each: CoverageMark): void => coverage.hit(each);
    return new PortOperations({ runtime, random, replicas, truth, registryState, services, link, mark, log });
  }

  #populate(random: RandomStream): void {
    const { isSurvivable, services, startable, link } = this.scenario;
    const serviceMs = random.between(0.5, 20);
    for (const service of services) {
      const count =
        this.incident?.endpoints ??
        (isSurvivable ? random.int(2, 5) : random.one([1, 2, 2, 3, 3, 4, 5, 7, 9]));
      const replicas = Array.from({ length: count }, (_, i) =>
        (this.server?.services ?? this.replicas).start(service, {
          serviceMs: serviceMs * (this.incident === undefined ? random.between(0.8, 1.5) : 1),
          isProtected: isSurvivable && i === 0,
        }),
      );
      if (this.server === undefined)
        this.truth.set(service, new Map(replicas.map((replica) => [replica.id, endpointOf(replica)])));
    }
    if (this.server !== undefined) return;
    if (link !== undefined) this.truth.link(link, random.one(services));
    if (startable !== undefined) this.truth.set(startable, random.chance(0.5) ? new Map() : undefined);
  }

  /** Kills the endpoints that clients have started, without a change of the registry. */
  #scheduleKillOfStarted(): void {
    const { runtime, scenario, replicas } = this;
    if (scenario.startable === undefined || scenario.isSurvivable || this.workload.chance(0.4)) return;
    runtime.setTimer(
      () => {
        for (const replica of replicas.all)
          if (replica.service === scenario.startable && !replica.ended) replicas.impair(replica, 'down');
      },
      this.workload.between(0, scenario.faultPeriodMs),
    );
  }
}
