import type { Clock, Timer } from '../../core/clock.js';
import { limits } from '../../protocol/limits.js';
import type { WatchEvent } from '../../protocol/messages.js';
import type { OpenWatch, WatchOptions } from '../ports.js';

/** Response stream to which a watch writes. */
export interface ResponseSink {
  write(text: string): void;
  /**
   * Number of bytes that are written but not yet sent. Once this number has reached {@link highWaterMarkBytes}, the
   * owner of the sink calls {@link WatchResponse.onDrain} when all bytes are sent.
   */
  readonly bufferedBytes: number;
  /** Ends the stream once the written bytes are sent. */
  end(): void;
  /** Closes the connection at once. */
  destroy(): void;
}

/** Events are queued, not written, while the response has at least this number of unsent bytes. */
export const highWaterMarkBytes = 64 * 1024;
/** A client whose response buffer stays full for this time, in ms, is disconnected. */
export const stallTimeoutMs = 5_000;

/** Options of {@link WatchResponse}. */
export interface WatchResponseOptions {
  readonly id: string;
  readonly globs: readonly string[];
  readonly since: WatchOptions['since'];
  readonly incarnation: string;
  /**
   * Interval of heartbeats, in ms. The name server sends heartbeats at its own interval. This class sends heartbeats
   * only if `heartbeatMs` is shorter than that interval.
   */
  readonly heartbeatMs: number;
  readonly clock: Clock;
  readonly sink: ResponseSink;
  /** Opens the watch. @throws {@link ClerkError} `NAME_INVALID` or `LIMIT_EXCEEDED` */
  readonly watch: (options: WatchOptions) => OpenWatch;
  readonly onOverflow: () => void;
  readonly onDisconnect: () => void;
}

/**
 * One watch, sent to one client as server-sent events. While the client reads slowly, up to 256 events are queued. When
 * the queue overflows, all queued events are dropped. Once the client has read the written bytes, the client receives
 * `resync` and a full snapshot.
 *
 * During a snapshot the name server waits for the client, so only a part of the snapshot is buffered. A client whose
 * response buffer stays full for 5 s is disconnected.
 *
 * @see [A11](../../../docs/guarantees.md#a11), [C1.7](../../../docs/guarantees.md#c1-7),
 *   [C8.2](../../../docs/guarantees.md#c8-2)
 */
export class WatchResponse {
  readonly #options: WatchResponseOptions;
  readonly #watch: OpenWatch;
  #queue: string[] = [];
  /** Whether events were dropped and the client needs a resync. The resync is sent once all written bytes are sent. */
  #needsResync = false;
  /** Lets the name server continue a snapshot that waits for the client to read; undefined when no snapshot waits. */
  #resumeWatch: (() => void) | undefined;
  #revision: string;
  #lastEventAt: number;
  #heartbeatTimer: Timer | undefined;
  #stallTimer: Timer | undefined;
  #isClosed = false;

  /** Opens the watch. @throws {@link ClerkError} `NAME_INVALID` or `LIMIT_EXCEEDED` */
  constructor(options: WatchResponseOptions) {
    const { id, globs, since, clock, heartbeatMs } = options;
    this.#options = options;
    this.#revision = since?.revision ?? '0';
    this.#lastEventAt = clock.now();
    this.#watch = options.watch({
      id,
      globs,
      since,
      onEvent: (event, revision) => {
        if (this.#isClosed || this.#needsResync) return;
        this.#revision = revision;
        this.#send(event.type === 'open' ? { ...event, heartbeatMs } : event);
      },
      whenDrained: () => (this.#isFull ? new Promise((resolve) => (this.#resumeWatch = resolve)) : undefined),
    });
    if (heartbeatMs < limits.heartbeatMs) this.#scheduleHeartbeat(heartbeatMs);
  }

  /**
   * Adds globs to the watch and removes globs from the watch.
   *
   * @throws {@link ClerkError} `NAME_INVALID` or `LIMIT_EXCEEDED`
   */
  edit(add: readonly string[], remove: readonly string[]): void {
    this.#watch.edit(add, remove);
  }

  /** Writes queued events. To be called when all written bytes are sent. */
  onDrain(): void {
    if (this.#isClosed) return;
    this.#stallTimer?.cancel();
    this.#stallTimer = undefined;
    const queued = this.#queue.splice(0);
    let written = 0;
    while (written < queued.length && this.#options.sink.bufferedBytes < highWaterMarkBytes)
      this.#options.sink.write(queued[written++] as string);
    this.#queue = queued.slice(written);
    this.#startStallTimer();
    if (this.#isFull) return;
    if (this.#needsResync) {
      this.#needsResync = false;
      this.#watch.resync(
        `the client read too slowly: the queue of ${limits.maxQueuedEvents} events overflowed`,
      );
    }
    const resume = this.#resumeWatch;
    this.#resumeWatch = undefined;
    resume?.();
  }

  /** Ends the stream. First sends a heartbeat with the last revision, unless events are queued or were dropped. */
  end(): void {
    if (this.#isClosed) return;
    if (!this.#needsResync && this.#queue.length === 0) this.#send({ type: 'heartbeat' });
    this.close();
    this.#options.sink.end();
  }

  /** Closes the watch and drops queued events. Does not end the stream. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watch.close();
    this.#heartbeatTimer?.cancel();
    this.#stallTimer?.cancel();
    this.#queue = [];
  }

  get #isFull(): boolean {
    return this.#queue.length > 0 || this.#options.sink.bufferedBytes >= highWaterMarkBytes;
  }

  #send(event: WatchEvent): void {
    const { sink, clock, onOverflow } = this.#options;
    this.#lastEventAt = clock.now();
    if (!this.#isFull) sink.write(this.#frame(event));
    else if (this.#queue.length < limits.maxQueuedEvents) this.#queue.push(this.#frame(event));
    else {
      this.#needsResync = true;
      this.#queue = [];
      onOverflow();
    }
    this.#startStallTimer();
  }

  #frame(event: WatchEvent): string {
    return `id: ${this.#options.incarnation}:${this.#revision}\nevent: ${event.type}\ndata: ${eventJson(event)}\n\n`;
  }

  #startStallTimer(): void {
    if (this.#stallTimer !== undefined || this.#options.sink.bufferedBytes < highWaterMarkBytes) return;
    this.#stallTimer = this.#options.clock.setTimer(() => {
      this.close();
      this.#options.onDisconnect();
      this.#options.sink.destroy();
    }, stallTimeoutMs);
    this.#stallTimer.setRef(false);
  }

  #scheduleHeartbeat(delayMs: number): void {
    const { clock, heartbeatMs } = this.#options;
    this.#heartbeatTimer = clock.setTimer(() => {
      const quietMs = clock.now() - this.#lastEventAt;
      if (quietMs >= heartbeatMs && !this.#needsResync) this.#send({ type: 'heartbeat' });
      this.#scheduleHeartbeat(quietMs >= heartbeatMs ? heartbeatMs : heartbeatMs - quietMs);
    }, delayMs);
    this.#heartbeatTimer.setRef(false);
  }
}

const jsonCache = new WeakMap<WatchEvent, string>();

/** Returns an event as JSON. The JSON is cached, because the same event is sent to many clients. */
function eventJson(event: WatchEvent): string {
  let json = jsonCache.get(event);
  if (json === undefined) jsonCache.set(event, (json = JSON.stringify(event)));
  return json;
}
