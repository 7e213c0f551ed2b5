/**
 * A clerk and the servers that it calls, all in memory and in virtual time: what a program needs to test how it copes
 * when its servers do not. Time flows by itself while a call is waiting, so a test just awaits its calls; a slow
 * server costs no real time, and the same seed gives the same trace.
 */
import { createClerk, type Clerk, type ClerkOptions } from '../../index.js';
import type { EndpointInit } from '../../core/endpoint.js';
import { createFakeRuntime, type FakeRuntime } from '../fake-runtime.js';
import type { MemoryServer, ServerHandler, ServerReply } from './memory-request.js';
import { createMemoryNetwork } from './memory-network.js';

/** Who runs what: the instance ids of each service, or endpoints with labels. An id is used once in a cluster. */
export type MemoryServices = Readonly<Record<string, readonly (string | MemoryInstance)[]>>;

/** An endpoint of a memory cluster; its address is made of its id. */
export type MemoryInstance = Omit<EndpointInit, 'address' | 'addresses' | 'id'> & {
  /** A host name: letters, digits, `.`, `_` and `-`. */
  readonly id: string;
};

/** What a memory cluster is made with. */
export interface MemoryClusterOptions {
  /** Seed of all chance: an integer from 0 to 2^53 − 1. */
  readonly seed: number;
  /** How long a message takes one way, in ms, ≥ 0. Default 0.5. */
  readonly latencyMs?: number;
  /** Further options of the clerk. */
  readonly clerk?: Omit<ClerkOptions, 'registry' | 'runtime'>;
  /** Whether time flows by itself while a call is waiting. Default true. @see {@link FakeRuntime} */
  readonly autoAdvance?: boolean;
}

/** The servers of a memory cluster, by instance id. Every method throws a RangeError for an unknown id. */
export interface MemoryCluster {
  /** Refuses new connections; those that stand go on. */
  refuse(id: string): void;
  /** Leaves new connections without an answer. */
  stall(id: string): void;
  /** Accepts connections again; also starts what was killed. */
  accept(id: string): void;
  /** Accepts connections and answers nothing, as after SIGSTOP. */
  pause(id: string): void;
  /** Goes on after a pause, with all that has arrived. */
  resume(id: string): void;
  /** Resets all connections and refuses new ones, as after SIGKILL. */
  kill(id: string): void;
  /** Answers from now on with this status, or by this function. */
  respond(id: string, reply: number | ServerHandler): void;
  /** Answers as late as that from now on, in ms after the request was read. */
  delay(id: string, delayMs: number): void;
  /** Requests that it has read. */
  requests(id: string): number;
  /**
   * What was asked so far, in the order in which it was asked: `a:refused b:200`. After the colon comes the status, or
   * `refused`, `reset`, `truncated`, `stream-refused`, `no-response` (no answer so far), `connecting` or `unsent`.
   */
  trace(): string;
}

/** A clerk, its servers and their time. */
export interface MemoryWorld {
  /** Calls the servers. */
  readonly clerk: Clerk;
  /** Makes trouble for them. */
  readonly cluster: MemoryCluster;
  /** Their time. */
  readonly runtime: FakeRuntime;
}

/**
 * Makes a clerk with a cluster of servers that answer every request with 200 and `{"endpoint":"<id>"}`.
 *
 * @example
 * ```ts
 * const { clerk, cluster } = memoryCluster({ '/shop/orders': ['a', 'b'] }, { seed: 7 });
 * cluster.refuse('a');
 * await clerk.bind('/shop/orders').json('/orders/7');
 * cluster.trace(); // 'a:refused b:200', or 'b:200'
 * ```
 * @throws a ClerkError `CONFIG_INVALID`, `NAME_INVALID`; RangeError for an id that is used twice
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
      if (servers.has(init.id)) throw new RangeError(`The instance '${init.id}' is named twice`);
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
    throw new RangeError(`There is no instance '${id}'; there are ${[...servers.keys()].join(', ')}`);
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
