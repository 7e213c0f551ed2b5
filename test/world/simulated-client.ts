import { createClerk, type Binding, type BindOptions, type Clerk, type ClerkError } from 'binding-clerk';
import { ClerkRuntime } from './clerk-runtime.js';
import { randomStream, type RandomStream } from './random-stream.js';
import type { CoverageEvent } from './coverage.js';
import { CallerAborts } from './dominance/caller-aborts.js';
import { usualManner, type CallManner } from './dominance/caller-habits.js';
import { NestedCalls } from './dominance/nested-calls.js';
import type { AttemptRecord, CallRecord } from './oracle.js';
import { observedTransport, type AttemptObserver } from './observed-transport.js';
import { makeProgramCall } from './program-call.js';
import { simulatedFactory } from './simulated-factory.js';
import type { ClientRegistry } from './simulated-registry.js';
import type { SimulationContext } from './simulation-context.js';

export type PlannedCall = Pick<CallRecord, 'service' | 'kind' | 'method' | 'timeoutMs'> &
  Partial<CallManner> & {
    /** Abort it after this time, in ms. */
    readonly abortAfterMs?: number | undefined;
  };

/** Longest delay of a timer of a call, in ms. */
const timerTickMs = 4;

/** A clerk with its bindings, and the calls that it makes. */
export class SimulatedClient implements AttemptObserver {
  readonly runtime: ClerkRuntime;
  readonly nested: NestedCalls;
  readonly registry: ClientRegistry;
  readonly clerk: Clerk;
  readonly bindings = new Map<string, Binding>();
  /** Services whose calls wait until the service is ready. */
  readonly #waiting = new Set<string>();
  readonly #hedging = new Set<string>();
  /** Instances started by its factory. */
  readonly started = new Set<string>();
  /** Pending calls. */
  readonly openCalls = new Set<CallRecord>();
  /** Requests whose handler has not been called at the end. */
  readonly outstanding = new Set<AttemptRecord>();
  closed = false;
  readonly #random: RandomStream;
  /** Time and duration of the last successful lookup, by service. */
  readonly #resolved = new Map<string, { readonly at: number; readonly ms: number }>();
  /** One headers object for many calls. */
  readonly #sharedHeaders: Record<string, string> = {};
  readonly #aborts: CallerAborts;
  /** Ids of the ejected endpoints. */
  readonly #ejected = new Set<string>();
  #calls = 0;

