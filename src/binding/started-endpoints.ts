import type { Clock } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Factory } from '../core/factory.js';
import type { ResolvedService } from '../core/resolution-result.js';
import type { ServiceStarter } from '../factory/service-starter.js';
import type { EndpointState } from '../health/endpoint-state.js';

export interface StartedEndpointsOptions {
  readonly clock: Clock;
  readonly starter: ServiceStarter;
  readonly registryFactory: Factory | undefined;
  readonly members: () => readonly EndpointState[];
  /** Called when `endpoints` contains the result of a start. */
  readonly onStarted: () => void;
}

/** Endpoints that a factory started. These endpoints are used only while the registry lists no endpoint. */
export class StartedEndpoints {
  readonly #options: StartedEndpointsOptions;
  #endpoints: readonly Endpoint[] = [];
  #lastResult: readonly Endpoint[] | undefined;
  #startedAt = 0;
  /** Whether the registry started the endpoints. If so, later resolutions show when the endpoints have ended. */
  #startedByRegistry = false;
  #startCount = 0;
  #isVerified = false;
  #isClosed = false;

  constructor(options: StartedEndpointsOptions) {
    this.#options = options;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  get startedAt(): number {
    return this.#startedAt;
  }

  /** Whether a factory of the program started the endpoints. A lookup does not find such endpoints. */
  get areSelfStarted(): boolean {
    return this.#endpoints.length > 0 && !this.#startedByRegistry;
  }

  /**
   * Drops the endpoints if the registry lists endpoints, or if the registry started the endpoints and lists none later.
   * Returns whether endpoints were dropped.
   */
  applyResolution({ endpoints, stale, requestedAt }: ResolvedService): boolean {
    const areGone = this.#startedByRegistry && !stale && requestedAt > this.#startedAt;
    const mustDrop = this.#endpoints.length > 0 && (endpoints.length > 0 || areGone);
    if (mustDrop) this.#endpoints = [];
    return mustDrop;
  }

  /** Does nothing while `endpoints` is not empty. */
  async start(factory: Factory): Promise<void> {
    if (this.#endpoints.length === 0) this.#use(await this.#options.starter.start(factory), factory);
  }

  /**
   * Starts the service again because no endpoint was reachable.
   *
   * @param triedAt - when the failed attempt to connect began, on the monotonic clock; if the service was started
   * later, this call does nothing
   * @returns whether the service was started again
   */
  async restart(factory: Factory, triedAt: number): Promise<boolean> {
    const { starter, members } = this.#options;
    if (this.#startedAt > triedAt) return false;
    // The previous start failed if none of its endpoints has ever responded.
    if (this.#endpoints.length > 0 && !this.#isVerified) {
      this.#isVerified = true;
      if (members().every((member) => member.lastHeardAt === 0)) starter.markUnreachable();
      else starter.markHealthy();
    }
    const before = new Set(members().map(({ endpoint }) => keyOf(endpoint)));
    const started = await starter.start(factory);
    if (factory === this.#options.registryFactory && started.every((endpoint) => before.has(keyOf(endpoint))))
      starter.markUnchanged();
    this.#use(started, factory);
    return true;
  }

  /** Ignores the result of a start that is still in progress. */
  close(): void {
    this.#isClosed = true;
  }

  #use(started: readonly Endpoint[], factory: Factory): void {
    const { clock, registryFactory, onStarted } = this.#options;
    // Concurrent callers share one start and receive the same list, which is applied once.
    if (this.#isClosed || this.#lastResult === started) return;
    this.#lastResult = started;
    this.#startedAt = clock.now();
    this.#startedByRegistry = factory === registryFactory;
    this.#isVerified = false;
    // Without a new epoch, the health of a previous process would count for the new process.
    this.#startCount++;
    this.#endpoints = started.map((endpoint) =>
      Object.freeze({ ...endpoint, epoch: endpoint.epoch === 0 ? this.#startCount : endpoint.epoch }),
    );
    onStarted();
  }
}

function keyOf({ id, epoch }: Endpoint): string {
  return `${id}@${String(epoch)}`;
}
