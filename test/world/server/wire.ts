/**
 * The network between the server and those who ask it: questions and answers take their time and may come late, streams
 * keep their order or go silent, and whoever is cut off learns nothing for that time.
 */
import type { FakeRuntime } from 'binding-clerk/testing';
import type { Clock, Timer } from '../../../src/core/clock.js';
import { ClerkError } from '../../../src/core/errors.js';
import { WatchStream } from '../../../src/server/http/watch-stream.js';
import { failureOf, statusOf } from '../../../src/wire/failure.js';
import { limits } from '../../../src/wire/limits.js';
import type { ResolveReply, WatchEdit, WatchEvent, WatchRequest } from '../../../src/wire/messages.js';
import { paths } from '../../../src/wire/paths.js';
import type { Peer, PeerReply, Question, StreamListener } from '../../../src/wire/peer.js';
import type { Life } from './world-server.js';
import { WatchCheck, type WatchCheckOptions } from './watch-check.js';

/** Who asks: its clock, and its ears, which may be closed for a while or for ever. */
export interface Asker extends Clock {
  readonly id: string;
  deliver(action: () => void): void;
}

export interface WireOptions {
  readonly runtime: FakeRuntime;
  /** The server that lives now, if any. */
  readonly life: () => Life | undefined;
  /** What answers where there is no server, such as a proxy in front of it; undefined for nobody. */
  readonly inItsPlace: () => PeerReply | undefined;
  /** How long one message takes, in ms. */
  readonly latencyMs: () => number;
  /** Whether a message between the server and somebody is lost. */
  readonly isLost: (who: string) => boolean;
  /** Whether the streams to somebody say nothing. */
  readonly isMute: (who: string) => boolean;
  readonly check: (who: string) => WatchCheckOptions;
  /** Somebody is shown a name by a watch. */
  readonly onShown: (entry: ResolveReply) => void;
}

/** Connecting, as far as it is not the answer's own time, in ms. */
const connectMs = 1_500;

export class Wire {
  readonly checks: WatchCheck[] = [];
  /** What breaks when the server dies, by life. */
  readonly #open = new Map<Life, Set<() => void>>();

  constructor(readonly options: WireOptions) {}

