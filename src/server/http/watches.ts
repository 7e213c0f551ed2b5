/**
 * The open watches of a server: who has how many, which is edited, and their end. Each is a stream of server-sent
 * events, for a program, for curl and for a page alike.
 *
 * @see promises C8.2, A11
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../core/clock.js';
import { shown } from '../../core/shown.js';
import type { Hashing } from '../../wire/proof.js';
import { limits } from '../../wire/limits.js';
import type { WatchEdit, WatchRequest } from '../../wire/messages.js';
import type { NameService } from '../ports.js';
import type { Metrics } from './metrics.js';
import { Refusal } from './refusal.js';
import { WatchStream, type Sink } from './watch-stream.js';

/** What watches need. */
export interface WatchesOptions {
  readonly names: NameService;
  readonly runtime: Clock & Pick<Hashing, 'randomHex'>;
  readonly metrics: Metrics;
  readonly heartbeatMs: number;
}

/** All watches of one server. */
export class Watches {
  readonly #options: WatchesOptions;
  readonly #open = new Map<string, { readonly stream: WatchStream; readonly principal: string }>();
  readonly #counts = new Map<string, number>();

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  /** Answers a request with the stream of a watch. @throws `LIMIT`, `NAME_INVALID` before anything is sent */
  open(
    { globs, since }: WatchRequest,
    principal: string,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    headers: Readonly<Record<string, string>>,
  ): void {
    const { names, runtime, metrics, heartbeatMs } = this.#options;
    const count = this.#counts.get(principal) ?? 0;
    if (count >= limits.mostWatches)
      throw new Refusal(
        'LIMIT',
        `${limits.mostWatches} watches are open from here, which is the most; close one, or let one watch be over several names`,
      );
    const id = runtime.randomHex(16);
    const socket = incoming.socket;
    const sink = responseSink(outgoing);
    const stream = new WatchStream({
      id,
      globs,
      since,
      incarnation: names.status().incarnation,
      heartbeatMs,
      clock: runtime,
      sink,
      watch: (options) => names.watch(options),
      onOverflow: () => (metrics.overflows += 1),
      onCut: () => (metrics.cuts += 1),
    });
    this.#counts.set(principal, count + 1);
    this.#open.set(id, { stream, principal });
    socket.setNoDelay(true);
    outgoing.setTimeout(0);
    outgoing.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    outgoing.flushHeaders();
    outgoing.on('drain', () => stream.drained());
    outgoing.once('close', () => {
      stream.close();
      this.#open.delete(id);
      const left = (this.#counts.get(principal) ?? 1) - 1;
      if (left === 0) this.#counts.delete(principal);
      else this.#counts.set(principal, left);
    });
  }

  /** Changes what a watch is over. @throws `CLOSED` with status 404 where it is not open; `NAME_INVALID`, `LIMIT` */
  edit({ watch, add = [], remove = [] }: WatchEdit, principal: string): void {
    const found = this.#open.get(watch);
    if (found?.principal !== principal)
      throw new Refusal('CLOSED', `Watch ${shown(watch)} is not open here; open it again`, 404);
    found.stream.edit(add, remove);
  }

  /** Ends all of them in good order. */
  end(): void {
    for (const { stream } of this.#open.values()) stream.end();
  }
}

/** A response as a sink. What is written in one go of the event loop leaves together. */
function responseSink(outgoing: ServerResponse): Sink {
  let isCorked = false;
  return {
    write: (text) => {
      if (!isCorked) {
        isCorked = true;
        outgoing.cork();
        process.nextTick(() => {
          isCorked = false;
          outgoing.uncork();
        });
      }
      outgoing.write(text);
    },
    get waitingBytes() {
      return outgoing.writableLength;
    },
    end: () => void outgoing.end(),
    cut: () => void outgoing.destroy(),
  };
}
