import type { ConnectedCandidate } from '../core/candidate.js';
import type { Clock } from '../core/clock.js';
import type { EventSink } from '../core/events.js';
import type { Factory } from '../core/factory.js';
import type { Health } from '../core/health.js';
import type { RetryLoop } from '../core/retry-loop.js';
import { Balancer, type CandidateSet } from './balancer.js';
import type { BindConfig } from './bind-config.js';
import { HedgingPolicy } from '../invoke/hedging-policy.js';
import type { RetryBudget } from '../invoke/retry-budget.js';
import type { AttemptTimeouts } from '../invoke/attempt-timeout.js';
import type { CallContext, PickConstraints } from '../invoke/call-context.js';
import { idempotencyScopeOf } from '../invoke/at-most-once.js';
import { maxDialWaitMs } from '../invoke/retry-state.js';
import type { TimerWheel } from '../invoke/timer-wheel.js';
import {
  policyChoseNoneError,
  noMatchError,
  noEndpointError,
  allBackingOffError,
} from './no-endpoint-errors.js';
import type { ServiceState } from './service-state.js';

/**
 * What a call needs to know about its service and its binding. Combines the {@link ServiceState}, which all bindings of
 * the name share, with the version, policy, hedging and factory of one binding.
 */
export class BindingCallContext implements CallContext {
  readonly name: string;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly health: Health;
  readonly budget: RetryBudget;
  readonly timeouts: AttemptTimeouts;
  readonly reporter: EventSink;
  readonly retry: RetryLoop;
  readonly connections: number;
  readonly maxPending: number;
  pendingCalls = 0;
  readonly #config: BindConfig;
  readonly #balancer: Balancer;
  readonly #hedging: HedgingPolicy | undefined;
  #policyHedging: HedgingPolicy | undefined;

  /** @throws {@link ClerkError} `CONFIG_INVALID` when the policy, version or affinity of the binding is invalid */
  constructor(
    readonly service: ServiceState,
    config: BindConfig,
  ) {
    const { clerk } = service;
    this.name = service.name;
    this.clock = clerk.clock;
    this.wheel = clerk.timerWheel;
    this.health = service.table;
    this.budget = service.budget;
    this.timeouts = service.attemptTimeouts;
    this.reporter = clerk.reporter;
    this.retry = clerk.retry;
    this.connections = clerk.config.connections;
    this.maxPending = clerk.config.maxPending;
    this.#config = config;
    this.#balancer = new Balancer(service, config);
    this.#hedging = config.hedge && new HedgingPolicy(config.hedge, service.budget);
  }

  get hedging(): HedgingPolicy | undefined {
    return this.#balancer.hedges
      ? (this.#policyHedging ??= new HedgingPolicy({ afterMs: 0, budgetRatio: 1 }, this.budget))
      : this.#hedging;
  }

  get policyName(): string {
    return this.#balancer.policyName;
  }

  /** Returns the policy's note on a candidate for `explain()`; undefined when the policy has no note. */
  describe(candidate: ConnectedCandidate): string | undefined {
    return this.#balancer.describe(candidate);
  }

  get serviceTimeoutMs(): number | undefined {
    return this.service.resolution?.timeoutMs;
  }

  get canStart(): boolean {
    return this.#factory !== undefined;
  }

  /**
   * The factory of the binding. If the binding sets no factory, the factory that starts the service through the
   * registry. Undefined if the registry cannot start the service.
   */
  get #factory(): Factory | undefined {
    return this.#config.factory ?? this.service.registryFactory;
  }

  pickCached(now: number, constraints: PickConstraints): ConnectedCandidate | undefined {
    const { service } = this;
    return service.isFresh(now) ? this.pick(now, constraints) : undefined;
  }

  pick(now: number, constraints: PickConstraints): ConnectedCandidate | undefined {
    const { service } = this;
    service.table.callStarted();
    const candidates = this.#balancer.candidates(constraints.tlsOnly);
    const { eligible } = candidates;
    const chosen = this.#balancer.pick(candidates.pick, now, constraints.affinity);
    if (chosen !== undefined && service.table.canDial(chosen, now)) return chosen;
    // The policy picked no endpoint, or an endpoint that is backing off after a failed connection. So look for an
    // eligible endpoint that is not backing off.
    const available = eligible.find((candidate) => service.table.canDial(candidate, now));
    if (chosen === undefined && available !== undefined) throw policyChoseNoneError(this.name, eligible);
    return available;
  }

