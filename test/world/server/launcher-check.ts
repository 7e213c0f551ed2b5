import { paths } from '../../../src/protocol/paths.js';
import type { Route } from '../dominance/route.js';
import type { CallRecord } from '../oracle.js';
import { randomStream, type RandomStream } from '../random-stream.js';
import type { Replica } from '../replicas.js';
import type { SimulationState } from '../workload.js';
import type { ServerScenario } from '../scenario.js';
import type { ServerSimulation } from './server-simulation.js';

/** Bound of C6.4 for a frozen process, beyond the start of the program, in ms. */
const replacementMs = 3_000;
/** A drain lasts until no client uses an earlier lookup: at most the lifetime of a lookup and the time of its answer, in ms. */
const maxDrainMs = 7_000;
/** Timeout of calls that may wait for a drain and a start, in ms. */
const patientMs = 30_000;

/** The route of calls that last long. */
const longRoute: Route = { segment: 'long', kind: 'usual', draw: () => undefined };
const shortRoute: Route = { segment: 'short', kind: 'usual', draw: () => undefined };

/**
 * Checks a launched service after all faults have ended: a frozen process is replaced, all instances are replaced one by one
 * while calls continue, and the service is stopped when it has no calls, and not before.
 *
 * @see [C6.4](../../../docs/guarantees.md#c6-4), [C6.6](../../../docs/guarantees.md#c6-6), [C6.8](../../../docs/guarantees.md#c6-8)
 */
export async function checkLauncher(simulation: SimulationState): Promise<void> {
  const { server, scenario } = simulation;
  if (server === undefined || scenario.server === undefined || scenario.startable === undefined) return;
  const check = new LauncherCheck(simulation, server, scenario.server, scenario.startable);
  await check.run();
}

class LauncherCheck {
  readonly #random: RandomStream;
  /** Duration of calls of `longRoute`, in ms. */
  #longMs = 0;

  constructor(
    readonly simulation: SimulationState,
    readonly server: ServerSimulation,
    readonly settings: ServerScenario,
    readonly name: string,
  ) {
    this.#random = randomStream(simulation.seed, 'launcher');
  }

  async run(): Promise<void> {
    const { replicas } = this.simulation;
    const rule = replicas.replyRule;
    replicas.replyRule = (replica, request) =>
      request.path.startsWith(`/${longRoute.segment}/`) ? { delayMs: this.#longMs } : rule(replica, request);
    await this.#endOthers();
    await this.#checkFrozen();
    if (this.#random.chance(0.5)) await this.#checkCopy();
    await this.#checkReset();
    await this.#checkIdle();
    replicas.replyRule = rule;
  }

  /** Ends the processes whose launch records the registry has lost, and all others if there are several. */
  async #endOthers(): Promise<void> {
    const { services } = this.server;
    const launched = [...services.launched()].map(({ replica }) => replica);
    const forgotten = launched.filter(({ id }) => !this.server.isSupervised(this.name, id));
    for (const replica of forgotten) services.kill(replica);
    if (forgotten.length > 0) await this.simulation.runtime.advance(3 * this.settings.leaseMs);
    if (launched.length - forgotten.length > 1) {
      const stopping = this.server.request(paths.stop, { name: this.name });
      await this.simulation.runtime.advance(2 * maxDrainMs);
      await stopping;
    }
  }

  /** A second registry on a copy of the data neither has nor stops the processes of the first one. */
  async #checkCopy(): Promise<void> {
    const { runtime, coverage } = this.simulation;
    const instance = await this.#runningInstance();
    let isOver = false;
    void this.server.server.openCopy(this.name).finally(() => (isOver = true));
    for (let i = 0; i < 400 && !isOver; i++) await runtime.advance(50);
    if (!isOver) this.#violate('C6.7', 'a registry on a copied folder does not end');
    if (instance?.ended === true)
      this.#violate('C6.7', `${instance.id} has ended because its folder was copied`);
    coverage.hit('registry-copied');
  }

