/**
 * The network between the server and those who ask it: questions and answers take their time and may come late, streams
 * keep their order or go silent, and whoever is cut off learns nothing for that time.
 */
import type { FakeRuntime } from 'binding-clerk/testing';
import type { Clock, Timer } from '../../../src/core/clock.js';
import { ClerkError } from '../../../src/core/errors.js';
import { WatchResponse } from '../../../src/server/http/watch-response.js';
import { encodeError, httpStatusOf } from '../../../src/protocol/error-codec.js';
import { limits } from '../../../src/protocol/limits.js';
import type {
  ResolveResponse,
  WatchEditRequest,
  WatchEvent,
  WatchRequest,
} from '../../../src/protocol/messages.js';
import { paths } from '../../../src/protocol/paths.js';
import type {
  RegistryConnection,
  RegistryResponse,
  RegistryRequest,
  StreamListener,
} from '../../../src/registry-client/connection.js';
import type { ServerInstance } from './simulated-server.js';
import { WatchChecker, type WatchCheckerOptions } from './watch-checker.js';

/** Who asks: its clock, and its ears, which may be closed for a while or for ever. */
export interface NetworkClient extends Clock {
  readonly id: string;
  deliver(action: () => void): void;
}

export interface SimulatedNetworkOptions {
  readonly runtime: FakeRuntime;
  /** The server that lives now, if any. */
  readonly server: () => ServerInstance | undefined;
  /** What answers where there is no server, such as a proxy in front of it; undefined for nobody. */
  readonly proxyResponse: () => RegistryResponse | undefined;
  /** How long one message takes, in ms. */
  readonly latencyMs: () => number;
  /** Whether a message between the server and somebody is lost. */
  readonly isLost: (who: string) => boolean;
  /** Whether the streams to somebody say nothing. */
  readonly isMute: (who: string) => boolean;
  readonly check: (who: string) => WatchCheckerOptions;
  /** Somebody is shown a name by a watch. */
  readonly onWatchPut: (entry: ResolveResponse) => void;
}

/** Connecting, as far as it is not the answer's own time, in ms. */
const connectMs = 1_500;

export class SimulatedNetwork {
  readonly checks: WatchChecker[] = [];
  /** What breaks when the server dies, by life. */
  readonly #open = new Map<ServerInstance, Set<() => void>>();

  constructor(readonly options: SimulatedNetworkOptions) {}

