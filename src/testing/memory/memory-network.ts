import type { Clock } from '../../core/clock.js';
import type { TransportFactory } from '../../core/transport.js';
import { MemoryChannel } from './memory-channel.js';
import { MemoryConnection, type Deliver } from './memory-connection.js';
import type { MemoryAttempt } from './memory-exchange.js';
import { connectionRefused } from './socket-errors.js';
import type { MemoryServer, ServerHandler } from './memory-request.js';
import { InMemoryServer } from './memory-server.js';

/** Options of {@link createMemoryNetwork}. */
export interface MemoryNetworkOptions {
  /** One-way latency of a message to or from the server at an address, in ms, ≥ 0. Default 0.5. */
  readonly latencyMs?: number | ((address: string) => number);
  /** Request header with the call id. Default `x-call-id`. */
  readonly callIdHeader?: string;
}

/** Servers in memory, and a transport to the servers in virtual time. The transport passes `transportSuite`. */
export interface MemoryNetwork {
  /** Transport for the option `transport` of a runtime. */
  readonly transport: TransportFactory;
  /** All attempts so far, in order of their start. The array grows with each attempt. */
  readonly attempts: readonly MemoryAttempt[];
  /** Number of executions per call id, on all servers together. */
  readonly executions: ReadonlyMap<string, number>;
  /**
   * Returns the server at an address. The first call for an address creates the server. An address without a server
   * refuses connections.
   *
   * @param handler - handler of a new server; default: a handler that responds with status 200
   */
  server(address: string, handler?: ServerHandler): MemoryServer;
}

/**
 * Creates a network in memory.
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

  function dial(address: string, ref: boolean, done: (result: MemoryConnection | Error) => void): void {
    const deliver: Deliver = (arrive) => {
      const delayMs = typeof latencyMs === 'number' ? latencyMs : latencyMs(address);
      clock.setTimer(arrive, delayMs).setRef(ref);
    };
    deliver(() => {
      const server = servers.get(address);
      const onDecision = (accepted: boolean): void => {
        const connection = accepted && server ? new MemoryConnection(server, deliver) : undefined;
        deliver(() => done(connection?.isOpen === true ? connection : connectionRefused(address)));
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
    server(address, handler = () => ({})) {
      let server = servers.get(address);
      if (server === undefined) {
        server = new InMemoryServer(address, clock, handler, (callId) => {
          executions.set(callId, (executions.get(callId) ?? 0) + 1);
        });
        servers.set(address, server);
      }
      return server;
    },
  };
}
