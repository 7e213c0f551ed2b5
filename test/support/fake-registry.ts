import { sleep, type Clock, type Timer } from '../../src/core/clock.js';
import { ClerkError, isClerkError } from '../../src/core/errors.js';
import { matches, parseGlob } from '../../src/core/glob.js';
import { compareNames } from '../../src/core/name.js';
import { encodeError, httpStatusOf } from '../../src/protocol/error-codec.js';
import type { ResolveResponse, EndpointMessage } from '../../src/protocol/lookup-messages.js';
import type {
  RegisterRequest,
  RenewRequest,
  WithdrawRequest,
} from '../../src/protocol/registration-messages.js';
import type { WatchEditRequest, WatchEvent, WatchRequest } from '../../src/protocol/watch-messages.js';
import { paths } from '../../src/protocol/paths.js';
import type {
  RegistryConnection,
  RegistryResponse,
  RegistryRequest,
  StreamListener,
} from '../../src/registry-client/connection.js';

interface Registered {
  readonly endpoint: EndpointMessage;
  /** Undefined for an endpoint of {@link FakeRegistry.put}. */
  readonly secret?: string;
  expiresAt: number;
}

interface Stream {
  readonly id: string;
  readonly globs: Set<string>;
  readonly listener: StreamListener;
}

/**
 * A minimal registry server in memory: services with endpoints, leases, watches and starts. It speaks the HTTP interface
 * through {@link RegistryConnection}, and can be stopped, made to hang, and restarted without data.
 */
export class FakeRegistry {
  /** It refuses connections. */
  isDown = false;
  /** It receives requests and never responds. */
  hangs = false;
  /** Its lookups are flagged as stale. */
  isStale = false;
  /** It executes requests at once and responds after this time, in ms. */
  responseDelayMs = 0;
  /** Its events arrive after this time, in ms. */
  streamDelayMs = 0;
  /** It executes this many requests without responding. */
  lostResponses = 0;
  /** Makes the endpoints of a start. */
  onLaunch: (name: string) => EndpointMessage[] = () => {
    throw new ClerkError('START_FAILED', 'Nothing can be started here');
  };
  /** Error of every registration. */
  registrationError: ClerkError | undefined;
  proof: string | undefined;
  incarnation = 'first';
  /** Header `clerk-servers`; undefined for a registry with one server. */
  servers: string | undefined;
  heartbeatMs = 5_000;
  /** Received requests: time, path, and body or query. */
  readonly requests: { at: number; path: string; payload: any }[] = [];
  readonly services = new Map<string, Map<string, Registered>>();
  readonly launchable = new Set<string>();
  /** Replaces `suspects` in renewal responses. */
  suspectsOverride: unknown;
  /** Replaces fields of renewal responses. */
  renewalExtras: object = {};
  /** Names of services whose endpoints are suspect in renewal responses. */
  readonly suspectServices = new Set<string>();
  readonly streams = new Set<Stream>();
  /** Present names, by the names from before a move. */
  readonly #moved = new Map<string, string>();
  #revision = 0;
  #watches = 0;
  #registrations = 0;
  #epochs = new Map<string, number>();
  /** Secrets of all registrations, by name, id and epoch. */
  readonly #secrets = new Map<string, string>();

  constructor(readonly clock: Clock) {}

