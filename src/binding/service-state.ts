import { isDeepStrictEqual } from 'node:util';
import { isFresh, type ResolvedService } from '../core/resolution-result.js';
import type { EndpointChannels } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Factory } from '../core/factory.js';
import { forEachSettled } from '../core/for-each-settled.js';
import { hostnameOf } from '../core/clerk-hostname.js';
import type { EndpointReport } from '../core/registry.js';
import { defaultProbe, type Channel, type ProbeRequest } from '../core/transport.js';
import { registryFactory } from '../factory/registry-factory.js';
import { ServiceStarter } from '../factory/service-starter.js';
import { EndpointTable } from '../health/endpoint-table.js';
import type { RetryOverrides } from '../core/retry-options.js';
import { createLruMap, type LruMap } from '../resolve/lru-cache.js';
import { retryBudget, type RetryBudget } from '../invoke/retry-budget.js';
import { AttemptTimeouts } from '../invoke/attempt-timeout.js';
import type { ClerkContext } from '../client/clerk-context.js';
import { newlySuspect, collectReports } from '../health/endpoint-verdict.js';
import { callableEndpoints, type EndpointExclusion } from './callable-endpoints.js';
import { reachableAddresses } from './reachable-addresses.js';
import { ReadyWait } from './ready-wait.js';
import { ServiceTickets } from './service-tickets.js';
import { ServiceWatch } from './service-watch.js';
import { StartedEndpoints } from './started-endpoints.js';
import { StartingWait } from './starting-wait.js';
import type { HealthSource } from '../health/health-reporter.js';

/**
 * Interval between background lookups of a name whose resolution is stale, in ms. Lookups are made only while calls
 * arrive.
 */
const staleRefreshMs = 750;
const maxBudgets = 32;

/**
 * State of one service in one clerk: resolution, endpoints with their health, attempt timeouts and retry budgets. All
 * bindings of the name share one instance.
 */
export class ServiceState implements HealthSource {
  readonly table: EndpointTable;
  readonly attemptTimeouts = new AttemptTimeouts();
  /** Called after the endpoints of the service, or the health of an endpoint, changed. */
  readonly changeListeners = new Set<() => void>();
  /** The option `probe` of the last binding with this option; `false` switches probes off. */
  probe: ProbeRequest | false = defaultProbe;
  /** Whether a binding has a factory, which takes precedence over the factory of the registry. */
  hasOwnFactory = false;
  bindingCount = 0;
  excluded: readonly EndpointExclusion[] = [];
  readonly tickets: ServiceTickets;
  readonly readyWait: ReadyWait;
  #resolution: ResolvedService | undefined;
  #refreshAt = 0;
  #isClosed = false;
  readonly #started: StartedEndpoints;
  readonly #startingWait: StartingWait;
  readonly #watch: ServiceWatch;
  readonly #registryFactory: Factory | undefined;
  readonly #budgets: LruMap<RetryBudget> = createLruMap(maxBudgets, () => undefined);
  #retryOverrides: RetryOverrides = {};

