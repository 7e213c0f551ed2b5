/**
 * A registry server in memory, as small as the interface admits: services with endpoints, leases, watches and starts.
 * Speaks what goes over the wire, through peers, and can be switched off, made to hang, and robbed of its memory.
 */
import { sleep, type Clock, type Timer } from '../../src/core/clock.js';
import { ClerkError, isClerkError } from '../../src/core/errors.js';
import { matches, parseGlob } from '../../src/core/glob.js';
import { compareNames } from '../../src/core/name-order.js';
import { failureOf, statusOf } from '../../src/wire/failure.js';
import type {
  RegisterRequest,
  RenewRequest,
  ResolveReply,
  WatchEdit,
  WatchEvent,
  WatchRequest,
  WireEndpoint,
  WithdrawRequest,
} from '../../src/wire/messages.js';
import { paths } from '../../src/wire/paths.js';
import type { Peer, PeerReply, Question, StreamListener } from '../../src/wire/peer.js';

interface Registered {
  readonly endpoint: WireEndpoint;
  expiresAt: number;
}

interface Stream {
  readonly id: string;
  readonly globs: Set<string>;
  readonly listener: StreamListener;
}

export class FakeRegistry {
  /** Nobody listens. */
  down = false;
  /** Takes questions and never answers. */
  hangs = false;
  /** Does what it is asked at once, and its answers take so long, in ms. */
  answersAfterMs = 0;
  /** Does what it is asked, and the answer is lost, so many times. */
  losesAnswers = 0;
  /** What a start answers. */
  onLaunch: (name: string) => WireEndpoint[] = () => {
    throw new ClerkError('START_FAILED', 'Nothing can be started here');
  };
  /** What a registration is refused with. */
  refuses: ClerkError | undefined;
  proof: string | undefined;
  incarnation = 'first';
  heartbeatMs = 5_000;
  /** Questions that arrived: when, path and body or query. */
  readonly asked: { at: number; path: string; what: any }[] = [];
  readonly services = new Map<string, Map<string, Registered>>();
  readonly launchable = new Set<string>();
  /** What is said of suspects in place of the truth. */
  suspectsAs: unknown;
  /** Names of services whose endpoints are told that they are suspect. */
  readonly suspected = new Set<string>();
  readonly streams = new Set<Stream>();
  #revision = 0;
  #watches = 0;
  #epochs = new Map<string, number>();

  constructor(readonly clock: Clock) {}