  /** A connection of one program. */
  connection(url: string): RegistryConnection {
    const streams = new Set<Stream>();
    return {
      url,
      request: (request, signal) => this.#request(request, signal, url),
      stream: (request, listener) => {
        let stream: Stream | undefined;
        let stopped = false;
        queueMicrotask(() => {
          if (stopped) return;
          this.requests.push({ at: this.clock.now(), path: request.path, payload: request.body });
          if (this.isDown) listener.onEnd(this.#connectionRefused(url));
          else if (this.hangs) {
            const startTimer = this.clock.setTimer(() => {
              if (!stopped) listener.onEnd(new ClerkError('REGISTRY_UNREACHABLE', `${url} opened no stream`));
            }, request.startTimeoutMs ?? 4_500);
            startTimer.setRef(false);
          } else {
            stream = this.#openStream(request.body as WatchRequest, listener);
            streams.add(stream);
          }
        });
        return () => {
          stopped = true;
          if (stream) this.streams.delete(stream);
        };
      },
      close: async () => {
        for (const stream of streams) this.streams.delete(stream);
      },
    };
  }

  /** Sets the endpoints of a service by their ids. */
  put(name: string, ids: readonly string[], more: Partial<EndpointMessage> = {}): void {
    this.putEndpoints(
      name,
      ids.map((id) => ({ ...endpointMessage(id), ...more })),
    );
  }

  putEndpoints(name: string, endpoints: readonly EndpointMessage[]): void {
    this.services.set(
      name,
      new Map(endpoints.map((endpoint) => [endpoint.id, { endpoint, expiresAt: Infinity }])),
    );
    this.#changed(name);
  }

  remove(name: string): void {
    this.services.delete(name);
    this.#changed(name);
  }

  /** Moves a service. Its former names lead to it from then on. */
  move(from: string, to: string): void {
    for (const [former, present] of this.#moved) if (present === from) this.#moved.set(former, to);
    this.#moved.set(from, to);
    this.#moved.delete(to);
    const service = this.services.get(from) ?? new Map<string, Registered>();
    this.services.delete(from);
    this.services.set(to, service);
    for (const [id, { endpoint, secret }] of service)
      if (secret !== undefined) this.#secrets.set(`${to} ${id} ${endpoint.epoch}`, secret);
    this.#changed(from);
    this.#changed(to);
  }

  /** Closes all streams; a new connection works at once unless it is down. */
  dropStreams(): void {
    for (const { listener } of [...this.streams]) listener.onEnd(this.#connectionRefused('it'));
    this.streams.clear();
  }

  /** Restarts without data, as a new incarnation. */
  restartEmpty(): void {
    this.services.clear();
    this.#epochs.clear();
    this.#secrets.clear();
    this.incarnation = `${this.incarnation}'`;
    this.#revision = 0;
    this.dropStreams();
  }

  sendHeartbeat(): void {
    for (const stream of this.streams) this.#send(stream, { type: 'heartbeat', ...this.#stated() });
  }

  resync(): void {
    for (const stream of this.streams) {
      this.#send(stream, { type: 'resync', reason: 'a gap' });
      this.#sendSnapshot(stream, [...stream.globs]);
    }
  }

  ids(name: string): readonly string[] {
    this.#expire(name);
    return [...(this.services.get(name)?.keys() ?? [])];
  }

  async #request(request: RegistryRequest, signal: AbortSignal, url: string): Promise<RegistryResponse> {
    const { path, query, body, headersTimeoutMs = 3_000 } = request;
    await Promise.resolve();
    this.requests.push({ at: this.clock.now(), path, payload: structuredClone(body ?? query) });
    if (this.isDown) throw this.#connectionRefused(url);
    if (this.hangs) return this.#hang(signal, headersTimeoutMs, url);
    let status = 200;
    let reply: unknown;
    try {
      reply = this.#respond(path, body ?? query);
    } catch (error) {
      if (!isClerkError(error)) throw error;
      status = httpStatusOf(error.code);
      reply = encodeError(error);
    }
    if (this.responseDelayMs > 0) await sleep(this.clock, this.responseDelayMs, false);
    if (this.lostResponses > 0) {
      this.lostResponses--;
      throw new ClerkError('REGISTRY_UNREACHABLE', `The connection to ${url} broke`);
    }
    return structuredClone({
      status,
      body: reply,
      revision: String(this.#revision),
      incarnation: this.incarnation,
      position: '',
      ...this.#stated(),
    });
  }

  #stated(): { readonly servers?: string } {
    return this.servers === undefined ? {} : { servers: this.servers };
  }

  #hang(signal: AbortSignal, headMs: number, url: string): Promise<never> {
    return new Promise((_resolve, reject) => {
      const timer: Timer = this.clock.setTimer(
        () => reject(new ClerkError('REGISTRY_UNREACHABLE', `${url} sent no response in time`)),
        headMs,
      );
      timer.setRef(false);
      signal.addEventListener('abort', () => {
        timer.cancel();
        reject(signal.reason as Error);
      });
    });
  }

  #respond(path: string, payload: any): unknown {
    switch (path) {
      case paths.resolve:
        return this.#resolve((payload as { name: string }).name);
      case paths.list: {
        const glob = parseGlob(payload.glob);
        const all = [...this.services.keys()].filter((name) => matches(glob, name)).sort(compareNames);
        const rest = all.filter(
          (name) => payload.after === undefined || compareNames(name, payload.after) > 0,
        );
        return {
          entries: rest
            .slice(0, 2)
            .map((name) => ({ name, kind: 'service', endpoints: this.ids(name).length })),
          next: rest.length > 2 ? rest[1] : null,
          ...this.#position(),
        };
      }
      case paths.register:
        return this.#register(payload as RegisterRequest);
      case paths.renew:
        return this.#renew(payload as RenewRequest);
      case paths.withdraw: {
        const { name: requested, id, secret, now } = payload as WithdrawRequest;
        const name = this.#presentName(requested);
        const registered = this.services.get(name)?.get(id);
        if (registered !== undefined && registered.secret !== secret)
          throw new ClerkError('FORBIDDEN', `The secret of ${id} is wrong`);
        if (now === true) this.services.get(name)?.delete(id);
        const found = this.services.get(name)?.get(id);
        if (found)
          this.services.get(name)?.set(id, {
            expiresAt: this.clock.now() + 5_250,
            endpoint: { ...found.endpoint, state: 'draining' },
            ...(found.secret !== undefined && { secret: found.secret }),
          });
        this.#changed(name);
        return { ...this.#position(), appliesInMs: now === true ? 0 : 5_250 };
      }
      case paths.watchEdit: {
        const { watch, add = [], remove = [] } = payload as WatchEditRequest;
        const stream = [...this.streams].find(({ id }) => id === watch);
        if (!stream) throw new ClerkError('CLERK_CLOSED', 'That watch is not open here');
        for (const glob of remove) stream.globs.delete(glob);
        for (const glob of add) stream.globs.add(glob);
        if (add.length > 0) queueMicrotask(() => this.#sendSnapshot(stream, add));
        return {};
      }
      case paths.report:
        return {};
      case paths.tickets:
        return { ticket: 'a.b.c', expiresInMs: 300_000, service: (payload as { service: string }).service };
      case paths.launch: {
        const { name } = payload as { name: string };
        return { name, endpoints: this.onLaunch(name), started: true };
      }
      default:
        throw new ClerkError('CONFIG_INVALID', `There is no ${path} here`);
    }
  }

  #register(request: RegisterRequest): unknown {
    if (this.registrationError) throw this.registrationError;
    const { id, leaseMs = 10_000, epoch: given, ticket } = request;
    const name = this.#presentName(request.name);
    const known = given === undefined ? undefined : this.#secrets.get(`${name} ${id} ${given}`);
    const isHolder = ticket !== undefined || (known !== undefined && known === request.secret);
    const addresses = this.services.get(name)?.get(id)?.endpoint.addresses;
    if (given !== undefined && !isHolder && String(addresses) !== String(request.addresses))
      throw new ClerkError('FORBIDDEN', `Epoch ${given} of ${id} is unknown here`, { remainingMs: 0 });
    const epoch = isHolder && given !== undefined ? given : (this.#epochs.get(name) ?? 0) + 1;
    const secret = (isHolder && request.secret) || `secret of ${id} ${++this.#registrations}`;
    this.#secrets.set(`${name} ${id} ${epoch}`, secret);
    this.#epochs.set(name, Math.max(epoch, this.#epochs.get(name) ?? 0));
    const endpoint: EndpointMessage = {
      ...endpointMessage(id),
      addresses: request.addresses,
      host: request.host ?? null,
      zone: request.zone ?? null,
      version: request.version ?? null,
      weight: request.weight ?? 1,
      attributes: request.attributes ?? {},
      state: request.state ?? 'up',
      epoch,
      leaseMs,
    };
    const all = this.services.get(name) ?? new Map<string, Registered>();
    all.set(id, { endpoint, secret, expiresAt: this.clock.now() + leaseMs });
    this.services.set(name, all);
    this.#changed(name);
    return {
      ...(name !== request.name && { name }),
      epoch,
      secret,
      leaseMs,
      ...this.#position(),
      ...(this.proof !== undefined && { proof: this.proof }),
    };
  }

  #renew({ renewals }: RenewRequest): unknown {
    const results = renewals.map(({ name: requested, id, epoch, secret }) => {
      const name = this.#presentName(requested);
      this.#expire(name);
      const found = this.services.get(name)?.get(id);
      if (!found) return 'lost';
      if (found.endpoint.epoch > epoch || found.secret !== secret) return 'fenced';
      found.expiresAt = this.clock.now() + found.endpoint.leaseMs;
      return 'renewed';
    });
    const suspects = renewals.flatMap(({ name }, i) => (this.suspectServices.has(name) ? [i] : []));
    if (this.suspectsOverride !== undefined)
      return { results, suspects: this.suspectsOverride, incarnation: this.incarnation };
    const moved = renewals.flatMap(({ name }, index) => {
      const present = this.#presentName(name);
      return present === name ? [] : [{ index, name: present }];
    });
    return {
      results,
      ...(suspects.length > 0 && { suspects }),
      ...(moved.length > 0 && { moved }),
      incarnation: this.incarnation,
      ...this.renewalExtras,
    };
  }

  #presentName(name: string): string {
    return this.#moved.get(name) ?? name;
  }

