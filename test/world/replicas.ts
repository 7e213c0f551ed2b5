import type { EndpointInit } from 'binding-clerk';
import type { MemoryNetwork, MemoryRequest, MemoryServer, ServerReply } from 'binding-clerk/testing';
import type { GroundTruth } from './ground-truth.js';

/** One simulated server of a service, with its faults. */
export interface Replica {
  readonly service: string;
  readonly id: string;
  readonly address: string;
  /** An unreachable address that precedes it. */
  readonly firstAddress: string | undefined;
  readonly server: MemoryServer;
  /** Exempt from faults, so that one healthy endpoint is always left. */
  readonly isProtected: boolean;
  /** Its process has ended for good. */
  ended: boolean;
  /** False until its server has first accepted connections. */
  hasListened: boolean;
  /** It is being replaced, and will soon be unregistered. */
  leaving: boolean;
  /** Response time, in ms. */
  readonly serviceMs: number;
  /** Additional response time, in ms. */
  slowMs: number;
  /** When set, it responds with this status. */
  status: number | undefined;
  /** Probes do not get that status. */
  exemptsProbes: boolean;
  /** Value of `Retry-After` with that status, in s. */
  retryAfter: number | undefined;
  /** Number of active faults by kind; it is healthy when all are 0. */
  readonly impairments: Record<'down' | 'refusing' | 'stalled' | 'paused', number>;
  /** Counts its processes: it changes when one is killed or replaced. */
  life: number;
  /** Called once when it is no longer paused. */
  onResumed: (() => void)[];
  /** Last instant of a fault of it or of its connections, in ms. */
  troubledAt: number;
  /** Whether it has had no fault since an instant: routes, callers and single answers are none. */
  isHealthySince(at: number): boolean;
}

/** Observes a request and the reply to it. */
export type RequestObserver = (replica: Replica, request: MemoryRequest, reply: ServerReply) => void;

/** Overrides the reply to one request; set by the fault injector. */
export type ReplyRule = (replica: Replica, request: MemoryRequest) => ServerReply;

/** All simulated servers. */
export class Replicas {
  readonly all: Replica[] = [];
  replyRule: ReplyRule = () => ({});
  /** What the route of a request adds to its reply. */
  routeRule: ReplyRule = () => ({});
  onRequest: RequestObserver = () => undefined;
  /** Like `onRequest`, for the process of the replica. */
  onCall: RequestObserver = () => undefined;
  /** Called when a fault of a replica begins or ends. */
  onImpaired: (replica: Replica) => void = () => undefined;
  #made = 0;

  constructor(
    readonly network: MemoryNetwork,
    readonly truth: GroundTruth,
    readonly log: (line: string) => void,
    readonly hasDeadFirstAddress: boolean,
    readonly now: () => number,
  ) {}

