import type { Clock, Timer } from '../../core/clock.js';
import { limits } from '../../protocol/limits.js';
import { eventJson } from '../../protocol/put-event.js';
import type { WatchEvent } from '../../protocol/watch-messages.js';
import type { OpenWatch, WatchOptions } from '../ports.js';

export interface ResponseSink {
  write(text: string): void;
  /**
   * Number of unsent bytes. Once it has reached {@link highWaterMarkBytes}, the owner of the sink calls {@link
   * WatchBacklog.onDrain} when all bytes are sent.
   */
  readonly bufferedBytes: number;
  end(): void;
  destroy(): void;
}

/** Number of unsent bytes of a response at which the server begins to queue events. */
export const highWaterMarkBytes = 64 * 1024;
/** Time after which a client with a full response buffer is disconnected, in ms. */
export const stallTimeoutMs = 5_000;

export interface WatchBacklogOptions {
  readonly id: string;
  readonly globs: readonly string[];
  readonly since: WatchOptions['since'];
  readonly incarnation: string;
  readonly clock: Clock;
  readonly sink: ResponseSink;
  readonly watch: (options: WatchOptions) => OpenWatch;
  readonly onOverflow: () => void;
  readonly onDisconnect: () => void;
}

/**
 * Sends the events of one watch to one client as server-sent events. For a slow client, queues at most 256 events of
 * 64 KiB in total. When the queue overflows, drops the queued events, and sends `resync` and a full snapshot as soon as
 * the client has read what was sent. A client whose response buffer stays full for 5 s is disconnected.
 *
 * @see [A11](../../../docs/guarantees.md#a11), [C1.7](../../../docs/guarantees.md#c1-7),
 * [C8.2](../../../docs/guarantees.md#c8-2)
 */
export class WatchBacklog {
  readonly #options: WatchBacklogOptions;
  readonly #watch: OpenWatch;
  #queue: string[] = [];
  #queuedBytes = 0;
  /** Whether events were dropped. If so, `resync` and a snapshot follow when all written bytes are sent. */
  #needsResync = false;
  #resumeWatch: (() => void) | undefined;
  #position: string;
  #stallTimer: Timer | undefined;
  #isClosed = false;

  constructor(options: WatchBacklogOptions) {
    const { id, globs, since } = options;
    this.#options = options;
    this.#position = `${options.incarnation}:${since?.revision ?? '0'}`;
    this.#watch = options.watch({
      id,
      globs,
      since,
      onEvent: (event, _revision, position) => {
        if (this.#isClosed || this.#needsResync) return;
        this.#position = position;
        this.#send(event);
      },
      whenDrained: () => (this.#isFull ? new Promise((resolve) => (this.#resumeWatch = resolve)) : undefined),
    });
  }

  /** Total length of all names and globs of the watch, in characters. */
  get globBytes(): number {
    return this.#watch.globBytes;
  }

  edit(add: readonly string[], remove: readonly string[]): void {
    this.#watch.edit(add, remove);
  }

  onDrain(): void {
    if (this.#isClosed) return;
    this.#stallTimer?.cancel();
    this.#stallTimer = undefined;
    let written = 0;
    while (written < this.#queue.length && this.#options.sink.bufferedBytes < highWaterMarkBytes) {
      const frame = this.#queue[written++] as string;
      this.#queuedBytes -= frame.length;
      this.#options.sink.write(frame);
    }
    this.#queue.splice(0, written);
    this.#startStallTimer();
    if (this.#isFull) return;
    if (this.#needsResync) {
      this.#needsResync = false;
      this.#watch.resync(
        `the client read too slowly: the queue of at most ${limits.maxQueuedEvents} events and ${limits.maxQueuedBytes} bytes overflowed`,
      );
    }
    const resume = this.#resumeWatch;
    this.#resumeWatch = undefined;
    resume?.();
  }

  /** Ends the stream. If no event is queued, a heartbeat with the last revision precedes the end. */
  end(): void {
    if (this.#isClosed) return;
    if (!this.#needsResync && this.#queue.length === 0) this.#send({ type: 'heartbeat' });
    this.close();
    this.#options.sink.end();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watch.close();
    this.#stallTimer?.cancel();
    this.#clearQueue();
  }

  get #isFull(): boolean {
    return this.#queue.length > 0 || this.#options.sink.bufferedBytes >= highWaterMarkBytes;
  }

  #send(event: WatchEvent): void {
    const { sink, onOverflow } = this.#options;
    const frame = this.#frame(event);
    if (!this.#isFull) sink.write(frame);
    else if (
      this.#queue.length < limits.maxQueuedEvents &&
      this.#queuedBytes + frame.length <= limits.maxQueuedBytes
    ) {
      this.#queue.push(frame);
      this.#queuedBytes += frame.length;
    } else {
      this.#needsResync = true;
      this.#clearQueue();
      onOverflow();
    }
    this.#startStallTimer();
  }

  #clearQueue(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  #frame(event: WatchEvent): string {
    return `id: ${this.#position}\nevent: ${event.type}\ndata: ${eventJson(event)}\n\n`;
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
}