  /** The server as somebody sees it. */
  peer(asker: Asker): Peer {
    const check = new WatchCheck(this.options.check(asker.id));
    this.checks.push(check);
    const open = new Set<(error: Error) => void>();
    const streams = new Set<() => void>();
    return {
      url: 'http://registry',
      ask: (question, signal) => this.#ask(asker, question, signal, open, check),
      follow: (question, listener) => {
        const stop = this.#follow(asker, question, listener, check);
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
  broken(life: Life): void {
    const open = this.#open.get(life);
    this.#open.delete(life);
    for (const cut of open ?? []) cut();
  }

  #ask(
    asker: Asker,
    question: Question,
    signal: AbortSignal,
    open: Set<(error: Error) => void>,
    check: WatchCheck,
  ): Promise<PeerReply> {
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
        this.#travel(asker.id, () => gone.abort(error));
      };
      const onAbort = (): void => fail(signal.reason as Error);
      const timer = asker.setTimer(
        // What arrived while it was busy is an answer in time.
        () => asker.afterArrivals(() => fail(unreachable('it did not answer in time'))),
        connectMs + (question.headMs ?? 3_000),
      );
      timer.setRef(false);
      open.add(fail);
      signal.addEventListener('abort', onAbort);
      const text = JSON.stringify(question.body ?? null);
      const back = (action: () => void): void => this.#travel(asker.id, () => asker.deliver(action));
      this.#travel(asker.id, () => {
        const life = this.options.life();
        if (life === undefined) {
          const nobody = this.options.inItsPlace();
          if (nobody === undefined) back(() => fail(unreachable('connect ECONNREFUSED')));
          else back(() => over() && resolve(nobody));
          return;
        }
        const cut = (): void => back(() => fail(unreachable('read ECONNRESET')));
        this.#opened(life, cut);
        life.machine.deliver(() => {
          const asked = { ...question, body: JSON.parse(text) as unknown };
          void this.#answer(life, asked, asker.id, gone.signal).then((reply) => {
            if (!life.machine.isAlive) return;
            this.#open.get(life)?.delete(cut);
            const told = JSON.stringify(reply);
            back(() => {
              if (isOver) return;
              if (question.path === paths.watchEdit && reply.status === 200) {
                const { add = [], remove = [] } = asked.body as WatchEdit;
                check.edit(add, remove);
              }
              over();
              resolve(JSON.parse(told) as PeerReply);
            });
          });
        });
      });
    });
  }

  async #answer(life: Life, question: Question, who: string, gone: AbortSignal): Promise<PeerReply> {
    let status = 200;
    let body: unknown;
    try {
      body = await life.answer(question, who, gone);
    } catch (error) {
      if (!(error instanceof ClerkError)) throw error;
      status = statusOf(error.code);
      body = failureOf(error);
    }
    const { revision, incarnation } = life.names.status();
    return { status, body, revision, incarnation };
  }

  /** Opens a stream. What is written to it arrives in order, until one piece is lost: then nothing arrives any more. */
  #follow(asker: Asker, question: Question, listener: StreamListener, check: WatchCheck): () => void {
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
    const timer: Timer = asker.setTimer(() => end(unreachable('no stream began')), connectMs + 3_000);
    timer.setRef(false);
    const send = (action: () => void): void => {
      isSilent ||= isMute(asker.id);
      if (isSilent) return;
      lastAt = Math.max(lastAt, runtime.now() + latencyMs());
      runtime.setTimer(() => asker.deliver(action), lastAt - runtime.now());
    };
    const { globs, since } = question.body as WatchRequest;
    check.begin(globs);
    this.#travel(asker.id, () => {
      const life = this.options.life();
      if (isOver) return;
      if (life === undefined) {
        send(() => end(unreachable('connect ECONNREFUSED')));
        return;
      }
      life.machine.deliver(() => {
        const cut = (): void => send(() => end(unreachable('read ECONNRESET')));
        let waiting = 0;
        const id = life.machine.randomHex(8);
        const stream = new WatchStream({
          id,
          globs,
          since,
          incarnation: life.names.status().incarnation,
          heartbeatMs: limits.heartbeatMs,
          clock: life.machine,
          watch: (options) => life.names.watch(options),
          onOverflow: () => undefined,
          onCut: cut,
          sink: {
            get waitingBytes() {
              return waiting;
            },
            write: (text) => {
              waiting += text.length;
              const { event, incarnation, revision, id: position } = read(text);
              if (event.type === 'put' && event.entry.kind !== 'link') this.options.onShown(event.entry);
              send(() => {
                waiting -= text.length;
                if (waiting === 0) life.machine.deliver(() => stream.drained());
                if (isOver) return;
                timer.cancel();
                check.event(event, incarnation, revision);
                listener.onSign();
                listener.onEvent({ type: event.type, id: position, data: event });
              });
            },
            end: cut,
            cut,
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
      runtime.setTimer(() => stopAtServer(), latencyMs() + (isMute(asker.id) ? 2_000 : 0));
    };
  }

  #opened(life: Life, cut: () => void): void {
    const open = this.#open.get(life) ?? new Set();
    this.#open.set(life, open);
    open.add(cut);
  }

  /** One message on its way. What is lost is sent again, later and later, as TCP does. */
  #travel(who: string, arrive: () => void, attempt = 0): void {
    const { runtime, latencyMs, isLost } = this.options;
    if (!isLost(who)) runtime.setTimer(arrive, latencyMs());
    else runtime.setTimer(() => this.#travel(who, arrive, attempt + 1), 200 * 2 ** Math.min(attempt, 4));
  }
}

function unreachable(why: string): ClerkError {
  return new ClerkError('REGISTRY_UNREACHABLE', `The registry at http://registry cannot be reached: ${why}`);
}

/** One event as it is written. */
function read(text: string): { id: string; incarnation: string; revision: string; event: WatchEvent } {
  const [, id = '', data = ''] = /^id: (.*)\nevent: .*\ndata: (.*)\n\n$/.exec(text) ?? [];
  const [incarnation = '', revision = ''] = id.split(':');
  return { id, incarnation, revision, event: JSON.parse(data) as WatchEvent };
}