  constructor(
    readonly simulation: SimulationContext,
    readonly id: string,
    index: number,
  ) {
    const { runtime, network, scenario } = simulation;
    this.#random = randomStream(simulation.seed, 'clerk', index);
    this.runtime = new ClerkRuntime(id, runtime, this.#random, observedTransport(network.transport, this));
    this.registry = simulation.registryOf(id, this.runtime);
    this.clerk = createClerk({
      registry: this.registry,
      runtime: this.runtime,
      // Held responses keep their connections.
      connections: Math.max(scenario.connections, simulation.habits.has('route-held') ? 16 : 1),
      logger: silentLogger,
    });
    this.#aborts = new CallerAborts({ clock: runtime, coverage: simulation.coverage, log: simulation.log });
    this.nested = new NestedCalls({
      habits: simulation.habits,
      names: () => (simulation.healed || this.closed ? [] : [...this.bindings.keys()]),
      mark: (mark) => simulation.coverage.hit(mark),
      call: (call) => this.call(call),
    });
    this.#listen();
  }

  recordOf(callId: string): CallRecord | undefined {
    return this.simulation.calls.get(callId);
  }

  usesSecondAddress(): void {
    this.simulation.coverage.hit('second-address');
  }

  violate(clause: string, what: string): void {
    this.simulation.oracle.violate(clause, what);
  }

  bind(service: string, options: BindOptions): void {
    const { startable, server } = this.simulation.scenario;
    const isOwn = service === startable && server === undefined;
    const factory = isOwn ? { factory: this.#launcher(service) } : {};
    this.bindings.set(service, this.clerk.bind(service, { ...options, ...factory }));
    if (options.waitForReady === true) this.#waiting.add(service);
    if (options.hedge !== undefined || options.policy === 'first-to-respond') this.#hedging.add(service);
  }

  /** Whether the binding of a service makes second attempts that are not late. */
  hedges(service: string): boolean {
    return this.#hedging.has(service);
  }

  binding(service: string): Binding {
    return this.bindings.get(service) as Binding;
  }

  /** Makes a call and observes it to its end. */
  call(plan: PlannedCall): CallRecord {
    const { simulation } = this;
    const now = simulation.runtime.now();
    const record: CallRecord = {
      id: `${this.id}-${++this.#calls}`,
      clerk: this.id,
      service: plan.service,
      kind: plan.kind,
      method: plan.method,
      manner: { ...usualManner, ...plan },
      startedAt: now,
      timeoutMs: plan.timeoutMs,
      isSurvivable:
        simulation.scenario.isSurvivable &&
        !simulation.healed &&
        simulation.habits.routesOf((plan.route ?? usualManner.route).segment).length === 0 &&
        plan.service !== simulation.scenario.startable,
      cached: simulation.oracle.hasResolution(this.id, plan.service),
      // The dispatcher uses a binding with the options of the clerk.
      waitsForReady: plan.method !== 'dispatch' && this.#waiting.has(plan.service),
      abortedAt: undefined,
      destroyedAt: undefined,
      settledAt: undefined,
      outcome: undefined,
      attempts: [],
      isFirstEndpointEjected: false,
      hasBrokenBody: false,
      refusedStreams: 0,
      lostReused: 'no',
    };
    if (plan.service === simulation.scenario.link) simulation.coverage.hit('linked-call');
    simulation.oracle.calls.push(record);
    simulation.calls.set(record.id, record);
    this.openCalls.add(record);
    simulation.log(
      `${record.id} ${plan.kind} ${plan.method} ${plan.service} within ${plan.timeoutMs.toFixed(0)}`,
    );
    if (this.runtime.wallShifted) simulation.coverage.hit('used-after-wall-jump');
    const signal = this.#aborts.signalFor(record, plan.abortAfterMs);
    if (record.manner.headerForm !== 'record') simulation.coverage.hit('habit:caller-reuses-headers');
    makeProgramCall({
      simulation,
      clerk: this.clerk,
      binding: this.binding(record.service),
      record,
      signal,
      sharedHeaders: this.#sharedHeaders,
      attemptStarted: (endpoint) => this.attemptStarted(record, endpoint),
      requestSent: (attempt) => this.requestSent(record, attempt),
      onHandler: () => this.nested.offer('handler'),
    }).then(
      (statusCode) => this.#settle(record, { ok: true, statusCode }),
      (error: unknown) => this.#settle(record, { ok: false, error }),
    );
    this.#aborts.reached(record, 'returned');
    return record;
  }

  #launcher(service: string) {
    return simulatedFactory(this.simulation, {
      clerk: this.id,
      service,
      random: this.#random,
      waiting: () => [...this.openCalls].filter((call) => call.service === service).length,
      onStarted: (id) => void this.started.add(id),
    });
  }

  #settle(record: CallRecord, outcome: NonNullable<CallRecord['outcome']>): void {
    const { simulation } = this;
    this.openCalls.delete(record);
    const error = outcome.ok ? undefined : (outcome.error as ClerkError);
    simulation.log(
      `${record.id} ${outcome.ok ? `ok ${outcome.statusCode}` : `${error?.code} ${error?.execution}: ${error?.message}`}`,
    );
    record.isFirstEndpointEjected ||= this.#ejected.has(record.attempts[0]?.endpoint ?? '');
    simulation.oracle.callSettled(record, outcome, simulation.runtime.now());
    this.#aborts.reached(record, 'ended');
  }

  /** An attempt starts. Checks that the endpoint was in a recent lookup result. */
  attemptStarted(record: CallRecord, endpoint: string): AttemptRecord {
    const { simulation } = this;
    const now = simulation.runtime.now();
    simulation.log(`${record.id} → ${endpoint}`);
    if (this.closed)
      simulation.oracle.violate('close', `${record.id} is sent to ${endpoint} by the closed clerk`);
    this.#checkListed(record, endpoint, now);
    if (simulation.replicas.all.some(({ id, hasListened }) => id === endpoint && !hasListened))
      simulation.oracle.violate('C5.9', `${record.id} is sent to ${endpoint}, which does not listen yet`);
    if (record.attempts.length === 0) {
      record.isFirstEndpointEjected = this.#ejected.has(endpoint);
      simulation.dominance.callStarted(record);
    } else if (record.attempts.some((attempt) => this.outstanding.has(attempt)))
      simulation.coverage.hit('joined');
    const attempt = simulation.oracle.attemptStarted(record, endpoint, now);
    this.#aborts.reached(record, 'dispatched');
    return attempt;
  }

