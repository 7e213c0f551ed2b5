import { createClerk, type Clerk, type ClerkOptions } from '../../index.js';
import type { EndpointInit } from '../../core/endpoint.js';
import { createFakeRuntime, type FakeRuntime } from '../fake-runtime.js';
import type { MemoryServer, ServerHandler, ServerReply } from './memory-request.js';
import { createMemoryNetwork } from './memory-network.js';

/** Services and their instances, given as ids or as endpoints with labels. An id must be unique in a cluster. */
export type MemoryServices = Readonly<Record<string, readonly (string | MemoryInstance)[]>>;

/** An endpoint of a memory cluster; its address is derived from its id. */
export type MemoryInstance = Omit<EndpointInit, 'address' | 'addresses' | 'id'> & {
  /** A host name: letters, digits, `.`, `_` and `-`. */
  readonly id: string;
};

/** Options of {@link memoryCluster}. */
export interface MemoryClusterOptions {
  /** Seed of all randomness: an integer from 0 to 2^53 − 1. */
  readonly seed: number;
  /** One-way latency of a message, in ms, ≥ 0. Default 0.5. */
  readonly latencyMs?: number;
  /** Further options of the clerk. */
  readonly clerk?: Omit<ClerkOptions, 'registry' | 'runtime'>;
  /** Whether time advances by itself while a call is waiting. Default true. @see {@link FakeRuntimeOptions.autoAdvance} */
  readonly autoAdvance?: boolean;
}

/** Controls the servers of a memory cluster, by instance id. Every method throws a RangeError for an unknown id. */
export interface MemoryCluster {
  /** Refuses new connections; established ones continue. */
  refuse(id: string): void;
  /** Neither accepts nor refuses new connections. */
  stall(id: string): void;
  /** Accepts connections again; also restarts a killed server. */
  accept(id: string): void;
  /** Accepts connections and handles no request, as after SIGSTOP. */
  pause(id: string): void;
  /** Continues after a pause, with all requests that have arrived. */
  resume(id: string): void;
  /** Resets all connections and refuses new ones, as after SIGKILL. */
  kill(id: string): void;
  /** Responds with this status, or as this handler decides. */
  respond(id: string, reply: number | ServerHandler): void;
  /** Delays responses by this time, in ms. */
  delay(id: string, delayMs: number): void;
  /** Number of requests received. */
  requests(id: string): number;
  /**
   * All attempts so far, in order of their start: `a:refused b:200`. After the colon comes the status, or `refused`, `reset`,
   * `truncated`, `stream-refused`, `no-response` (so far), `connecting` or `unsent`.
   */
  trace(): string;
}

/** A clerk, its servers and their virtual time. */
export interface MemoryWorld {
  /** A clerk whose registry names the servers. */
  readonly clerk: Clerk;
  /** Controls the servers. */
  readonly cluster: MemoryCluster;
  /** Virtual time. */
  readonly runtime: FakeRuntime;
}

/**
 * Makes a clerk and its servers, all in memory and in virtual time, to test how a program behaves when servers fail. The
 * servers respond to every request with 200 and `{"endpoint":"<id>"}`. Time advances by itself while a call is waiting, so a
 * slow server costs no real time. The same seed gives the same trace.
 *
 * @example
 * ```ts
 * const { clerk, cluster } = memoryCluster({ '/shop/orders': ['a', 'b'] }, { seed: 7 });
 * cluster.refuse('a');
 * await clerk.bind('/shop/orders').json('/orders/7');
 * cluster.trace(); // 'a:refused b:200', or 'b:200'
 * ```
 * @throws ClerkError `CONFIG_INVALID` or `NAME_INVALID` when an option is invalid.
 * @throws RangeError when an id is used twice.
 */
export function memoryCluster(services: MemoryServices, options: MemoryClusterOptions): MemoryWorld {
  const { seed, latencyMs = 0.5, autoAdvance = true } = options;
  const runtime = createFakeRuntime({ seed, autoAdvance });
  const network = createMemoryNetwork(runtime, { latencyMs });
  runtime.transport = network.transport;
  const servers = new Map<string, { readonly server: MemoryServer; delayMs: number; reply: ServerHandler }>();
  const registry: Record<string, EndpointInit[]> = {};
  for (const [name, instances] of Object.entries(services)) {
    registry[name] = instances.map((instance) => {
      const init = typeof instance === 'string' ? { id: instance } : instance;
      const address = `http://${init.id}`;
      if (servers.has(init.id)) throw new RangeError(`Instance ids must be unique; got '${init.id}' twice`);
      const entry = { server: network.server(address), delayMs: 0, reply: replyWithStatus(200) };
      entry.server.handler = (request) => ({
        delayMs: entry.delayMs,
        body: JSON.stringify({ endpoint: init.id }),
        ...entry.reply(request),
      });
      servers.set(init.id, entry);
      return { ...init, address };
    });
  }

  const find = (id: string) => {
    const entry = servers.get(id);
    if (entry) return entry;
    throw new RangeError(`No instance has the id '${id}'; the ids are ${[...servers.keys()].join(', ')}`);
  };
  const cluster: MemoryCluster = {
    refuse: (id) => find(id).server.refuse(),
    stall: (id) => find(id).server.stall(),
    accept: (id) => find(id).server.accept(),
    pause: (id) => find(id).server.pause(),
    resume: (id) => find(id).server.resume(),
    kill: (id) => find(id).server.kill(),
    respond(id, reply) {
      find(id).reply = typeof reply === 'number' ? replyWithStatus(reply) : reply;
    },
    delay(id, delayMs) {
      find(id).delayMs = delayMs;
    },
    requests: (id) => find(id).server.requests,
    trace: () => network.attempts.map(({ endpoint, result }) => `${endpoint}:${result}`).join(' '),
  };
  return { clerk: createClerk({ ...options.clerk, registry, runtime }), cluster, runtime };
}

function replyWithStatus(statusCode: number): (request: unknown) => ServerReply {
  return () => ({ statusCode });
}
