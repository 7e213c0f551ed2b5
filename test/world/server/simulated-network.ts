import type { FakeRuntime } from 'binding-clerk/testing';
import type { Clock, Timer } from '../../../src/core/clock.js';
import { ClerkError } from '../../../src/core/errors.js';
import { WatchBacklog } from '../../../src/server/http/watch-backlog.js';
import { encodeError, httpStatusOf } from '../../../src/protocol/error-codec.js';
import type { ResolveResponse } from '../../../src/protocol/lookup-messages.js';
import type { WatchEditRequest, WatchEvent, WatchRequest } from '../../../src/protocol/watch-messages.js';
import { paths } from '../../../src/protocol/paths.js';
import type {
  RegistryConnection,
  RegistryResponse,
  RegistryRequest,
  StreamListener,
} from '../../../src/registry-client/connection.js';
import { SeenPosition } from '../../../src/registry-client/seen-position.js';
import type { ServerInstance } from './simulated-server.js';
import { WatchChecker, type WatchCheckerOptions } from './watch-checker.js';

/** A client of the server: its clock, and its input, which may be paused or closed. */
export interface NetworkClient extends Clock {
  readonly id: string;
  deliver(action: () => void): void;
}

export interface SimulatedNetworkOptions {
  readonly runtime: FakeRuntime;
  /** The running server instance, if any. */
  readonly server: () => ServerInstance | undefined;
  /** Response of a proxy while no server is running; undefined: the connection is refused. */
  readonly proxyResponse: () => RegistryResponse | undefined;
  /** Latency of one message, in ms. */
  readonly latencyMs: () => number;
  /** Whether a message between the server and a client is lost. */
  readonly isLost: (clientId: string) => boolean;
  /** Whether the streams to a client deliver nothing. */
  readonly isMute: (clientId: string) => boolean;
  readonly check: (clientId: string) => WatchCheckerOptions;
  /** The server answers a client that has returned these positions. */
  readonly onAnswer: (positions: string, incarnation: string) => void;
  /** A watch sends an entry. */
  readonly onWatchPut: (entry: ResolveResponse) => void;
}

/** Time to connect, in addition to the response timeout, in ms. */
const connectMs = 1_500;

/**
 * The network between the server and its clients. Requests and responses are delayed, and streams stay in order or stop. A
 * partitioned client receives nothing.
 */
export class SimulatedNetwork {
  readonly checks: WatchChecker[] = [];
  /** Resets of open connections, by server instance. */
  readonly #open = new Map<ServerInstance, Set<() => void>>();

  constructor(readonly options: SimulatedNetworkOptions) {}

  /** A connection of one client. */
  connection(client: NetworkClient): RegistryConnection {
    const check = new WatchChecker(this.options.check(client.id));
    this.checks.push(check);
    const open = new Set<(error: Error) => void>();
    const streams = new Set<() => void>();
    const seen = new SeenPosition();
    return {
      url: 'http://registry',
      request: async (request, signal) => {
        const position = seen.forRequest(request.position);
        const response = await this.#request(client, { ...request, position }, signal, open, check);
        seen.record(response.position);
        return response;
      },
      stream: (request, listener) => {
        const onEvent: StreamListener['onEvent'] = (event) => {
          seen.record(event.id);
          listener.onEvent(event);
        };
        const position = seen.forRequest(request.position);
        const stop = this.#openStream(client, { ...request, position }, { ...listener, onEvent }, check);
        streams.add(stop);
        return () => {
          streams.delete(stop);
          stop();
        };
      },
      close: async () => {
        for (const fail of [...open]) fail(unreachable('the connections to it were closed'));
        for (const stop of streams) stop();
        streams.clear();
      },
    };
  }

  /** Resets all connections of a server instance. */
  serverDied(server: ServerInstance): void {
    const open = this.#open.get(server);
    this.#open.delete(server);
    for (const cut of open ?? []) cut();
  }

