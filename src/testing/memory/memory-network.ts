/**
 * A network that exists in memory only: servers by address, and a transport that reaches them through a clock's
 * timers. Everything that the transport port promises holds here too; what goes wrong is what a test asks for.
 */
import type { Clock } from '../../core/clock.js';
import type { TransportFactory } from '../../core/transport.js';
import { MemoryChannel } from './memory-channel.js';
import { MemoryConnection, type Deliver } from './memory-connection.js';
import type { MemoryAttempt } from './memory-exchange.js';
import { connectionRefused } from './socket-errors.js';
import type { MemoryServer, ServerHandler } from './memory-request.js';
import { InMemoryServer } from './memory-server.js';

/** What a network is made with. */
export interface MemoryNetworkOptions {
  /**
   * How long a message takes one way, in ms, ≥ 0; a function is asked for each message, with the address of the server
   * that it goes to or comes from. Default 0.5.
   */
  readonly latencyMs?: number | ((address: string) => number);
  /** Name of the header that carries the id of a call. Default `x-call-id`. */
  readonly callIdHeader?: string;
}

/** A network in memory. */
export interface MemoryNetwork {
  /** Reaches the servers of this network; to be used as a runtime's `transport`. */
  readonly transport: TransportFactory;
  /** Every attempt to send a request, in the order in which they began. Grows with each. */
  readonly attempts: readonly MemoryAttempt[];
  /** Executions by call id, all servers together. */
  readonly executions: ReadonlyMap<string, number>;
  /**
   * Puts a server at an address, or returns the one that is there. An address without a server refuses.
   *
   * @param treat - what becomes of requests; by default each is executed and answered with 200
   */
  server(address: string, treat?: ServerHandler): MemoryServer;
}

/**
 * Makes a network.
 *
 * @example
 * ```ts
 * const runtime = createFakeRuntime({ seed: 7 });
 * const network = createMemoryNetwork(runtime);
 * runtime.transport = network.transport;
 * network.server('http://a').kill();
 * ```
 */
export function createMemoryNetwork(clock: Clock, options: MemoryNetworkOptions = {}): MemoryNetwork {
  const { latencyMs = 0.5 } = options;
  const callIdHeader = (options.callIdHeader ?? 'x-call-id').toLowerCase();
  const servers = new Map<string, InMemoryServer>();
  const attempts: MemoryAttempt[] = [];
  const executions = new Map<string, number>();

  const deliverTo =
    (address: string, ref: boolean): Deliver =>
    (arrive) => {
      const delayMs = typeof latencyMs === 'number' ? latencyMs : latencyMs(address);
      clock.setTimer(arrive, delayMs).setRef(ref);
    };

  function dial(address: string, ref: boolean, done: (result: MemoryConnection | Error) => void): void {
    const deliver = deliverTo(address, ref);
    deliver(() => {
      const server = servers.get(address);
      const onDecision = (accepted: boolean): void => {
        const connection = accepted && server ? new MemoryConnection(server, deliver) : undefined;
        deliver(() => {
          done(connection?.isOpen === true ? connection : connectionRefused(address));
        });
      };
      if (server) server.dial(onDecision);
      else onDecision(false);
    });
  }

  return {
    attempts,
    executions,
    transport: ({ connections }, clerkClock) => ({
      open: ({ id }, addresses) =>
        new MemoryChannel({
          endpoint: id,
          addresses,
          connections,
          clock: clerkClock,
          callIdHeader,
          dial,
          onAttempt: (attempt) => attempts.push(attempt),
        }),
    }),
    server(address, treat = () => ({})) {
      let server = servers.get(address);
      if (server === undefined) {
        server = new InMemoryServer(address, clock, treat, (callId) => {
          executions.set(callId, (executions.get(callId) ?? 0) + 1);
        });
        servers.set(address, server);
      }
      return server;
    },
  };
}
