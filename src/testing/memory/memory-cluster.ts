import { createClerk, type Clerk, type ClerkOptions } from '../../index.js';
import type { EndpointInit } from '../../core/endpoint.js';
import { describeValue, quote } from '../../core/describe-value.js';
import { ClerkError } from '../../core/errors.js';
import { isObject } from '../../core/is-object.js';
import { createFakeRuntime, type FakeRuntime } from '../fake-runtime.js';
import type { MemoryServer, ServerHandler, ServerReply } from './memory-request.js';
import { createMemoryNetwork } from './memory-network.js';

/**
 * The instances of each service, by the name of the service. An instance is an id, unique in the cluster, or an object
 * with further fields.
 */
export type MemoryServices = Readonly<Record<string, readonly (string | MemoryInstance)[]>>;

/** An endpoint of a memory cluster. The address of the endpoint is `http://<id>`. */
export type MemoryInstance = Omit<EndpointInit, 'address' | 'addresses' | 'id'> & {
  /** Instance id of letters, digits, `.`, `_` and `-`. */
  readonly id: string;
};

/** Options of {@link memoryCluster}. */
export interface MemoryClusterOptions {
  /** Seed of all random numbers: an integer from 0 to 2^53 − 1. Default 1. */
  readonly seed?: number;
  /** One-way latency of a message, in ms, ≥ 0. Default 0.5. */
  readonly latencyMs?: number;
  /** Options of the clerk, except `registry` and `runtime`. */
  readonly clerk?: Omit<ClerkOptions, 'registry' | 'runtime'>;
  /** See {@link FakeRuntimeOptions.autoAdvance}. Default true. */
  readonly autoAdvance?: boolean;
}

const knownOptions = { seed: true, latencyMs: true, clerk: true, autoAdvance: true } satisfies Record<
  keyof MemoryClusterOptions,
  true
>;

/**
 * Controls the servers of a memory cluster, see {@link MemoryServer}. Methods throw a ClerkError `CONFIG_INVALID` for an
 * unknown `id`.
 */
export interface MemoryCluster {
  /** Makes the server refuse new connections. */
  refuse(id: string): void;
  /** Makes the server leave new connections pending, neither accepted nor refused. */
  stall(id: string): void;
  /** Makes the server accept connections again. A killed server starts again. */
  accept(id: string): void;
  /** Makes the server handle no request, like a process after SIGSTOP. */
  pause(id: string): void;
  /** Ends a pause. */
  resume(id: string): void;
  /** Makes the server reset all connections and refuse new connections, as after SIGKILL. */
  kill(id: string): void;
  /** Sets the response of the server: a status, or a handler that decides for each request. */
  respond(id: string, reply: number | ServerHandler): void;
  /** Makes the server delay each response by `delayMs`. */
  delay(id: string, delayMs: number): void;
  /** Returns the number of requests that the server has received, not counting health probes. */
  requests(id: string): number;
  /**
   * Returns all attempts so far, in order of their start, such as `a:refused b:200`. Each attempt has its instance id
   * and the `result` of its {@link MemoryAttempt}.
   */
  trace(): string;
}

/** A clerk and its servers in memory, in virtual time. */
export interface MemoryWorld {
  /** A clerk whose registry contains all instances of the cluster. */
  readonly clerk: Clerk;
  /** Controls the servers. */
  readonly cluster: MemoryCluster;
  /** The runtime of clerk and servers, in virtual time. */
  readonly runtime: FakeRuntime;
}

/**
 * Creates a clerk and its servers in memory and in virtual time. A program can then be tested with failing servers.
 * Initially, every server responds with status 200 and `{"endpoint":"<id>"}`. The same seed gives the same trace.
 *
 * @example
 * ```ts
 * const { clerk, cluster } = memoryCluster({ '/shop/orders': ['a', 'b'] }, { seed: 7 });
 * cluster.refuse('a');
 * await clerk.bind('/shop/orders').json('/orders/7');
 * cluster.trace(); // 'a:refused b:200', or 'b:200'
 * ```
 * @throws ClerkError `CONFIG_INVALID` or `NAME_INVALID` when an option is invalid, or an id is used twice.
 */
export function memoryCluster(services: MemoryServices, options: MemoryClusterOptions = {}): MemoryWorld {
  checkArguments(services, options);
  const { seed = 1, latencyMs = 0.5, autoAdvance = true } = options;
  const runtime = createFakeRuntime({ seed, autoAdvance });
  const network = createMemoryNetwork(runtime, { latencyMs });
  runtime.transport = network.transport;
  const servers = new Map<string, { readonly server: MemoryServer; delayMs: number; reply: ServerHandler }>();
  const registry: Record<string, EndpointInit[]> = {};
  for (const [name, instances] of Object.entries(services)) {
    registry[name] = instances.map((instance) => {
      const init = typeof instance === 'string' ? { id: instance } : instance;
      const address = `http://${init.id}`;
      if (servers.has(init.id))
        throw clusterError(`ids of instances must be unique in the cluster; got ${quote(init.id)} twice`);
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
    throw clusterError(
      `no instance has the id ${quote(id)}; use one of the ids ${[...servers.keys()].join(', ')}`,
    );
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

function checkArguments(services: unknown, options: unknown): void {
  if (!isObject(services))
    throw clusterError(
      `services must be an object such as { '/shop/orders': ['a', 'b'] }; got ${describeValue(services)}`,
    );
  for (const [name, instances] of Object.entries(services)) {
    if (!Array.isArray(instances))
      throw clusterError(`instances of ${name} must be a list; got ${describeValue(instances)}`);
    for (const instance of instances as unknown[])
      if (typeof (isObject(instance) ? instance['id'] : instance) !== 'string')
        throw clusterError(
          `an instance of ${name} must be an id, or an object with an id; got ${describeValue(instance)}`,
        );
  }
  if (!isObject(options)) throw clusterError(`options must be an object; got ${describeValue(options)}`);
  for (const key of Object.keys(options))
    if (!Object.hasOwn(knownOptions, key))
      throw clusterError(
        `unknown option '${key}'; known options are ${Object.keys(knownOptions).join(', ')}`,
      );
  const { latencyMs = 0 } = options;
  if (typeof latencyMs !== 'number' || !(latencyMs >= 0 && latencyMs < Infinity))
    throw clusterError(`latencyMs must be a finite number ≥ 0; got ${describeValue(latencyMs)}`);
}

function clusterError(problem: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', `memoryCluster(): ${problem}`);
}

function replyWithStatus(statusCode: number): (request: unknown) => ServerReply {
  return () => ({ statusCode });
}
