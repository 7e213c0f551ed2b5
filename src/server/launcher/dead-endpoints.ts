import { parseAddress } from '../../core/address.js';
import { errorMessage } from '../../core/errors.js';
import type { EndpointMessage } from '../../protocol/lookup-messages.js';
import type { ReplacedEndpoint } from '../ports.js';
import type { LauncherContext } from './launcher-context.js';
import { foreignEndpointState } from './liveness-check.js';

interface DeadEndpoint {
  readonly epoch: number;
  /** Whether the launcher itself found the fault. If false, clients have reported the endpoint unreachable. */
  readonly isSeen: boolean;
}

/**
 * Endpoints of one service that the launcher did not start and that cannot accept calls. The launcher starts another
 * endpoint in place of them. It never ends the process of such an endpoint, because another program manages it.
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

  /** The endpoints whose fault the launcher itself has found. */
  get seen(): readonly ReplacedEndpoint[] {
    return [...this.#dead].flatMap(([id, { epoch, isSeen }]) => (isSeen ? [{ id, epoch }] : []));
  }

  has({ id, epoch }: EndpointMessage): boolean {
    return this.#dead.get(id)?.epoch === epoch;
  }

  idsAmong(endpoints: readonly EndpointMessage[]): readonly string[] {
    return endpoints.filter((endpoint) => this.has(endpoint)).map(({ id }) => id);
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
      // For an endpoint on another host, which the launcher cannot check, the reports of clients decide.
      if (!isSeen && (state.kind === 'listening' || !names.isSuspect(this.#name, id))) return;
      dead.set(id, { epoch, isSeen });
      const fault = isSeen ? state.fault : 'is reported unreachable';
      if (!this.has(endpoint))
        logger.warn(`Endpoint ${id} of ${this.#name} ${fault}; the launcher starts another endpoint`);
    };
    await Promise.all(endpoints.map(inspectOne));
    this.#dead = dead;
  }

  /**
   * Whether the endpoint is, or may be, on another host, where an address such as 127.0.0.1 belongs to a different
   * listener. If the endpoint does not state its host, a Unix socket or a host name may belong to another host.
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
   * Withdraws dead endpoints, so that a process that was only paused cannot resume its registration. Called when
   * another endpoint is up. Never rejects.
   *
   * @param dead - default: {@link seen}
   */
  async fence(dead = this.seen): Promise<void> {
    const { names, logger } = this.#context;
    for (const { id, epoch } of dead) {
      await names.withdraw({ name: this.#name, id, epoch, now: true }).catch((error: unknown) => {
        logger.debug(`Could not withdraw endpoint ${id} of ${this.#name}: ${errorMessage(error)}`);
      });
    }
    this.#dead = new Map();
  }
}
