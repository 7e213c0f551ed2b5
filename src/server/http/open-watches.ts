import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../core/clock.js';
import { quote } from '../../core/describe-value.js';
import { Quotas } from '../../core/quotas.js';
import type { Hashing } from '../../protocol/launch-proof.js';
import { limits } from '../../protocol/limits.js';
import type { WatchEditRequest, WatchRequest } from '../../protocol/watch-messages.js';
import type { NameService, WatchOptions } from '../ports.js';
import type { Metrics } from './metrics.js';
import { HttpError } from './http-error.js';
import type { NameQueries } from './visible-names.js';
import { WatchBacklog, type ResponseSink } from './watch-backlog.js';

export interface OpenWatchesOptions {
  readonly names: NameService;
  readonly runtime: Clock & Pick<Hashing, 'randomHex'>;
  readonly metrics: Metrics;
  readonly maxWatches: number;
  /** Called after bytes were written to the buffer of a response, and after the buffer was sent. */
  readonly onWritten: (response: ServerResponse) => void;
}

export interface WatchClient {
  readonly principal: string;
  readonly queries: Pick<NameQueries, 'watch'>;
  /** Whether the client may still watch. Called before each event. Default: always true. */
  readonly isAuthorized?: (() => boolean) | undefined;
}

interface Watch {
  readonly stream: WatchBacklog;
  readonly principal: string;
  /** Total length of the names and globs of the watch, which counts for the limit of the principal. */
  globBytes: number;
}

/**
 * All open watches. Limits the number of watches per principal, and the total length of their names and globs. @see
 * [A11](../../../docs/guarantees.md#a11)
 */
export class OpenWatches {
  readonly #options: OpenWatchesOptions;
  readonly #watches = new Map<string, Watch>();
  readonly #quotas = new Quotas();
  readonly #globBytes = new Quotas();

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
        `A principal can have at most ${maxWatches} open watches; close a watch, use one watch for several names, or raise the limit with --max-watches`,
      );
    outgoing.once('close', () => this.#quotas.release(principal));
    const acquired = this.#acquireGlobBytes(principal, globs);
    const id = runtime.randomHex(16);
    const socket = incoming.socket;
    const sink = responseSink(outgoing, onWritten);
    let stream: WatchBacklog;
    try {
      stream = new WatchBacklog({
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
    } catch (error) {
      this.#globBytes.release(principal, acquired);
      throw error;
    }
    const watch: Watch = { stream, principal, globBytes: acquired };
    this.#recount(watch, 0);
    this.#watches.set(id, watch);
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
      this.#globBytes.release(principal, watch.globBytes);
    });
  }

  /**
   * @throws {@link ClerkError} `CLERK_CLOSED` with status 404 when the principal has no open watch with this id
   * @throws {@link ClerkError} `NAME_INVALID` for an invalid glob; `LIMIT_EXCEEDED` for too many or too long globs
   */
  edit({ watch, add = [], remove = [] }: WatchEditRequest, principal: string): void {
    const entry = this.#watches.get(watch);
    if (entry?.principal !== principal)
      throw new HttpError('CLERK_CLOSED', `Watch ${quote(watch)} is not open; open a new watch`, 404);
    const acquired = this.#acquireGlobBytes(principal, add);
    try {
      entry.stream.edit(add, remove);
    } finally {
      this.#recount(entry, acquired);
    }
  }

  #acquireGlobBytes(principal: string, globs: readonly string[]): number {
    let bytes = 0;
    for (const glob of globs) bytes += glob.length;
    if (this.#globBytes.total + bytes > limits.maxGlobBytesOfAll)
      throw new HttpError(
        'LIMIT_EXCEEDED',
        `The names and globs of all watches of all clients must have at most ${limits.maxGlobBytesOfAll} characters in total; retry later, or use globs with wildcards for names with a common prefix`,
      );
    if (this.#globBytes.tryAcquire(principal, limits.maxGlobBytes, bytes)) return bytes;
    throw new HttpError(
      'LIMIT_EXCEEDED',
      `The names and globs of all watches of one principal must have at most ${limits.maxGlobBytes} characters in total; close a watch, or use globs with wildcards for names with a common prefix`,
    );
  }

  /** Replaces the reserved length by the real length of the watch, because an edit may repeat or remove names. */
  #recount(watch: Watch, acquired: number): void {
    const held = watch.globBytes + acquired;
    watch.globBytes = watch.stream.globBytes;
    this.#globBytes.release(watch.principal, held - watch.globBytes);
  }

  /** Ends all watches. A watch without queued events sends a heartbeat with the last revision before its end. */
  end(): void {
    for (const { stream } of this.#watches.values()) stream.end();
  }
}

/** Returns a listener that ends the watch at the first event after the client has lost its authorization. */
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

/** Returns a sink that sends all texts of one event-loop tick as one chunk. */
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
      // Node 22 and 24 lose the text of a response that ends while it is corked.
      uncork();
      outgoing.end();
    },
    destroy: () => void outgoing.destroy(),
  };
}
