/**
 * One watch on its way to one reader. What a reader does not take waits here, 256 events at most; beyond, all of it is
 * dropped, and once the reader has caught up he is told to begin anew and gets everything as it is then. While he is
 * told all that is there, the names wait for him, so that no more than a slice of it is held here. A reader that has
 * not taken what lies before him for 5 s is cut.
 *
 * @see promises A11, C1.7, C8.2
 */
import type { Clock, Timer } from '../../core/clock.js';
import { limits } from '../../wire/limits.js';
import type { WatchEvent } from '../../wire/messages.js';
import type { Watching, WatchOptions } from '../ports.js';

/** Where a stream is written to. */
export interface Sink {
  write(text: string): void;
  /** Bytes written that nobody has taken yet. Once they are over {@link fullBytes}, the stream is told when they are 0. */
  readonly waitingBytes: number;
  /** Ends it in good order, or at once. */
  end(): void;
  cut(): void;
}

/** Bytes before the reader from which on events wait here. */
export const fullBytes = 64 * 1024;
/** For how long a reader may leave them there, in ms. */
export const stallMs = 5_000;

/** What a stream is made with. */
export interface WatchStreamOptions {
  readonly id: string;
  readonly globs: readonly string[];
  readonly since: WatchOptions['since'];
  readonly incarnation: string;
  /** The names beat by themselves; a shorter beat than theirs is made here. */
  readonly heartbeatMs: number;
  readonly clock: Clock;
  readonly sink: Sink;
  /** Opens the watch. @throws `NAME_INVALID`, `LIMIT` */
  readonly watch: (options: WatchOptions) => Watching;
  readonly onOverflow: () => void;
  readonly onCut: () => void;
}

/** A watch and its reader. */
export class WatchStream {
  readonly #options: WatchStreamOptions;
  readonly #watching: Watching;
  #waiting: string[] = [];
  /** Events were dropped: begin anew as soon as the reader has taken the rest. */
  #isBehind = false;
  /** The names wait for the reader. */
  #drained: (() => void) | undefined;
  #revision: string;
  #spokeAt: number;
  #heartbeat: Timer | undefined;
  #stall: Timer | undefined;
  #isOver = false;

  /** Opens it. @throws `NAME_INVALID`, `LIMIT` */
  constructor(options: WatchStreamOptions) {
    const { id, globs, since, clock, heartbeatMs } = options;
    this.#options = options;
    this.#revision = since?.revision ?? '0';
    this.#spokeAt = clock.now();
    this.#watching = options.watch({
      id,
      globs,
      since,
      onEvent: (event, revision) => {
        if (this.#isOver || this.#isBehind) return;
        this.#revision = revision;
        this.#send(event.type === 'open' ? { ...event, heartbeatMs } : event);
      },
      whenDrained: () => (this.#isFull ? new Promise((resolve) => (this.#drained = resolve)) : undefined),
    });
    if (heartbeatMs < limits.heartbeatMs) this.#beat(heartbeatMs);
  }

  /** Changes what it is over. @throws `NAME_INVALID`, `LIMIT` */
  edit(add: readonly string[], remove: readonly string[]): void {
    this.#watching.edit(add, remove);
  }

  /** Called when everything before the reader was taken. */
  drained(): void {
    if (this.#isOver) return;
    this.#stall?.cancel();
    this.#stall = undefined;
    const waiting = this.#waiting.splice(0);
    let written = 0;
    while (written < waiting.length && this.#options.sink.waitingBytes < fullBytes)
      this.#options.sink.write(waiting[written++] as string);
    this.#waiting = waiting.slice(written);
    this.#watchStall();
    if (this.#isFull) return;
    if (this.#isBehind) {
      this.#isBehind = false;
      this.#watching.resync(`more than ${limits.watchBuffer} events waited for a slow reader`);
    }
    const go = this.#drained;
    this.#drained = undefined;
    go?.();
  }

  /** Tells the reader the last position and ends. */
  end(): void {
    if (this.#isOver) return;
    if (!this.#isBehind && this.#waiting.length === 0) this.#send({ type: 'heartbeat' });
    this.close();
    this.#options.sink.end();
  }

  /** Lets go; the reader is gone. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watching.close();
    this.#heartbeat?.cancel();
    this.#stall?.cancel();
    this.#waiting = [];
  }

  get #isFull(): boolean {
    return this.#waiting.length > 0 || this.#options.sink.waitingBytes >= fullBytes;
  }

  #send(event: WatchEvent): void {
    const { sink, clock, onOverflow } = this.#options;
    this.#spokeAt = clock.now();
    if (!this.#isFull) sink.write(this.#frame(event));
    else if (this.#waiting.length < limits.watchBuffer) this.#waiting.push(this.#frame(event));
    else {
      this.#isBehind = true;
      this.#waiting = [];
      onOverflow();
    }
    this.#watchStall();
  }

  #frame(event: WatchEvent): string {
    return `id: ${this.#options.incarnation}:${this.#revision}\nevent: ${event.type}\ndata: ${textOf(event)}\n\n`;
  }

  #watchStall(): void {
    if (this.#stall !== undefined || this.#options.sink.waitingBytes < fullBytes) return;
    this.#stall = this.#options.clock.setTimer(() => {
      this.close();
      this.#options.onCut();
      this.#options.sink.cut();
    }, stallMs);
    this.#stall.setRef(false);
  }

  #beat(inMs: number): void {
    const { clock, heartbeatMs } = this.#options;
    this.#heartbeat = clock.setTimer(() => {
      const silentMs = clock.now() - this.#spokeAt;
      if (silentMs >= heartbeatMs && !this.#isBehind) this.#send({ type: 'heartbeat' });
      this.#beat(silentMs >= heartbeatMs ? heartbeatMs : heartbeatMs - silentMs);
    }, inMs);
    this.#heartbeat.setRef(false);
  }
}

const texts = new WeakMap<WatchEvent, string>();

/** The event as JSON; made once where many readers are told the same. */
function textOf(event: WatchEvent): string {
  let text = texts.get(event);
  if (text === undefined) texts.set(event, (text = JSON.stringify(event)));
  return text;
}