  pickAlternative(
    now: number,
    constraints: PickConstraints,
    tried: ReadonlySet<string>,
  ): ConnectedCandidate | undefined {
    const { matching, eligible } = this.#balancer.candidates(constraints.tlsOnly);
    const isUntried = (candidate: ConnectedCandidate): boolean =>
      !tried.has(candidate.endpoint.id) && isInScope(candidate, constraints);
    const untried = matching.filter(isUntried);
    const open = untried.filter((candidate) => candidate.status === 'open');
    for (const tier of [eligible.filter(isUntried), open, untried]) {
      const ready = tier.filter((candidate) => this.health.canDial(candidate, now));
      if (ready.length > 0) {
        const pick = this.#balancer.pickerAmong(matching, ready, constraints.tlsOnly);
        return this.#balancer.pick(pick, now, constraints.affinity) ?? ready[0];
      }
    }
    // All untried endpoints are backing off, so take the endpoint whose backoff ends first.
    return untried.reduce<ConnectedCandidate | undefined>(
      (best, candidate) =>
        best === undefined || this.health.nextDialAt(candidate) < this.health.nextDialAt(best)
          ? candidate
          : best,
      undefined,
    );
  }

  hasAlternative(constraints: PickConstraints, tried: ReadonlySet<string>): boolean {
    return this.#balancer
      .candidates(constraints.tlsOnly)
      .matching.some(
        (candidate) =>
          candidate.status === 'open' &&
          !tried.has(candidate.endpoint.id) &&
          isInScope(candidate, constraints),
      );
  }

  async prepare(constraints: PickConstraints, onResolved: () => void): Promise<void> {
    const { eligible } = await this.resolve(constraints, onResolved);
    const { service, name } = this;
    const now = this.clock.now();
    if (eligible.some((candidate) => this.health.canDial(candidate, now))) return;
    // All endpoints are backing off after failed connections. If the first backoff ends soon, wait for its end.
    // Otherwise start the service again, or fail if the service has no factory.
    const nextDialInMs = Math.min(...eligible.map((candidate) => this.health.nextDialAt(candidate))) - now;
    const factory = this.#factory;
    if (nextDialInMs <= maxDialWaitMs) await this.wheel.sleep(Math.max(nextDialInMs, 1));
    else if (factory) await service.restartService(factory, now);
    else throw allBackingOffError(name, nextDialInMs);
    // The wait or the start may have taken so long that the resolution has expired. So look the service up again.
    if (!service.isFresh(this.clock.now())) await service.resolve();
  }

  /**
   * Looks the service up, and starts the service when the service has no endpoint.
   *
   * @param onResolved - called when the service config is known, before any start
   * @returns the candidates, with at least one endpoint in `matching`
   * @throws {@link ClerkError} when no endpoint matches the binding and the constraints
   */
  async resolve(constraints: PickConstraints, onResolved: () => void): Promise<CandidateSet> {
    const { service } = this;
    if (service.isFresh(this.clock.now())) {
      onResolved();
    } else {
      const resolution = await service.resolve();
      onResolved();
      if (service.table.members.length === 0) {
        const factory = this.#factory;
        if (factory === undefined) throw noEndpointError(service, resolution);
        await service.startService(factory);
      }
    }
    const candidates = this.#balancer.candidates(constraints.tlsOnly);
    if (candidates.matching.length > 0) return candidates;
    const mismatch = this.candidates().matching.length === 0;
    throw noMatchError(service, mismatch ? this.#config.version : undefined, constraints);
  }

  isFresh(now: number): boolean {
    return this.service.isFresh(now);
  }

  refreshResolution(suspects: ReadonlySet<string>): Promise<void> {
    return this.service.refresh(suspects);
  }

  async startService(triedAt: number): Promise<void> {
    const factory = this.#factory;
    if (factory) await this.service.restartService(factory, triedAt);
  }

  startCall(): void {
    this.service.clerk.callTracker.start();
  }

  finishCall(): void {
    this.service.clerk.callTracker.finish();
  }

  /** Returns the current candidates, with or without a TLS address, for `gather` and `explain`. */
  candidates(): CandidateSet {
    return this.#balancer.candidates(false);
  }
}

/** Whether an endpoint uses the idempotency store that the call requires. Also true when the call requires no store. */
function isInScope({ endpoint }: ConnectedCandidate, { idempotencyScope }: PickConstraints): boolean {
  return idempotencyScope === undefined || idempotencyScopeOf(endpoint) === idempotencyScope;
}