  /** As one program sees it. */
  peer(url: string): Peer {
    const streams = new Set<Stream>();
    return {
      url,
      ask: (question, signal) => this.#ask(question, signal, url),
      follow: (question, listener) => {
        let stream: Stream | undefined;
        let stopped = false;
        queueMicrotask(() => {
          if (stopped) return;
          this.asked.push({ at: this.clock.now(), path: question.path, what: question.body });
          if (this.down) listener.onEnd(this.#refused(url));
          else if (!this.hangs) {
            stream = this.#follow(question.body as WatchRequest, listener);
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

  /** Sets the endpoints of a service, by ids. */
  put(name: string, ids: readonly string[], more: Partial<WireEndpoint> = {}): void {
    this.services.set(
      name,
      new Map(ids.map((id) => [id, { endpoint: { ...endpointOf(id), ...more }, expiresAt: Infinity }])),
    );
    this.#changed(name);
  }

  remove(name: string): void {
    this.services.delete(name);
    this.#changed(name);
  }

  /** All connections break; it can be had again at once unless it is down. */
  cut(): void {
    for (const { listener } of [...this.streams]) listener.onEnd(this.#refused('it'));
    this.streams.clear();
  }

  /** It is restarted with nothing in its memory. */
  forgetAll(): void {
    this.services.clear();
    this.#epochs.clear();
    this.incarnation = `${this.incarnation}'`;
    this.#revision = 0;
    this.cut();
  }

  beat(): void {
    for (const stream of this.streams) this.#send(stream, { type: 'heartbeat' });
  }

  resync(): void {
    for (const stream of this.streams) {
      this.#send(stream, { type: 'resync', reason: 'a gap' });
      this.#tellAll(stream, [...stream.globs]);
    }
  }

  ids(name: string): readonly string[] {
    this.#expire(name);
    return [...(this.services.get(name)?.keys() ?? [])];
  }

  async #ask(question: Question, signal: AbortSignal, url: string): Promise<PeerReply> {
    const { path, query, body, headMs = 3_000 } = question;
    await Promise.resolve();
    this.asked.push({ at: this.clock.now(), path, what: structuredClone(body ?? query) });
    if (this.down) throw this.#refused(url);
    if (this.hangs) return this.#never(signal, headMs, url);
    let status = 200;
    let reply: unknown;
    try {
      reply = this.#answer(path, body ?? query);
    } catch (error) {
      if (!isClerkError(error)) throw error;
      status = statusOf(error.code);
      reply = failureOf(error);
    }
    if (this.answersAfterMs > 0) await sleep(this.clock, this.answersAfterMs, false);
    if (this.losesAnswers > 0) {
      this.losesAnswers--;
      throw this.#refused(url);
    }
    return structuredClone({
      status,
      body: reply,
      revision: String(this.#revision),
      incarnation: this.incarnation,
    });
  }

  #never(signal: AbortSignal, headMs: number, url: string): Promise<never> {
    return new Promise((_resolve, reject) => {
      const timer: Timer = this.clock.setTimer(() => reject(this.#refused(url)), headMs);
      timer.setRef(false);
      signal.addEventListener('abort', () => {
        timer.cancel();
        reject(signal.reason as Error);
      });
    });
  }

  #answer(path: string, what: any): unknown {
    switch (path) {
      case paths.resolve:
        return this.#resolve((what as { name: string }).name);
      case paths.list: {
        const glob = parseGlob(what.glob);
        const all = [...this.services.keys()].filter((name) => matches(glob, name)).sort(compareNames);
        const rest = all.filter((name) => what.after === undefined || compareNames(name, what.after) > 0);
        return {
          entries: rest
            .slice(0, 2)
            .map((name) => ({ name, kind: 'service', endpoints: this.ids(name).length })),
          next: rest.length > 2 ? rest[1] : null,
          ...this.#position(),
        };
      }
      case paths.register:
        return this.#register(what as RegisterRequest);
      case paths.renew:
        return this.#renew(what as RenewRequest);
      case paths.withdraw: {
        const { name, id, now } = what as WithdrawRequest;
        if (now === true) this.services.get(name)?.delete(id);
        const found = this.services.get(name)?.get(id);
        if (found)
          this.services.get(name)?.set(id, {
            expiresAt: this.clock.now() + 5_250,
            endpoint: { ...found.endpoint, state: 'draining' },
          });
        this.#changed(name);
        return { ...this.#position(), inMs: now === true ? 0 : 5_250 };
      }
      case paths.watchEdit: {
        const { watch, add = [], remove = [] } = what as WatchEdit;
        const stream = [...this.streams].find(({ id }) => id === watch);
        if (!stream) throw new ClerkError('CLOSED', 'That watch is not open here');
        for (const glob of remove) stream.globs.delete(glob);
        for (const glob of add) stream.globs.add(glob);
        if (add.length > 0) queueMicrotask(() => this.#tellAll(stream, add));
        return {};
      }
      case paths.report:
        return {};
      case paths.launch: {
        const { name } = what as { name: string };
        return { name, endpoints: this.onLaunch(name), started: true };
      }
      default:
        throw new ClerkError('CONFIG_INVALID', `There is no ${path} here`);
    }
  }

  #register(request: RegisterRequest): unknown {
    if (this.refuses) throw this.refuses;
    const { name, id, leaseMs = 10_000, epoch: given } = request;
    const epoch = given ?? (this.#epochs.get(name) ?? 0) + 1;
    this.#epochs.set(name, Math.max(epoch, this.#epochs.get(name) ?? 0));
    const endpoint: WireEndpoint = {
      ...endpointOf(id),
      addresses: request.addresses,
      host: request.host ?? null,
      zone: request.zone ?? null,
      version: request.version ?? null,
      weight: request.weight ?? 1,
      attributes: request.attributes ?? {},
      epoch,
      leaseMs,
    };
    const all = this.services.get(name) ?? new Map<string, Registered>();
    all.set(id, { endpoint, expiresAt: this.clock.now() + leaseMs });
    this.services.set(name, all);
    this.#changed(name);
    return { epoch, leaseMs, ...this.#position(), ...(this.proof !== undefined && { proof: this.proof }) };
  }

  #renew({ renewals }: RenewRequest): unknown {
    const results = renewals.map(({ name, id, epoch }) => {
      this.#expire(name);
      const found = this.services.get(name)?.get(id);
      if (!found) return 'lost';
      if (found.endpoint.epoch > epoch) return 'fenced';
      found.expiresAt = this.clock.now() + found.endpoint.leaseMs;
      return 'renewed';
    });
    const suspects = renewals.flatMap(({ name }, i) => (this.suspected.has(name) ? [i] : []));
    if (this.suspectsAs !== undefined)
      return { results, suspects: this.suspectsAs, incarnation: this.incarnation };
    return { results, ...(suspects.length > 0 && { suspects }), incarnation: this.incarnation };
  }

  #resolve(name: string): ResolveReply {
    this.#expire(name);
    const found = this.services.get(name);
    if (!found) throw new ClerkError('NAME_NOT_FOUND', `There is no ${name}`);
    return {
      name,
      canonical: name,
      kind: 'service',
      trail: [{ name, kind: 'service', promiseMs: 5_000 }],
      endpoints: [...found.values()].map(({ endpoint }) => endpoint),
      policy: null,
      launchable: this.launchable.has(name),
      promiseMs: 5_000,
      ttlMs: 5_000,
      ...this.#position(),
    };
  }

  #expire(name: string): void {
    for (const [id, { expiresAt }] of this.services.get(name) ?? [])
      if (expiresAt <= this.clock.now()) this.services.get(name)?.delete(id);
  }

  #follow({ globs, since }: WatchRequest, listener: StreamListener): Stream {
    const stream: Stream = { id: `watch-${++this.#watches}`, globs: new Set(globs), listener };
    this.streams.add(stream);
    // No history is kept: only who missed nothing goes on.
    const resumed = since?.incarnation === this.incarnation && since.revision === String(this.#revision);
    const { heartbeatMs, incarnation } = this;
    this.#send(stream, { type: 'open', watch: stream.id, resumed, heartbeatMs, incarnation });
    if (!resumed) this.#tellAll(stream, globs);
    return stream;
  }

  #tellAll(stream: Stream, globs: readonly string[]): void {
    for (const name of this.services.keys())
      if (globs.some((glob) => matches(parseGlob(glob), name)))
        this.#send(stream, { type: 'put', name, entry: this.#resolve(name) });
    this.#send(stream, { type: 'current', globs });
  }

  #changed(name: string): void {
    this.#revision++;
    for (const stream of this.streams) {
      if (![...stream.globs].some((glob) => matches(parseGlob(glob), name))) continue;
      this.#send(
        stream,
        this.services.has(name)
          ? { type: 'put', name, entry: this.#resolve(name) }
          : { type: 'delete', name },
      );
    }
  }

  #send({ listener, id }: Stream, event: WatchEvent): void {
    queueMicrotask(() => {
      if (this.hangs || ![...this.streams].some((stream) => stream.id === id)) return;
      listener.onSign();
      listener.onEvent(
        structuredClone({ type: event.type, id: `${this.incarnation}:${this.#revision}`, data: event }),
      );
    });
  }

  #position(): { revision: string; incarnation: string } {
    return { revision: String(this.#revision), incarnation: this.incarnation };
  }

  #refused(url: string): ClerkError {
    return new ClerkError('REGISTRY_UNREACHABLE', `No registry listens at ${url}`);
  }
}

export function endpointOf(id: string): WireEndpoint {
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