  #resolve(name: string): ResolveResponse {
    this.#expire(name);
    const found = this.services.get(name);
    if (!found) throw new ClerkError('NAME_NOT_FOUND', `There is no ${name}`);
    const all = [...found.values()].map(({ endpoint }) => endpoint);
    const starting = all.filter(({ state }) => state === 'starting');
    return {
      name,
      canonical: name,
      kind: 'service',
      path: [{ name, kind: 'service', guaranteedMs: 5_000 }],
      endpoints: all.filter(({ state }) => state !== 'starting'),
      ...(starting.length > 0 && { starting }),
      policy: null,
      launchable: this.launchable.has(name),
      guaranteedMs: 5_000,
      ttlMs: 5_000,
      ...(this.isStale && { stale: true }),
      ...this.#position(),
    };
  }

  #expire(name: string): void {
    for (const [id, { expiresAt }] of this.services.get(name) ?? [])
      if (expiresAt <= this.clock.now()) this.services.get(name)?.delete(id);
  }

  #openStream({ globs, since }: WatchRequest, listener: StreamListener): Stream {
    const stream: Stream = { id: `watch-${++this.#watches}`, globs: new Set(globs), listener };
    this.streams.add(stream);
    // There is no history, so only a watch that has missed nothing resumes.
    const resumed = since?.incarnation === this.incarnation && since.revision === String(this.#revision);
    const { heartbeatMs, incarnation } = this;
    const statedAt = this.clock.now();
    const open = { type: 'open', watch: stream.id, resumed, heartbeatMs, incarnation, statedAt } as const;
    this.#send(stream, { ...open, ...this.#stated() });
    if (!resumed) this.#sendSnapshot(stream, globs);
    return stream;
  }

  #sendSnapshot(stream: Stream, globs: readonly string[]): void {
    for (const name of this.services.keys())
      if (globs.some((glob) => matches(parseGlob(glob), name)))
        this.#send(stream, { type: 'put', name, entry: this.#resolve(name), statedAt: this.clock.now() });
    this.#send(stream, { type: 'current', globs });
  }

  #changed(name: string): void {
    this.#revision++;
    for (const stream of this.streams) {
      if (![...stream.globs].some((glob) => matches(parseGlob(glob), name))) continue;
      this.#send(
        stream,
        this.services.has(name)
          ? { type: 'put', name, entry: this.#resolve(name), statedAt: this.clock.now() }
          : { type: 'delete', name },
      );
    }
  }

  #send({ listener, id }: Stream, event: WatchEvent): void {
    let position = `${this.incarnation}:${this.#revision}`;
    const deliver = (): void => {
      if (this.hangs || ![...this.streams].some((stream) => stream.id === id)) return;
      listener.onActivity();
      listener.onEvent(structuredClone({ type: event.type, id: position, data: event }));
    };
    if (this.streamDelayMs > 0) this.clock.setTimer(deliver, this.streamDelayMs).setRef(false);
    else
      queueMicrotask(() => {
        position = `${this.incarnation}:${this.#revision}`;
        deliver();
      });
  }

  #position(): { revision: string; incarnation: string } {
    return { revision: String(this.#revision), incarnation: this.incarnation };
  }

  #connectionRefused(url: string): ClerkError {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    return new ClerkError('REGISTRY_UNREACHABLE', `No registry listens at ${url}`, { cause });
  }
}

export function endpointMessage(id: string): EndpointMessage {
  return {
    id,
    epoch: 1,
    addresses: [`http://${id}:80`],
    host: null,
    zone: null,
    version: null,
    weight: 1,
    attributes: {},
    leaseMs: 10_000,
    state: 'up',
  };
}