  #request(
    client: NetworkClient,
    request: RegistryRequest,
    signal: AbortSignal,
    open: Set<(error: Error) => void>,
    check: WatchChecker,
  ): Promise<RegistryResponse> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const abandoned = new AbortController();
      let isOver = false;
      const settle = (): boolean => {
        if (isOver) return false;
        isOver = true;
        timer.cancel();
        open.delete(fail);
        signal.removeEventListener('abort', onAbort);
        return true;
      };
      const fail = (error: Error): void => {
        if (settle()) reject(error);
        this.#deliver(client.id, () => abandoned.abort(error));
      };
      const onAbort = (): void => fail(signal.reason as Error);
      const timer = client.setTimer(
        // A response that waits in a busy event loop is in time.
        () => client.afterPendingIo(() => fail(unreachable('it did not answer in time'))),
        connectMs + (request.headersTimeoutMs ?? 3_000),
      );
      timer.setRef(false);
      open.add(fail);
      signal.addEventListener('abort', onAbort);
      const bodyText = JSON.stringify(request.body ?? null);
      const sendBack = (action: () => void): void => this.#deliver(client.id, () => client.deliver(action));
      this.#deliver(client.id, () => {
        const server = this.options.server();
        if (server === undefined) {
          const proxied = this.options.proxyResponse();
          if (proxied === undefined) sendBack(() => fail(unreachable('connect ECONNREFUSED')));
          else sendBack(() => settle() && resolve(proxied));
          return;
        }
        const cut = (): void => sendBack(() => fail(unreachable('read ECONNRESET')));
        this.#opened(server, cut);
        server.process.deliver(() => {
          const delivered = { ...request, body: JSON.parse(bodyText) as unknown };
          void this.#respond(server, delivered, client.id, abandoned.signal).then((response) => {
            if (!server.process.isAlive) return;
            this.#open.get(server)?.delete(cut);
            const responseText = JSON.stringify(response);
            sendBack(() => {
              if (isOver) return;
              if (request.path === paths.watchEdit && response.status === 200) {
                const { add = [], remove = [] } = delivered.body as WatchEditRequest;
                check.edit(add, remove);
              }
              settle();
              resolve(JSON.parse(responseText) as RegistryResponse);
            });
          });
        });
      });
    });
  }

  async #respond(
    server: ServerInstance,
    request: RegistryRequest,
    clientId: string,
    abandoned: AbortSignal,
  ): Promise<RegistryResponse> {
    let status = 200;
    let body: unknown;
    await server.names.checkPositions(request.position ?? '');
    try {
      body = await server.respond(request, clientId, abandoned);
    } catch (error) {
      if (!(error instanceof ClerkError)) throw error;
      status = httpStatusOf(error.code);
      body = encodeError(error);
    }
    const { revision, incarnation } = server.names.status();
    this.options.onAnswer(request.position ?? '', incarnation);
    return { status, body, revision, incarnation, position: server.names.position };
  }

  /** Opens a stream. Events arrive in order until one is lost; then none arrives. */
  #openStream(
    client: NetworkClient,
    request: RegistryRequest,
    listener: StreamListener,
    check: WatchChecker,
  ): () => void {
    const { runtime, latencyMs, isMute } = this.options;
    let isOver = false;
    let isSilent = false;
    let lastAt = 0;
    let stopAtServer: () => void = () => undefined;
    const end = (error: ClerkError): void => {
      if (isOver) return;
      isOver = true;
      timer.cancel();
      listener.onEnd(error);
    };
    const timer: Timer = client.setTimer(() => end(unreachable('no stream began')), connectMs + 3_000);
    timer.setRef(false);
    const send = (action: () => void): void => {
      isSilent ||= isMute(client.id);
      if (isSilent) return;
      lastAt = Math.max(lastAt, runtime.now() + latencyMs());
      runtime.setTimer(() => client.deliver(action), lastAt - runtime.now());
    };
    const { globs, since } = request.body as WatchRequest;
    check.begin(globs);
    this.#deliver(client.id, () => {
      const server = this.options.server();
      if (isOver) return;
      if (server === undefined) {
        send(() => end(unreachable('connect ECONNREFUSED')));
        return;
      }
      const begin = (): void => {
        const cut = (): void => send(() => end(unreachable('read ECONNRESET')));
        let waiting = 0;
        const id = server.process.randomHex(8);
        this.options.onAnswer(request.position ?? '', server.names.status().incarnation);
        const stream = new WatchBacklog({
          id,
          globs,
          since,
          incarnation: server.names.status().incarnation,
          clock: server.process,
          watch: (options) => server.names.watch(options),
          onOverflow: () => undefined,
          onDisconnect: cut,
          sink: {
            get bufferedBytes() {
              return waiting;
            },
            write: (text) => {
              waiting += text.length;
              const { event, incarnation, revision, id: position } = parseEvent(text);
              const { history } = check;
              if (event.type === 'put' && event.entry.kind !== 'link') this.options.onWatchPut(event.entry);
              send(() => {
                waiting -= text.length;
                if (waiting === 0) server.process.deliver(() => stream.onDrain());
                if (isOver) return;
                timer.cancel();
                check.event(event, incarnation, revision, history);
                listener.onActivity();
                listener.onEvent({ type: event.type, id: position, data: event });
              });
            },
            end: cut,
            destroy: cut,
          },
        });
        server.streams.set(id, stream);
        this.#opened(server, cut);
        stopAtServer = () => {
          this.#open.get(server)?.delete(cut);
          server.process.deliver(() => {
            server.streams.delete(id);
            stream.close();
          });
        };
      };
      server.process.deliver(() => {
        const newIncarnation = server.names.checkPositions(request.position ?? '');
        if (newIncarnation === undefined) begin();
        else void newIncarnation.then(() => server.process.deliver(begin));
      });
    });
    return () => {
      isOver = true;
      timer.cancel();
      // The server notices the end of the stream, with a delay when the client is partitioned.
      runtime.setTimer(() => stopAtServer(), latencyMs() + (isMute(client.id) ? 2_000 : 0));
    };
  }

  #opened(server: ServerInstance, cut: () => void): void {
    const open = this.#open.get(server) ?? new Set();
    this.#open.set(server, open);
    open.add(cut);
  }

  /** Delivers one message. Lost messages are sent again with growing delays, like TCP. */
  #deliver(clientId: string, arrive: () => void, attempt = 0): void {
    const { runtime, latencyMs, isLost } = this.options;
    if (!isLost(clientId)) runtime.setTimer(arrive, latencyMs());
    else
      runtime.setTimer(() => this.#deliver(clientId, arrive, attempt + 1), 200 * 2 ** Math.min(attempt, 4));
  }
}

function unreachable(why: string): ClerkError {
  return new ClerkError('REGISTRY_UNREACHABLE', `The registry at http://registry cannot be reached: ${why}`);
}

/** Parses one event as it is written. */
function parseEvent(text: string): { id: string; incarnation: string; revision: string; event: WatchEvent } {
  const [, id = '', data = ''] = /^id: (.*)\nevent: .*\ndata: (.*)\n\n$/.exec(text) ?? [];
  const [incarnation = '', revision = ''] = id.split(':');
  return { id, incarnation, revision, event: JSON.parse(data) as WatchEvent };
}
