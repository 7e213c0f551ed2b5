import type { ConnectedCandidate } from '../core/candidate.js';
import type { Clock } from '../core/clock.js';
import type { Factory } from '../core/factory.js';
import { idempotencyScopeOf } from '../invoke/idempotency-headers.js';
import type { EndpointPicker, PickConstraints } from '../invoke/endpoint-picker.js';
import { maxDialWaitMs } from '../invoke/retry-state.js';
import { Balancer, type CandidateSet } from './balancer.js';
import type { BindConfig } from './bind-config.js';
import {
  policyChoseNoneError,
  noMatchError,
  noEndpointError,
  allBackingOffError,
} from './no-endpoint-errors.js';
import type { ServiceState } from './service-state.js';

export class ServiceEndpointPicker implements EndpointPicker {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #config: BindConfig;
  readonly #balancer: Balancer;

  /** @throws {@link ClerkError} `CONFIG_INVALID` when the policy, version or affinity of the binding is invalid */
  constructor(
    readonly service: ServiceState,
    config: BindConfig,
  ) {
    this.#name = service.name;
    this.#clock = service.clerk.clock;
    this.#config = config;
    this.#balancer = new Balancer(service, config);
  }

  get hedges(): boolean {
    return this.#balancer.hedges;
  }

  get policyName(): string {
    return this.#balancer.policyName;
  }

  describe(candidate: ConnectedCandidate): string | undefined {
    return this.#balancer.describe(candidate);
  }

  get canStart(): boolean {
    return this.#factory !== undefined;
  }

  /** The factory of the binding takes precedence over the factory of the registry. */
  get #factory(): Factory | undefined {
    return this.#config.factory ?? this.service.registryFactory;
  }

  get trialDueAt(): number {
    return this.service.table.trialDueAt;
  }

  pickTrial(now: number, constraints: PickConstraints): ConnectedCandidate | undefined {
    const { table } = this.service;
    if (!this.service.isFresh(now)) return undefined;
    table.callStarted();
    return table.takeTrial(
      now,
      (member) => isInScope(member, constraints) && this.#balancer.allowsTrial(member, now, constraints),
    );
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
    const chosen = this.#balancer.pickFrom(candidates, now, constraints.affinity);
    if (chosen !== undefined && service.table.canDial(chosen, now)) return chosen;
    // The policy picked no endpoint, or an endpoint in connection backoff.
    const available = eligible.find((candidate) => service.table.canDial(candidate, now));
    if (chosen === undefined && available !== undefined) throw policyChoseNoneError(this.#name, eligible);
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
    const working = eligible.filter(
      (candidate) => isUntried(candidate) && !candidate.isFailing && !candidate.isOnProbation,
    );
    const succeeded = working.filter(({ hasFailedLast }) => !hasFailedLast);
    for (const tier of [succeeded, working, eligible.filter(isUntried), open, untried]) {
      const ready = tier.filter((candidate) => this.service.table.canDial(candidate, now));
      if (ready.length > 0) {
        const pick = this.#balancer.pickerAmong(matching, ready, constraints.tlsOnly);
        return this.#balancer.pick(pick, now, constraints.affinity) ?? ready[0];
      }
    }
    // All untried endpoints are in backoff, so the endpoint whose backoff ends first is picked.
    return untried.reduce<ConnectedCandidate | undefined>(
      (best, candidate) =>
        best === undefined || this.service.table.nextDialAt(candidate) < this.service.table.nextDialAt(best)
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
    const { service } = this;
    const name = this.#name;
    const now = this.#clock.now();
    if (eligible.some((candidate) => this.service.table.canDial(candidate, now))) return;
    const nextDialInMs =
      Math.min(...eligible.map((candidate) => this.service.table.nextDialAt(candidate))) - now;
    const factory = this.#factory;
    if (nextDialInMs <= maxDialWaitMs) await this.service.clerk.timerWheel.sleep(Math.max(nextDialInMs, 1));
    else if (factory) await service.restartService(factory, now);
    else throw allBackingOffError(name, nextDialInMs);
    // The resolution may have expired during the wait or the start.
    if (!service.isFresh(this.#clock.now())) await service.resolve();
  }

  /**
   * Looks the service up. Waits while all endpoints are starting. Starts the service if it has no endpoint. In the
   * result, `matching` is not empty.
   * @param onResolved - called when the service config is known, before the service is started
   * @throws {@link ClerkError} when no endpoint matches the binding and the constraints
   */
  async resolve(constraints: PickConstraints, onResolved: () => void): Promise<CandidateSet> {
    const { service } = this;
    if (service.isFresh(this.#clock.now())) {
      onResolved();
    } else {
      const resolution = await service.resolve();
      onResolved();
      if (service.isStarting) await service.untilStarted();
      if (service.table.members.length === 0) {
        const factory = this.#factory;
        if (factory === undefined) throw noEndpointError(service, service.resolution ?? resolution);
        await service.startService(factory);
      }
    }
    if (!service.tickets.isReady) await service.tickets.prepare();
    const candidates = this.#balancer.candidates(constraints.tlsOnly);
    if (candidates.matching.length > 0) return candidates;
    const mismatch = this.candidates().matching.length === 0;
    throw noMatchError(service, mismatch ? this.#config.version : undefined, constraints);
  }

  isReplaced(candidate: ConnectedCandidate, sentAt: number): boolean {
    const { startedAt, table } = this.service;
    return startedAt > sentAt && !table.isListed(candidate);
  }

  isFresh(now: number): boolean {
    return this.service.isFresh(now);
  }

  refreshResolution(suspects: ReadonlySet<string>): Promise<void> {
    return this.service.refresh(suspects);
  }

  resolvedAt(): number {
    return this.service.resolution?.requestedAt ?? -Infinity;
  }

  lookAgain(): Promise<void> {
    return this.service.readyWait.lookAgain(this.resolvedAt());
  }

  untilChanged(): Promise<void> {
    return this.service.readyWait.untilChanged();
  }

  async startService(triedAt: number): Promise<void> {
    const factory = this.#factory;
    if (factory) await this.service.restartService(factory, triedAt);
  }

  candidates(): CandidateSet {
    return this.#balancer.candidates(false);
  }
}

function isInScope({ endpoint }: ConnectedCandidate, { idempotencyScope }: PickConstraints): boolean {
  return idempotencyScope === undefined || idempotencyScopeOf(endpoint) === idempotencyScope;
}
