import { parseAddress } from '../../core/address.js';
import { errorMessage } from '../../core/errors.js';
import type { EndpointMessage } from '../../protocol/lookup-messages.js';
import type { LauncherContext } from './launcher-context.js';
import { foreignEndpointState } from './service-fault.js';

interface DeadEndpoint {
  readonly epoch: number;
  /** Whether the launcher itself found the fault. If false, the clients reported the endpoint unreachable. */
  readonly isSeen: boolean;
}

/**
 * Endpoints of one service that cannot serve and that the launcher did not start. The launcher starts another
 * endpoint, and never ends the process of a dead endpoint.
 *
 * @see [C6.4](../../../docs/guarantees.md#c6-4)
 */
export class DeadEndpoints {
  readonly #name: string;
  readonly #context: LauncherContext;
  #dead: ReadonlyMap<string, DeadEndpoint> = new Map();

  constructor(name: string, context: LauncherContext) {
    this.#name = name;
    this.#context = context;
  }

  has({ id, epoch }: EndpointMessage): boolean {
    return this.#dead.get(id)?.epoch === epoch;
  }

  /** Checks endpoints that the launcher did not start. Never rejects. */
  async inspect(endpoints: readonly EndpointMessage[]): Promise<void> {
    const { processes, runtime, names, logger } = this.#context;
    const dead = new Map<string, DeadEndpoint>();
    const inspectOne = async (endpoint: EndpointMessage): Promise<void> => {
      const { id, epoch, addresses } = endpoint;
      const state = this.#isElsewhere(endpoint)
        ? ({ kind: 'unknown' } as const)
        : await foreignEndpointState({ processes, clock: runtime }, addresses);
      const isSeen = state.kind === 'dead';
      // The launcher cannot check an endpoint on another host. The reports of clients decide on that endpoint.
      if (!isSeen && (state.kind === 'listening' || !names.isSuspect(this.#name, id))) return;
      dead.set(id, { epoch, isSeen });
      const fault = isSeen ? state.fault : 'is reported unreachable';
      if (!this.has(endpoint))
        logger.warn(`Endpoint ${id} of ${this.#name} ${fault}; another endpoint will be started`);
    };
    await Promise.all(endpoints.map(inspectOne));
    this.#dead = dead;
  }

  /**
   * Whether the endpoint is on another host, where an address such as 127.0.0.1 belongs to another listener. If its host
   * is not stated, a Unix socket or a host name can belong to another host too.
   */
  #isElsewhere({ hostId, addresses }: EndpointMessage): boolean {
    const own = this.#context.runtime.hostId();
    if (hostId !== undefined && own !== undefined) return hostId !== own;
    return addresses.some((text) => {
      const { hostname } = parseAddress(text);
      return !/:|^[\d.]+$|^localhost$/.test(hostname);
    });
  }

  /**
   * Withdraws the endpoints whose fault the launcher itself found. Called when another endpoint is up, so that a
   * stopped process cannot resume under this name. Never rejects.
   */
  async fence(): Promise<void> {
    const { names, logger } = this.#context;
    for (const [id, { epoch, isSeen }] of this.#dead) {
      if (!isSeen) continue;
      await names.withdraw({ name: this.#name, id, epoch, now: true }).catch((error: unknown) => {
        logger.debug(`Could not withdraw endpoint ${id} of ${this.#name}: ${errorMessage(error)}`);
      });
    }
    this.#dead = new Map();
  }
}