  /** A frozen process is replaced within the bound, and does not serve after it wakes. */
  async #checkFrozen(): Promise<void> {
    const { replicas, runtime } = this.simulation;
    const frozen = await this.#runningInstance();
    if (frozen === undefined) return;
    // The end of a process that has just started would count as a failed start.
    for (let i = 0; i < 11; i++) {
      await this.#settle([this.#call('safe')]);
      await runtime.advance(1_000);
    }
    const frozenAt = runtime.now();
    this.server.launches.frozen(frozen);
    replicas.impair(frozen, 'paused');
    const calls = [this.#call('safe')];
    const more = this.#random.int(0, 6);
    for (let i = 0; i < more; i++) {
      await runtime.advance(this.#random.between(10, 1_000));
      calls.push(this.#call(this.#random.one(['safe', 'idempotent'])));
    }
    await this.#settle(calls);
    this.#requireSuccess(calls, 'a process was frozen');
    const [first] = calls as [CallRecord];
    const next = [...this.server.services.launched()].find(({ spawnedAt }) => spawnedAt > frozenAt);
    const startMs = next?.upAt === undefined ? 0 : next.upAt - next.spawnedAt;
    const allowedMs = replacementMs + startMs + this.#messagesMs(12);
    const tookMs = (first.settledAt ?? Infinity) - first.startedAt;
    if (tookMs > allowedMs)
      this.#violate(
        'C6.4',
        `${first.id} takes ${tookMs.toFixed(0)} ms after ${frozen.id} was frozen; ${allowedMs.toFixed(0)} ms are allowed`,
      );
    await runtime.advance(this.#random.between(0, 4_000));
    this.server.launches.thawed(frozen);
    replicas.restore(frozen, 'paused');
    const later = [0, 1, 2].map(() => this.#call('safe'));
    await runtime.advance(this.settings.leaseMs);
    await this.#settle(later);
    this.#requireSuccess(later, 'a process that was frozen and replaced has woken');
    if (!frozen.ended || this.#isListed(frozen))
      this.#violate('C6.4', `${frozen.id} runs or is registered although it was frozen and replaced`);
    this.simulation.coverage.hit('frozen-replaced');
  }

  /** All instances are replaced one by one, and no call fails. */
  async #checkReset(): Promise<void> {
    const { runtime, coverage } = this.simulation;
    const { services, launches, request } = {
      services: this.server.services,
      launches: this.server.launches,
      request: (body: object) => this.server.request(paths.reset, body, patientMs),
    };
    if ((await this.#runningInstance()) === undefined) return;
    const other = this.#random.chance(0.5) ? services.start(this.name, { serviceMs: 5 }) : undefined;
    if (other !== undefined) await runtime.advance(4_000);
    const old = [...services.launched()].map(({ replica }) => replica);
    this.#longMs = this.#random.between(1_000, 10_000);
    const calls = [this.#call('once', longRoute), this.#call('once', longRoute)];
    await runtime.advance(this.#random.between(50, 500));
    launches.resetBegins(this.name, this.settings.manifest.maxInstances > old.length);
    let isOver = false;
    request({ name: this.name, rolling: true })
      .catch((error: unknown) => this.#violate('C6.8', `the reset of ${this.name} fails: ${String(error)}`))
      .finally(() => (isOver = true));
    for (let i = 0; i < 120 && !isOver; i++) {
      calls.push(this.#call(this.#random.one(['safe', 'idempotent', 'once'])));
      await runtime.advance(this.#random.between(50, 500));
    }
    if (!isOver) this.#violate('C6.8', `the reset of ${this.name} does not end`);
    launches.resetEnds();
    await this.#settle(calls);
    this.#requireSuccess(calls, 'all instances were replaced one by one');
    await runtime.advance(maxDrainMs + this.#longMs);
    for (const replica of old)
      if (!replica.ended) this.#violate('C6.8', `${replica.id} still runs although it was replaced`);
    if (other !== undefined) {
      services.leave(other, false, 0);
      await runtime.advance(maxDrainMs);
    }
    coverage.hit('rolling-reset');
  }

  /** A service that is used at changing rates is stopped only after its last call, and then in time. */
  async #checkIdle(): Promise<void> {
    const { runtime } = this.simulation;
    const { idleStopMs } = this.settings.manifest;
    const instance = await this.#runningInstance();
    if (idleStopMs === undefined || instance === undefined) return;
    this.#longMs = idleStopMs * this.#random.between(1.2, 3);
    const calls: CallRecord[] = [];
    for (let i = this.#random.int(2, 6); i > 0; i--) {
      const isLong = this.#random.chance(0.3);
      const call = isLong ? this.#call('once', longRoute) : this.#call('safe');
      calls.push(call);
      await this.#settle([call]);
      await runtime.advance(idleStopMs * this.#random.between(0.05, 0.9));
    }
    this.#requireSuccess(calls, 'the service was used all the time');
    if (instance.ended) this.#violate('C6.6', `${instance.id} was stopped although it was used all the time`);
    const used = [...this.server.services.launched()].find(({ replica }) => replica === instance);
    const sinceMs = runtime.now() - (used?.calls.lastAt ?? 0);
    // The report follows within a third of a lease, and services renew after at most 0.37 of it.
    const withinMs = idleStopMs + 0.37 * this.settings.leaseMs + this.#messagesMs(4);
    await runtime.advance(Math.max(0, withinMs - sinceMs));
    if (this.#isUp(instance))
      this.#violate('C6.6', `${instance.id} is not drained ${withinMs.toFixed(0)} ms after its last call`);
    await runtime.advance(maxDrainMs + this.settings.guaranteedMs);
    if (!instance.ended) this.#violate('C6.6', `${instance.id} was drained and still runs`);
    await this.#runningInstance();
  }

  /** Starts the service unless it runs. Returns its launched instance. */
  async #runningInstance(): Promise<Replica | undefined> {
    // An idle instance that is drained may serve the first call.
    for (let i = 0; i < 2; i++) {
      const call = this.#call('safe');
      await this.#settle([call]);
      this.#requireSuccess([call], 'all faults have ended');
      for (const { replica } of this.server.services.launched()) if (this.#isUp(replica)) return replica;
      await this.simulation.runtime.advance(maxDrainMs);
    }
    this.#violate('liveness', `no launched instance of ${this.name} is up after a call`);
    return undefined;
  }

  #call(kind: CallRecord['kind'], route = shortRoute): CallRecord {
    const client = this.#random.one(this.simulation.clients);
    return client.call({ service: this.name, kind, method: 'json', timeoutMs: patientMs, route });
  }

  async #settle(calls: readonly CallRecord[]): Promise<void> {
    const { runtime } = this.simulation;
    while (calls.some(({ settledAt }) => settledAt === undefined)) await runtime.advance(20);
  }

  #requireSuccess(calls: readonly CallRecord[], situation: string): void {
    for (const { id, kind, outcome } of calls)
      if (outcome?.ok !== true)
        this.#violate(
          'C6',
          `${id} (${kind}) of ${this.name} fails after ${situation}: ${String(outcome?.error)}`,
        );
  }

  #isListed({ service, id }: Replica): boolean {
    return this.server.checker.stored.endpoints.get(service)?.has(id) === true;
  }

  #isUp({ service, id }: Replica): boolean {
    const endpoint = this.server.checker.stored.endpoints.get(service)?.get(id);
    return endpoint !== undefined && !endpoint.draining && !endpoint.starting;
  }

  /** Longest time of a number of messages of all kinds, in ms. */
  #messagesMs(count: number): number {
    const { latencyMs, registryMs } = this.simulation.scenario;
    return count * (1.5 * registryMs + 1.2 * latencyMs + 20);
  }

  #violate(clause: string, what: string): void {
    this.simulation.oracle.violate(clause, what);
  }
}
