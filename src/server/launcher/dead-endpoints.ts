import { errorMessage } from '../../core/errors.js';
import type { EndpointMessage } from '../../protocol/messages.js';
import type { LauncherContext } from './launcher-context.js';
import { foreignEndpointState } from './service-fault.js';

interface DeadEndpoint {
  readonly epoch: number;
  /** Whether the launcher has seen the fault itself. Otherwise the clients have reported the endpoint unreachable. */
  readonly isSeen: boolean;
}

/**
 * Endpoints of one service. The launcher did not start them, and they cannot serve. The launcher ends none of their
 * processes. Another endpoint is started beside them.
 *
 * @see [C6.4](../../../docs/guarantees.md#c6-4)
 */
export class DeadEndpoints {
  readonly #name: string;
  readonly #context: LauncherContext;
  #dead: ReadonlyMap<string, DeadEndpoint> = new Map();

  /** @param name - canonical name of the service */
  constructor(name: string, context: LauncherContext) {
    this.#name = name;
    this.#context = context;
  }

  /** Whether the last inspection found that the endpoint cannot serve. */
  has({ id, epoch }: EndpointMessage): boolean {
    return this.#dead.get(id)?.epoch === epoch;
  }

  /** Looks at endpoints that the launcher did not start. Never rejects. */
  async inspect(endpoints: readonly EndpointMessage[]): Promise<void> {
    const { processes, runtime, names, logger } = this.#context;
    const dead = new Map<string, DeadEndpoint>();
    const inspectOne = async (endpoint: EndpointMessage): Promise<void> => {
      const { id, epoch, addresses } = endpoint;
      const state = await foreignEndpointState({ processes, clock: runtime }, addresses);
      const isSeen = state.kind === 'dead';
      // The launcher cannot look at an endpoint of another host. For such an endpoint, the reports of the clients
      // count.
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
   * Withdraws the endpoints whose fault the launcher has seen. Called when another endpoint is up. A withdrawn endpoint
   * cannot renew its registration. A process that was stopped by a signal therefore never serves again under this name.
   * Never rejects.
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