  /** Starts a server, at a new address unless one is given. */
  start(
    service: string,
    options: { serviceMs: number; isProtected?: boolean; address?: string; id?: string },
  ): Replica {
    const host = `${service.slice(1).replaceAll('/', '-')}-${String(++this.#made)}`;
    const id = options.id ?? host;
    const address = options.address ?? `http://${host}`;
    const server = this.network.server(address);
    const previous = this.at(address);
    if (previous !== undefined) previous.life++;
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
      hasListened: true,
      leaving: false,
      serviceMs: options.serviceMs,
      slowMs: 0,
      status: undefined,
      exemptsProbes: false,
      retryAfter: undefined,
      impairments: { down: 0, refusing: 0, stalled: 0, paused: 0 },
      life: 0,
      onResumed: [],
      // An endpoint may be new at an address that had another one.
      troubledAt: options.address === undefined ? -Infinity : this.now(),
      isHealthySince: (at) => isHealthySince(replica, at),
    };
    server.handler = (request) => this.#handle(replica, request);
    this.all.push(replica);
    this.log(`start ${id} at ${address}`);
    return replica;
  }

  /** The registered replicas of a service. */
  of(service: string): Replica[] {
    const listed = this.truth.endpoints(service);
    return this.all.filter((replica) => replica.service === service && listed?.has(replica.id) === true);
  }

  /**
   * Whether the instance with an id exists and has had no fault since an instant. Another process may have taken over its id, or
   * its address. A client with an old answer of the registry may still call the process whose id was taken over, which may
   * be paused or have ended.
   */
  isHealthySince(id: string, at: number): boolean {
    const all = this.all.filter((replica) => replica.id === id);
    const last = all.pop();
    return (
      last?.isHealthySince(at) === true &&
      this.at(last.address)?.isHealthySince(at) === true &&
      all.every(
        (former) =>
          former.troubledAt <= at &&
          former.impairments.paused === 0 &&
          !(former.ended && this.at(former.address) === former),
      )
    );
  }

  /** The replica that uses an address now. */
  at(address: string): Replica | undefined {
    return this.all.findLast((replica) => replica.address === address);
  }

  #handle(replica: Replica, request: MemoryRequest): ServerReply {
    const reply = this.reply(replica, request);
    if ((reply.behavior ?? 'respond') !== 'respond')
      replica.troubledAt = Math.max(replica.troubledAt, this.now() + (reply.delayMs ?? 0));
    if (request.isProbe) return reply;
    this.onRequest(replica, request, reply);
    this.onCall(replica, request, reply);
    return reply;
  }

  reply(replica: Replica, request: MemoryRequest): ServerReply {
    const delayMs = replica.serviceMs + replica.slowMs;
    const { retryAfter } = replica;
    const status = request.isProbe && replica.exemptsProbes ? undefined : replica.status;
    if (replica.slowMs > 0 || status !== undefined) replica.troubledAt = this.now() + replica.slowMs;
    const callId = request.headers['x-call-id'] ?? '';
    return {
      delayMs,
      body: JSON.stringify({ id: replica.id, call: callId }),
      ...(status === undefined ? {} : { statusCode: status }),
      ...(retryAfter === undefined ? {} : { headers: { 'retry-after': String(retryAfter) } }),
      ...(status === undefined ? this.routeRule(replica, request) : {}),
      ...this.replyRule(replica, request),
    };
  }

  /** Makes a new replica refuse connections until `restore(replica, 'refusing')`. */
  startLate(replica: Replica): void {
    replica.hasListened = false;
    this.impair(replica, 'refusing');
  }

  /** Whether the process at an address accepts connections. */
  accepts(address: string): boolean {
    const impairments = this.at(address)?.impairments;
    return impairments !== undefined && impairments.down + impairments.refusing + impairments.stalled === 0;
  }

  /** Begins a fault of a replica. */
  impair(replica: Replica, how: keyof Replica['impairments']): void {
    replica.impairments[how]++;
    if (how === 'down') replica.life++;
    replica.troubledAt = this.now();
    this.log(`${how} ${replica.id}`);
    if (how === 'down' && this.at(replica.address) === replica) replica.server.kill();
    this.#apply(replica);
  }

  /** Ends a fault of a replica. */
  restore(replica: Replica, how: keyof Replica['impairments']): void {
    if (replica.impairments[how] === 0) return;
    replica.impairments[how]--;
    replica.troubledAt = this.now();
    this.log(`no longer ${how} ${replica.id}`);
    this.#apply(replica);
  }

  /** Makes all registered replicas healthy. */
  heal(): void {
    for (const replica of this.all) {
      if (!replica.isHealthySince(Infinity)) replica.troubledAt = this.now();
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
    if (replica.impairments.paused === 0) for (const resume of replica.onResumed.splice(0)) resume();
    // Another replica may use its address now.
    if (this.at(replica.address) !== replica) return;
    const { impairments, server } = replica;
    if (impairments.paused > 0) server.pause();
    else server.resume();
    if (impairments.down > 0 || impairments.refusing > 0) server.refuse();
    else if (impairments.stalled > 0) server.stall();
    else {
      replica.hasListened = true;
      server.accept();
    }
  }
}

function isHealthySince(
  { impairments, leaving, ended, slowMs, status, troubledAt }: Replica,
  at: number,
): boolean {
  const { down, refusing, stalled, paused } = impairments;
  if (down + refusing + stalled + paused > 0 || leaving || ended) return false;
  return slowMs === 0 && status === undefined && troubledAt <= at;
}

/** The endpoint of a replica as it is registered. */
export function endpointOf(replica: Replica): EndpointInit {
  const { id, address, firstAddress } = replica;
  return firstAddress === undefined ? { id, address } : { id, addresses: [firstAddress, address] };
}
