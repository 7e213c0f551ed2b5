import { sleep } from '../../core/clock.js';
import type { EndpointMessage } from '../../protocol/lookup-messages.js';
import type { DeadEndpoints } from './dead-endpoints.js';
import type { LauncherContext } from './launcher-context.js';

/** Interval at which a starting service is checked, in ms. */
const startingPollMs = 50;

/** The endpoints of one service, from the registry and from the checks of the launcher. */
export class ServiceEndpoints {
  readonly #name: string;
  readonly #context: LauncherContext;
  readonly #dead: DeadEndpoints;

  constructor(name: string, context: LauncherContext, dead: DeadEndpoints) {
    this.#name = name;
    this.#context = context;
    this.#dead = dead;
  }

  /** Returns the endpoints that accept connections and do not drain. */
  list(): readonly EndpointMessage[] {
    try {
      return this.#context.names.resolve(this.#name).endpoints.filter(({ state }) => state !== 'draining');
    } catch {
      return [];
    }
  }

  /** Whether the service has an endpoint that does not drain and was not found dead. */
  hasCallable(): boolean {
    return this.list().some((endpoint) => !this.#dead.has(endpoint));
  }

  /**
   * Waits while the service has a starting endpoint and no callable endpoint.
   *
   * @param check - called after each interval; ends the wait by throwing an error
   */
  async untilStarted(check: () => void): Promise<void> {
    while (!this.hasCallable() && this.#hasStarting()) {
      await sleep(this.#context.runtime, startingPollMs, false);
      check();
    }
  }

  /**
   * Waits while another server of the registry starts the service.
   *
   * @param check - called after each interval; ends the wait by throwing an error
   */
  async untilStartedElsewhere(check: () => void): Promise<void> {
    const { names, runtime } = this.#context;
    do {
      await sleep(runtime, startingPollMs, false);
      check();
    } while (!this.hasCallable() && names.launches.isStartingElsewhere(this.#name));
  }

  /** Whether the service has an endpoint that has registered but does not accept connections yet. */
  #hasStarting(): boolean {
    try {
      return this.#context.names.resolve(this.#name).starting !== undefined;
    } catch {
      return false;
    }
  }
}
