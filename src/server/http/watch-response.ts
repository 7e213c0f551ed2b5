/**
 * One watch on its way to one reader. What a reader does not take waits here, 256 events at most; beyond, all of it is
 * dropped, and once the reader has caught up he is told to begin anew and gets everything as it is then. While he is
 * told all that is there, the names wait for him, so that no more than a slice of it is held here. A reader that has
 * not taken what lies before him for 5 s is cut.
 *
 * @see promises A11, C1.7, C8.2
 */
import type { Clock, Timer } from '../../core/clock.js';
import { limits } from '../../protocol/limits.js';
import type { WatchEvent } from '../../protocol/messages.js';
import type { OpenWatch, WatchOptions } from '../ports.js';

/** Where a stream is written to. */
export interface ResponseSink {
  write(text: string): void;
  /** Bytes written that nobody has taken yet. Once they are over {@link highWaterMarkBytes}, the stream is told when they are 0. */
  readonly bufferedBytes: number;
  /** Ends it in good order, or at once. */
  end(): void;
  destroy(): void;
}

/** Bytes before the reader from which on events wait here. */
export const highWaterMarkBytes = 64 * 1024;
/** For how long a reader may leave them there, in ms. */
export const stallTimeoutMs = 5_000;

/** What a stream is made with. */
export interface WatchResponseOptions {
  readonly id: string;
  readonly globs: readonly string[];
  readonly since: WatchOptions['since'];
  readonly incarnation: string;
  /** The names beat by themselves; a shorter beat than theirs is made here. */
  readonly heartbeatMs: number;
  readonly clock: Clock;
  readonly sink: ResponseSink;
  /** Opens the watch. @throws `NAME_INVALID`, `LIMIT_EXCEEDED` */
  readonly watch: (options: WatchOptions) => OpenWatch;
  readonly onOverflow: () => void;
  readonly onDisconnect: () => void;
}

/** A watch and its reader. */
export class WatchResponse {
  readonly #options: WatchResponseOptions;
  readonly #watch: OpenWatch;
  #queue: string[] = [];
  /** Events were dropped: begin anew as soon as the reader has taken the rest. */
  #needsResync = false;
  /** The names wait for the reader. */
  #resumeWatch: (() => void) | undefined;
  #revision: string;
  #lastEventAt: number;
  #heartbeatTimer: Timer | undefined;
  #stallTimer: Timer | undefined;
  #isClosed = false;

  /** Opens it. @throws `NAME_INVALID`, `LIMIT_EXCEEDED` */
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

  /** Changes what it is over. @throws `NAME_INVALID`, `LIMIT_EXCEEDED` */
  edit(add: readonly string[], remove: readonly string[]): void {
    this.#watch.edit(add, remove);
  }

  /** Called when everything before the reader was taken. */
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
      this.#watch.resync(`more than ${limits.maxQueuedEvents} events waited for a slow reader`);
    }
    const resume = this.#resumeWatch;
    this.#resumeWatch = undefined;
    resume?.();
  }

  /** Tells the reader the last position and ends. */
  end(): void {
    if (this.#isClosed) return;
    if (!this.#needsResync && this.#queue.length === 0) this.#send({ type: 'heartbeat' });
    this.close();
    this.#options.sink.end();
  }

  /** Lets go; the reader is gone. */
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

/** The event as JSON; made once where many readers are told the same. */
function eventJson(event: WatchEvent): string {
  let json = jsonCache.get(event);
  if (json === undefined) jsonCache.set(event, (json = JSON.stringify(event)));
  return json;
}