  #checkListed({ id, service, attempts }: CallRecord, endpoint: string, now: number): void {
    const { simulation } = this;
    // The next address of the same endpoint. Another attempt may have started concurrently.
    const before = attempts.findLast((attempt) => attempt.endpoint === endpoint);
    if (before?.sent === false) return;
    if (this.started.has(endpoint)) return;
    // A call that waited for a lookup may use its result, however long that took, until the second tick of its timer.
    const fresh = this.#resolved.get(service);
    const lookUpMs = fresh !== undefined && now - fresh.at <= 2 * timerTickMs ? fresh.ms + now - fresh.at : 0;
    const usableMs = Math.max(simulation.usableMs, lookUpMs) + 0.001;
    if (simulation.truth.wasListed(service, endpoint, now - usableMs, now)) return;
    if (this.binding(service).explain().stale) return;
    const since = `which was last registered more than ${usableMs.toFixed(0)} ms ago`;
    simulation.oracle.violate('C1.1', `${id} uses ${endpoint} of ${service}, ${since}, without being stale`);
  }

  requestSent(record: CallRecord, attempt: AttemptRecord): void {
    this.simulation.oracle.attemptSent(record, attempt, this.simulation.runtime.now());
    this.#aborts.reached(record, 'sent');
  }

  headArrived(record: CallRecord, attempt: AttemptRecord, statusCode: number): void {
    if (attempt === record.attempts[0]) this.simulation.dominance.plainOf(record)?.arrived(statusCode, false);
    this.#aborts.reached(record, 'answered');
  }

  responseRefused(record: CallRecord, attempt: AttemptRecord): void {
    this.simulation.log(`${record.id} gets a response of ${attempt.endpoint} that cannot be parsed`);
    if (attempt === record.attempts[0]) this.simulation.dominance.plainOf(record)?.arrived(0, true);
  }

  attemptCancelled(record: CallRecord, attempt: AttemptRecord): void {
    this.simulation.log(`${record.id} × ${attempt.endpoint}`);
    if (attempt === record.attempts[0]) this.simulation.dominance.plainOf(record)?.cancelled();
  }

  attemptFailed(record: CallRecord, attempt: AttemptRecord, error: Error, isAfterHead: boolean): void {
    const { code = error.name } = error as { code?: string };
    this.simulation.log(`${record.id} ✗ ${attempt.endpoint}: ${code}`);
    record.hasBrokenBody ||= isAfterHead;
    if (attempt === record.attempts[0]) this.simulation.dominance.plainOf(record)?.lost();
  }

  reusedConnectionLost(record: CallRecord): void {
    if (record.lostReused === 'no') record.lostReused = 'free-retry';
  }

  streamRefused(record: CallRecord, attempt: AttemptRecord): void {
    this.simulation.oracle.streamRefused(record, attempt);
    this.simulation.log(`${record.id} was rejected with REFUSED_STREAM by ${attempt.endpoint}`);
  }

  #listen(): void {
    const { clerk, simulation } = this;
    const { coverage, log } = simulation;
    clerk.on('resolved', ({ name, endpoints, durationMs }) => {
      this.#resolved.set(name, { at: simulation.runtime.now(), ms: durationMs });
      log(`${this.id} resolved ${name}: ${endpoints.join(' ')}`);
      simulation.oracle.resolved(this.id, name, endpoints.length);
      this.nested.offer('listener');
    });
    clerk.on('stale', ({ name, ageMs }) => {
      log(`${this.id} uses a stale ${name}, ${ageMs.toFixed(0)} ms old`);
      coverage.hit('stale');
      const minAgeMs = simulation.staleAfterMs;
      if (ageMs < minAgeMs - 0.001 && !this.runtime.wallShifted)
        simulation.oracle.violate(
          'C1.4',
          `${this.id} reports ${name} stale after ${ageMs} ms; the lifetime is ${minAgeMs} ms`,
        );
    });
    clerk.on('failover', ({ from, to }) => {
      log(`${this.id} fails over from ${from} to ${to}`);
      coverage.hit('failover');
      this.nested.offer('listener');
    });
    clerk.on('suspect', ({ endpoint, reason }) => {
      log(`${this.id} suspects ${endpoint}: ${reason}`);
      coverage.hit(reason === 'registry' ? 'suspect-by-registry' : 'suspect');
    });
    clerk.on('ejected', ({ name, endpoint, reason }) => {
      log(`${this.id} ejects ${endpoint}: ${reason}`);
      this.#ejected.add(endpoint);
      coverage.hit(`ejected: ${reason}` as CoverageEvent);
      simulation.dominance.ejected(this.id, endpoint, reason);
      const { candidates } = this.binding(name).explain();
      if (!candidates.some(({ status }) => status === 'open'))
        simulation.oracle.violate('C2.4', `${this.id} ejected the last endpoint of ${name}: ${endpoint}`);
    });
    clerk.on('attempt', () => this.nested.offer('listener'));
    clerk.on('picked', ({ name, pickReason }) => {
      this.nested.offer('listener');
      if (pickReason !== 'hedge') return;
      coverage.hit('hedged');
      if (this.binding(name).explain().policy === 'first-to-respond') coverage.hit('raced');
    });
    clerk.on('revived', ({ endpoint }) => {
      log(`${this.id} revives ${endpoint}`);
      this.#ejected.delete(endpoint);
      coverage.hit('revived');
    });
    clerk.on('started', ({ name }) => {
      log(`${this.id} started ${name}`);
      coverage.hit('started');
    });
  }
}

const silentLogger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