  constructor(
    readonly name: string,
    readonly clerk: ClerkContext,
  ) {
    const { clock, reporter, asyncContext } = clerk;
    this.tickets = new ServiceTickets(clerk, () => this.#resolution?.canonical ?? name);
    this.#registryFactory = registryFactory(clerk.registry);
    this.#started = new StartedEndpoints({
      clock,
      starter: new ServiceStarter(name, clock, reporter, clerk.closeSignal),
      registryFactory: this.#registryFactory,
      members: () => this.table.members,
      onStarted: () => this.#updateEndpoints(),
    });
    this.#startingWait = new StartingWait({
      clock,
      asyncContext,
      isStarting: () => !this.#isClosed && this.isStarting,
      refresh: () => this.refresh(new Set()),
      changeListeners: this.changeListeners,
      closeSignal: clerk.closeSignal,
    });
    this.readyWait = new ReadyWait({
      clock,
      asyncContext,
      refresh: () => this.refresh(new Set()),
      changeListeners: this.changeListeners,
      closeSignal: clerk.closeSignal,
    });
    this.#watch = new ServiceWatch(name, clerk, (resolution) => this.applyResolution(resolution));
    this.table = new EndpointTable({
      name,
      clock,
      reporter,
      asyncContext,
      openChannels: (endpoint) => asyncContext.runInAsyncScope(() => this.#openChannels(endpoint)),
      probeRequest: () => this.probe,
      onUnreachable: (endpoint) => this.#onUnreachable(endpoint),
      onChange: () => {
        clerk.healthReporter.onHealthChanged(this);
        for (const watcher of this.changeListeners) watcher();
      },
    });
  }

  get resolution(): ResolvedService | undefined {
    return this.#resolution;
  }

  /** Returns the same object until the settings change. */
  get retryOverrides(): RetryOverrides {
    return this.#retryOverrides;
  }

  budgetFor(ratio: number, minPerSecond: number): RetryBudget {
    const key = `${String(ratio)} ${String(minPerSecond)}`;
    let budget = this.#budgets.get(key);
    if (budget === undefined) {
      budget = retryBudget(ratio, minPerSecond * 10);
      this.#budgets.set(key, budget);
    }
    return budget;
  }

  get registryFactory(): Factory | undefined {
    return this.#resolution?.startable === true ? this.#registryFactory : undefined;
  }

  /**
   * Whether a call may use the resolution without a lookup. Starts a background lookup if the resolution expires
   * soon.
   */
  isFresh(now: number): boolean {
    const resolution = this.#resolution;
    if (resolution === undefined || this.table.members.length === 0) return false;
    if (!this.tickets.isReady) return false;
    if (resolution.ttlMs === Infinity) return true;
    // A lookup would not find endpoints that a factory of the program started, so their resolution need not be fresh.
    const isSelfStarted = resolution.endpoints.length === 0 && this.#started.areSelfStarted;
    if (!isSelfStarted && !isFresh(resolution, now, this.clerk.clock.wallNow())) return false;
    if (now >= this.#refreshAt) this.#refreshInBackground(now);
    return true;
  }

  /**
   * Looks the name up, unless the cached resolution is fresh.
   * @throws {@link ClerkError} when the lookup fails
   */
  async resolve(): Promise<ResolvedService> {
    this.#watch.start();
    const resolution = await this.clerk.resolver.resolve(this.name);
    this.applyResolution(resolution);
    return resolution;
  }

  /**
   * Looks the name up again, even if the cached resolution is fresh. Never rejects.
   * @param suspects - endpoints that just failed
   */
  async refresh(suspects: ReadonlySet<string>): Promise<void> {
    try {
      this.applyResolution(await this.clerk.resolver.refresh(this.name, suspects));
      if (!this.tickets.isReady) await this.tickets.prepare();
    } catch {
      // A call that needs a resolution makes its own lookup and reports the error of that lookup.
    }
  }

  applyResolution(resolution: ResolvedService): void {
    if (this.#isClosed) return;
    if (resolution === this.#resolution) {
      // Infinity: a background lookup was in progress, and has returned the resolution that is already in use.
      if (this.#refreshAt === Infinity) this.#refreshAt = this.clerk.clock.now() + staleRefreshMs;
      return;
    }
    const previous = this.#resolution;
    const wasEnding = this.#isEnding;
    this.#resolution = resolution;
    this.#updateRetryOverrides(resolution);
    // A lookup after 75 to 85 % of the TTL delivers a new resolution before the TTL ends.
    const refreshFraction = 0.75 + 0.1 * this.clerk.clock.random();
    // The TTL of a stale resolution has already passed, so the next lookup follows at a fixed interval.
    this.#refreshAt = resolution.stale
      ? this.clerk.clock.now() + staleRefreshMs
      : resolution.requestedAt + resolution.ttlMs * refreshFraction;
    const hasDroppedStarted = this.#started.applyResolution(resolution);
    const { members } = this.table;
    if (hasDroppedStarted || previous?.endpoints !== resolution.endpoints || wasEnding !== this.#isEnding)
      this.#updateEndpoints();
    // If the registry has removed the last endpoint, calls may still wait for a response of that endpoint. The response
    // may never arrive. After a start of the service, these calls can be retried before their deadline.
    const hasLostCalls = members.some(({ pending, unhealthySince }) => pending > 0 && unhealthySince !== 0);
    if (this.table.members.length === 0 && hasLostCalls) this.#restartIfDead();
    if (resolution.loads && !resolution.stale)
      this.table.applyLoads(resolution.loads, resolution.requestedAt);
    this.#handleHealthQueries(previous, resolution);
  }

  /** Whether no endpoint of the service accepts connections yet, and at least one endpoint is starting. */
  get isStarting(): boolean {
    return this.table.members.length === 0 && (this.#resolution?.starting ?? 0) > 0;
  }

  /** Waits while {@link ServiceState.isStarting} is true, at most 60 s. Never rejects. */
  untilStarted(): Promise<void> {
    return this.#startingWait.untilStarted();
  }

  endpointReports(ids: ReadonlyMap<string, unknown>, now: number): readonly EndpointReport[] {
    return collectReports(this.table.members, ids, this.#resolution?.canonical ?? this.name, now);
  }

  /**
   * Whether all endpoints drain and the registry can start the service. The processes of the endpoints may end at any
   * time, so calls wait until the registry has started the service. @see [C6.8](../../docs/guarantees.md#c6-8)
   */
  get #isEnding(): boolean {
    const { endpoints = [], startable, stale } = this.#resolution ?? {};
    return startable === true && stale === false && endpoints.every(({ state }) => state === 'draining');
  }

  #updateRetryOverrides({ attemptTimeoutMs, retries }: ResolvedService): void {
    const overrides = { attemptTimeoutMs, retries };
    if (!isDeepStrictEqual(overrides, this.#retryOverrides)) this.#retryOverrides = overrides;
  }

  get startedAt(): number {
    return this.#started.startedAt;
  }

  /** Does nothing while endpoints of a previous start are in use. */
  startService(factory: Factory): Promise<void> {
    return this.#started.start(factory);
  }

  /**
   * Starts the service again because no endpoint was reachable.
   *
   * @param triedAt - when the failed attempt to connect began, on the monotonic clock; if the service was started
   * later, this call does nothing
   */
  async restartService(factory: Factory, triedAt: number): Promise<void> {
    const isRestarted = await this.#started.restart(factory, triedAt);
    // Looks the name up, because listed endpoints take precedence over the endpoints that the start returned.
    if (isRestarted && factory === this.#registryFactory) await this.refresh(new Set());
  }

  async close(): Promise<void> {
    this.#release();
    await forEachSettled(this.#channels(), (channel) => channel.close());
  }

  async destroy(error: Error): Promise<void> {
    this.#release();
    await forEachSettled(this.#channels(), (channel) => channel.destroy(error));
  }

  #release(): void {
    this.#isClosed = true;
    this.#watch.close();
    this.#started.close();
    this.table.stop();
    this.clerk.healthReporter.remove(this);
    this.clerk.lastKnownGood.forget(this.name);
  }

  #refreshInBackground(now: number): void {
    this.#refreshAt = Infinity;
    const { asyncContext, resolver } = this.clerk;
    asyncContext.runInAsyncScope(() => {
      resolver.refresh(this.name, new Set()).then(
        (resolution) => this.applyResolution(resolution),
        () => {
          this.#refreshAt = now + 1_000;
        },
      );
    });
  }

  #updateEndpoints(): void {
    const { locality, ownAddresses, addressPolicy, config } = this.clerk;
    const resolved = this.#isEnding ? [] : (this.#resolution?.endpoints ?? []);
    const listed = resolved.length > 0 ? resolved : this.#started.endpoints;
    const requiresKey = config.tickets === 'required';
    const { endpoints, excluded } = callableEndpoints(
      listed,
      locality,
      ownAddresses,
      addressPolicy,
      requiresKey,
    );
    this.excluded = excluded;
    this.tickets.update(endpoints);
    this.table.update(endpoints);
  }

  #channels(): readonly Channel[] {
    return this.table.members.flatMap((member) => member.channels);
  }

  #openChannels(endpoint: Endpoint): EndpointChannels {
    const { locality, ownAddresses, addressPolicy } = this.clerk;
    const reachable = reachableAddresses(locality, endpoint, ownAddresses, addressPolicy);
    const withTls = reachable.filter(({ protocol }) => protocol === 'https');
    const host = hostnameOf(this.name);
    const channel = this.clerk.transport.open(endpoint, reachable, host);
    if (withTls.length === 0) return { channel, tlsChannel: undefined };
    return {
      channel,
      tlsChannel:
        withTls.length === reachable.length ? channel : this.clerk.transport.open(endpoint, withTls, host),
    };
  }

  #handleHealthQueries(
    previous: ResolvedService | undefined,
    { healthQueried, endpoints }: ResolvedService,
  ): void {
    if (healthQueried === undefined && previous?.healthQueried === undefined) return;
    const { reporter, healthReporter } = this.clerk;
    healthReporter.onQueried(this, healthQueried ?? []);
    if (!reporter.hasListeners('suspect')) return;
    for (const endpoint of newlySuspect(previous?.endpoints, endpoints))
      reporter.emit('suspect', { name: this.name, endpoint, reason: 'registry' });
  }

  #onUnreachable(endpoint: string): void {
    if (this.#isClosed || this.#resolution === undefined) return;
    this.clerk.healthReporter.onUnreachable(this, endpoint);
    this.clerk.asyncContext.runInAsyncScope(() => {
      void this.refresh(new Set([endpoint]));
      this.#restartIfDead();
    });
  }

  /**
   * Requests a start of the service from the registry if no endpoint can be reached. The registry refuses the start
   * if an endpoint works. No call waits for this start.
   */
  #restartIfDead(): void {
    const { registryFactory: factory, hasOwnFactory } = this;
    if (factory === undefined || hasOwnFactory) return;
    if (this.table.members.some(({ unhealthySince }) => unhealthySince === 0)) return;
    // If the start fails, a call that needs the start reports the error.
    this.restartService(factory, this.clerk.clock.now()).catch(() => undefined);
  }
}