  /** The server as somebody sees it. */
  connection(client: NetworkClient): RegistryConnection {
    const check = new WatchChecker(this.options.check(client.id));
    this.checks.push(check);
    const open = new Set<(error: Error) => void>();
    const streams = new Set<() => void>();
    return {
      url: 'http://registry',
      request: (question, signal) => this.#request(client, question, signal, open, check),
      stream: (question, listener) => {
        const stop = this.#openStream(client, question, listener, check);
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

  /** All connections of a life break. */
  serverDied(life: ServerInstance): void {
    const open = this.#open.get(life);
    this.#open.delete(life);
    for (const cut of open ?? []) cut();
  }

  #request(
    client: NetworkClient,
    question: RegistryRequest,
    signal: AbortSignal,
    open: Set<(error: Error) => void>,
    check: WatchChecker,
  ): Promise<RegistryResponse> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const gone = new AbortController();
      let isOver = false;
      const over = (): boolean => {
        if (isOver) return false;
        isOver = true;
        timer.cancel();
        open.delete(fail);
        signal.removeEventListener('abort', onAbort);
        return true;
      };
      const fail = (error: Error): void => {
        if (over()) reject(error);
        this.#deliver(client.id, () => gone.abort(error));
      };
      const onAbort = (): void => fail(signal.reason as Error);
      const timer = client.setTimer(
        // What arrived while it was busy is an answer in time.
        () => client.afterPendingIo(() => fail(unreachable('it did not answer in time'))),
        connectMs + (question.headersTimeoutMs ?? 3_000),
      );
      timer.setRef(false);
      open.add(fail);
      signal.addEventListener('abort', onAbort);
      const text = JSON.stringify(question.body ?? null);
      const back = (action: () => void): void => this.#deliver(client.id, () => client.deliver(action));
      this.#deliver(client.id, () => {
        const life = this.options.server();
        if (life === undefined) {
          const nobody = this.options.proxyResponse();
          if (nobody === undefined) back(() => fail(unreachable('connect ECONNREFUSED')));
          else back(() => over() && resolve(nobody));
          return;
        }
        const cut = (): void => back(() => fail(unreachable('read ECONNRESET')));
        this.#opened(life, cut);
        life.machine.deliver(() => {
          const asked = { ...question, body: JSON.parse(text) as unknown };
          void this.#respond(life, asked, client.id, gone.signal).then((reply) => {
            if (!life.machine.isAlive) return;
            this.#open.get(life)?.delete(cut);
            const told = JSON.stringify(reply);
            back(() => {
              if (isOver) return;
              if (question.path === paths.watchEdit && reply.status === 200) {
                const { add = [], remove = [] } = asked.body as WatchEditRequest;
                check.edit(add, remove);
              }
              over();
              resolve(JSON.parse(told) as RegistryResponse);
            });
          });
        });
      });
    });
  }

  async #respond(
    life: ServerInstance,
    question: RegistryRequest,
    clientId: string,
    gone: AbortSignal,
  ): Promise<RegistryResponse> {
    let status = 200;
    let body: unknown;
    try {
      body = await life.respond(question, clientId, gone);
    } catch (error) {
      if (!(error instanceof ClerkError)) throw error;
      status = httpStatusOf(error.code);
      body = encodeError(error);
    }
    const { revision, incarnation } = life.names.status();
    return { status, body, revision, incarnation };
  }

  /** Opens a stream. What is written to it arrives in order, until one piece is lost: then nothing arrives any more. */
  #openStream(
    client: NetworkClient,
    question: RegistryRequest,
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
    const { globs, since } = question.body as WatchRequest;
    check.begin(globs);
    this.#deliver(client.id, () => {
      const life = this.options.server();
      if (isOver) return;
      if (life === undefined) {
        send(() => end(unreachable('connect ECONNREFUSED')));
        return;
      }
      life.machine.deliver(() => {
        const cut = (): void => send(() => end(unreachable('read ECONNRESET')));
        let waiting = 0;
        const id = life.machine.randomHex(8);
        const stream = new WatchResponse({
          id,
          globs,
          since,
          incarnation: life.names.status().incarnation,
          heartbeatMs: limits.heartbeatMs,
          clock: life.machine,
          watch: (options) => life.names.watch(options),
          onOverflow: () => undefined,
          onDisconnect: cut,
          sink: {
            get bufferedBytes() {
              return waiting;
            },
            write: (text) => {
              waiting += text.length;
              const { event, incarnation, revision, id: position } = parseEvent(text);
              if (event.type === 'put' && event.entry.kind !== 'link') this.options.onWatchPut(event.entry);
              send(() => {
                waiting -= text.length;
                if (waiting === 0) life.machine.deliver(() => stream.onDrain());
                if (isOver) return;
                timer.cancel();
                check.event(event, incarnation, revision);
                listener.onActivity();
                listener.onEvent({ type: event.type, id: position, data: event });
              });
            },
            end: cut,
            destroy: cut,
          },
        });
        life.streams.set(id, stream);
        this.#opened(life, cut);
        stopAtServer = () => {
          this.#open.get(life)?.delete(cut);
          life.machine.deliver(() => {
            life.streams.delete(id);
            stream.close();
          });
        };
      });
    });
    return () => {
      isOver = true;
      timer.cancel();
      // It is noticed in the end, also of somebody who is cut off.
      runtime.setTimer(() => stopAtServer(), latencyMs() + (isMute(client.id) ? 2_000 : 0));
    };
  }

  #opened(life: ServerInstance, cut: () => void): void {
    const open = this.#open.get(life) ?? new Set();
    this.#open.set(life, open);
    open.add(cut);
  }

  /** One message on its way. What is lost is sent again, later and later, as TCP does. */
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

/** One event as it is written. */
function parseEvent(text: string): { id: string; incarnation: string; revision: string; event: WatchEvent } {
  const [, id = '', data = ''] = /^id: (.*)\nevent: .*\ndata: (.*)\n\n$/.exec(text) ?? [];
  const [incarnation = '', revision = ''] = id.split(':');
  return { id, incarnation, revision, event: JSON.parse(data) as WatchEvent };
}
