import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../core/clock.js';
import { quote } from '../../core/describe-value.js';
import { Quotas } from '../../core/quotas.js';
import type { Hashing } from '../../protocol/launch-proof.js';
import type { WatchEditRequest, WatchRequest } from '../../protocol/watch-messages.js';
import type { NameService, WatchOptions } from '../ports.js';
import type { Metrics } from './metrics.js';
import { HttpError } from './http-error.js';
import type { NameQueries } from './visible-names.js';
import { WatchResponse, type ResponseSink } from './watch-response.js';

export interface OpenWatchesOptions {
  readonly names: NameService;
  readonly runtime: Clock & Pick<Hashing, 'randomHex'>;
  readonly metrics: Metrics;
  readonly maxWatches: number;
  /** Called after bytes were written to a response, or sent. */
  readonly onWritten: (response: ServerResponse) => void;
}

export interface WatchClient {
  readonly principal: string;
  readonly queries: Pick<NameQueries, 'watch'>;
  /** Whether the client may continue to watch, checked before each event. Default: always. */
  readonly isAuthorized?: (() => boolean) | undefined;
}

/**
 * All open watches. Each principal may have up to `maxWatches` watches. @see [A11](../../../docs/guarantees.md#a11)
 */
export class OpenWatches {
  readonly #options: OpenWatchesOptions;
  readonly #watches = new Map<string, { readonly stream: WatchResponse; readonly principal: string }>();
  readonly #quotas = new Quotas();

  constructor(options: OpenWatchesOptions) {
    this.#options = options;
  }

  /** @throws {@link ClerkError} `LIMIT_EXCEEDED` or `NAME_INVALID`, before any part of the response is sent */
  open(
    { globs, since }: WatchRequest,
    { principal, queries, isAuthorized }: WatchClient,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    headers: Readonly<Record<string, string>>,
  ): void {
    const { names, runtime, metrics, maxWatches, onWritten } = this.#options;
    if (!this.#quotas.tryAcquire(principal, maxWatches))
      throw new HttpError(
        'LIMIT_EXCEEDED',
        `At most ${maxWatches} watches can be open per principal; close a watch, use one watch for several names, or raise the limit with --max-watches`,
      );
    outgoing.once('close', () => this.#quotas.release(principal));
    const id = runtime.randomHex(16);
    const socket = incoming.socket;
    const sink = responseSink(outgoing, onWritten);
    const stream: WatchResponse = new WatchResponse({
      id,
      globs,
      since,
      incarnation: names.status().incarnation,
      clock: runtime,
      sink,
      watch: (options) =>
        queries.watch(
          isAuthorized === undefined
            ? options
            : { ...options, onEvent: authorizedListener(options, isAuthorized, () => stream.end()) },
        ),
      onOverflow: () => (metrics.watchOverflows += 1),
      onDisconnect: () => (metrics.watchDisconnects += 1),
    });
    this.#watches.set(id, { stream, principal });
    socket.setNoDelay(true);
    outgoing.setTimeout(0);
    outgoing.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    outgoing.flushHeaders();
    outgoing.on('drain', () => {
      onWritten(outgoing);
      stream.onDrain();
    });
    outgoing.once('close', () => {
      stream.close();
      this.#watches.delete(id);
    });
  }

  /**
   * @throws {@link ClerkError} `CLERK_CLOSED` with status 404 when the principal has no open watch with this id
   * @throws {@link ClerkError} `NAME_INVALID` for an invalid glob; `LIMIT_EXCEEDED` for too many globs
   */
  edit({ watch, add = [], remove = [] }: WatchEditRequest, principal: string): void {
    const entry = this.#watches.get(watch);
    if (entry?.principal !== principal)
      throw new HttpError('CLERK_CLOSED', `Watch ${quote(watch)} is not open; open a new watch`, 404);
    entry.stream.edit(add, remove);
  }

  /** Ends all watches. A watch that has sent all its events first sends a heartbeat with the last revision. */
  end(): void {
    for (const { stream } of this.#watches.values()) stream.end();
  }
}

/** The watch ends at the first event for which the client is not authorized any more. */
function authorizedListener(
  { onEvent }: WatchOptions,
  isAuthorized: () => boolean,
  end: () => void,
): WatchOptions['onEvent'] {
  return (...args) => {
    if (isAuthorized()) onEvent(...args);
    else end();
  };
}

/** All texts of one event-loop tick form one chunk. */
function responseSink(outgoing: ServerResponse, onWritten: (response: ServerResponse) => void): ResponseSink {
  let isCorked = false;
  const uncork = (): void => {
    if (!isCorked) return;
    isCorked = false;
    outgoing.uncork();
    onWritten(outgoing);
  };
  return {
    write: (text) => {
      if (!isCorked) {
        isCorked = true;
        outgoing.cork();
        process.nextTick(uncork);
      }
      outgoing.write(text);
    },
    get bufferedBytes() {
      return outgoing.writableLength;
    },
    end: () => {
      // Node 22 and 24 lose the text of a corked response that ends.
      uncork();
      outgoing.end();
    },
    destroy: () => void outgoing.destroy(),
  };
}
