/** The servers of a world: who runs which service, in what state, and what they do with requests. */
import type { EndpointInit } from 'binding-clerk';
import type { MemoryNetwork, MemoryRequest, MemoryServer, ServerReply } from 'binding-clerk/testing';
import type { GroundTruth } from './ground-truth.js';

/** One running server of a service. */
export interface Replica {
  readonly service: string;
  readonly id: string;
  readonly address: string;
  /** An address that comes before it and leads nowhere. */
  readonly firstAddress: string | undefined;
  readonly server: MemoryServer;
  /** No fault may touch it: somebody must be left to show that calls get there. */
  readonly isProtected: boolean;
  /** Its process is over and does not come back. */
  ended: boolean;
  /** Somebody takes its place, and the registry will soon forget it. */
  leaving: boolean;
  /** Time it takes for a request, in ms. */
  readonly serviceMs: number;
  /** Extra time, in ms. */
  slowMs: number;
  /** Answers with this status instead, while it is set. */
  status: number | undefined;
  /** Sent along with the status, in s. */
  retryAfter: number | undefined;
  /** Counts of faults that hold it, by kind; it is well again when all are 0. */
  readonly impairments: Record<'down' | 'refusing' | 'stalled' | 'paused', number>;
}

/** Decides about one request; set by the faults. */
export type ReplyRule = (replica: Replica, request: MemoryRequest) => ServerReply;

export class Replicas {
  readonly all: Replica[] = [];
  replyRule: ReplyRule = () => ({});
  /** Called when a fault has taken hold of somebody, or let go. */
  onImpaired: (replica: Replica) => void = () => undefined;
  #made = 0;

  constructor(
    readonly network: MemoryNetwork,
    readonly truth: GroundTruth,
    readonly log: (line: string) => void,
    readonly hasDeadFirstAddress: boolean,
  ) {}

  /** Starts a server, at an address of its own unless one is given. */
  start(
    service: string,
    options: { serviceMs: number; isProtected?: boolean; address?: string; id?: string },
  ): Replica {
    const host = `${service.slice(1).replaceAll('/', '-')}-${String(++this.#made)}`;
    const id = options.id ?? host;
    const address = options.address ?? `http://${host}`;
    const server = this.network.server(address);
    server.kill();
    server.accept();
    const replica: Replica = {
      service,
      id,
      address,
      firstAddress: this.hasDeadFirstAddress ? `http://first.${host}` : undefined,
      server,
      isProtected: options.isProtected ?? false,
      ended: false,
      leaving: false,
      serviceMs: options.serviceMs,
      slowMs: 0,
      status: undefined,
      retryAfter: undefined,
      impairments: { down: 0, refusing: 0, stalled: 0, paused: 0 },
    };
    server.handler = (request) => this.reply(replica, request);
    this.all.push(replica);
    this.log(`start ${id} at ${address}`);
    return replica;
  }

  /** Those that the registry names, or all that run a service. */
  of(service: string): Replica[] {
    const listed = this.truth.endpoints(service);
    return this.all.filter((replica) => replica.service === service && listed?.has(replica.id) === true);
  }

  /** The replica that is at an address now. */
  at(address: string): Replica | undefined {
    return this.all.findLast((replica) => replica.address === address);
  }

  reply(replica: Replica, request: MemoryRequest): ServerReply {
    const delayMs = replica.serviceMs + replica.slowMs;
    const { status, retryAfter } = replica;
    const callId = request.headers['x-call-id'] ?? '';
    return {
      delayMs,
      body: JSON.stringify({ id: replica.id, call: callId }),
      ...(status === undefined ? {} : { statusCode: status }),
      ...(retryAfter === undefined ? {} : { headers: { 'retry-after': String(retryAfter) } }),
      ...this.replyRule(replica, request),
    };
  }

  /** A fault takes hold of a replica, and of its connections. */
  impair(replica: Replica, how: keyof Replica['impairments']): void {
    replica.impairments[how]++;
    this.log(`${how} ${replica.id}`);
    if (how === 'down' && this.at(replica.address) === replica) replica.server.kill();
    this.#apply(replica);
  }

  /** A fault lets go of it. */
  restore(replica: Replica, how: keyof Replica['impairments']): void {
    if (replica.impairments[how] === 0) return;
    replica.impairments[how]--;
    this.log(`no longer ${how} ${replica.id}`);
    this.#apply(replica);
  }

  /** Everybody whom the registry names is well. */
  heal(): void {
    for (const replica of this.all) {
      replica.slowMs = 0;
      replica.status = replica.retryAfter = undefined;
      const { impairments } = replica;
      const isListed = this.truth.endpoints(replica.service)?.has(replica.id) === true;
      if (isListed && !replica.ended) impairments.down = 0;
      impairments.refusing = impairments.stalled = impairments.paused = 0;
      this.#apply(replica);
    }
  }

  #apply(replica: Replica): void {
    this.onImpaired(replica);
    // Somebody else may have taken over its address.
    if (this.at(replica.address) !== replica) return;
    const { impairments, server } = replica;
    if (impairments.paused > 0) server.pause();
    else server.resume();
    if (impairments.down > 0 || impairments.refusing > 0) server.refuse();
    else if (impairments.stalled > 0) server.stall();
    else server.accept();
  }
}

/** A replica as the registry names it. */
export function endpointOf(replica: Replica): EndpointInit {
  const { id, address, firstAddress } = replica;
  return firstAddress === undefined ? { id, address } : { id, addresses: [firstAddress, address] };
}
