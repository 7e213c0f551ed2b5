/**
 * A stream of server-sent events on a connection of its own, which keeps no process alive. It ends for good at the
 * first thing that goes wrong; whether it lives is for the listener to judge, by the signs it gets. The only door to
 * eventsource-parser.
 *
 * @see promises C1.7
 */
import { createParser } from 'eventsource-parser';
import type { Client, Dispatcher } from 'undici';
import type { Clock, Timer } from '../core/clock.js';
import { ClerkError, isClerkError, reasonOf } from '../core/errors.js';
import type { WireHandler } from '../core/transport.js';
import { errorOf } from '../wire/failure.js';
import type { StreamListener } from '../wire/peer.js';
import { BodyReader, headOf, mostAnswerBytes, type Head } from './json-reader.js';

/** What a stream needs beside its connection. */
export interface EventStreamOptions {
  readonly url: string;
  readonly clock: Clock;
  /** How long connecting and the head of the answer may take together, in ms. */
  readonly limitMs: number;
  /** Makes the error of a connection that failed. */
  readonly failure: (error: unknown) => ClerkError;
}

/** See the file's header. */
export class EventStream implements WireHandler {
  readonly #client: Client;
  readonly #options: EventStreamOptions;
  readonly #listener: StreamListener;
  readonly #decoder = new TextDecoder();
  readonly #refusal: BodyReader;
  readonly #parser = createParser({
    onEvent: ({ event, id, data }) => {
      if (this.#over) return;
      this.#listener.onEvent({ type: event ?? 'message', id: id ?? '', data: JSON.parse(data) as unknown });
    },
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') throw error;
    },
    maxBufferSize: mostAnswerBytes,
  });
  #timer: Timer | undefined;
  #head: Head | undefined;
  #over = false;
  #unheard = false;

  constructor(client: Client, options: EventStreamOptions, listener: StreamListener) {
    this.#client = client;
    this.#options = options;
    this.#listener = listener;
    this.#refusal = new BodyReader(`The stream of ${options.url}`);
  }

  begin(request: Dispatcher.DispatchOptions): void {
    const { clock, limitMs } = this.#options;
    this.#timer = clock.setTimer(
      () => this.#end(new Error(`no stream began within ${String(limitMs)} ms`)),
      limitMs,
    );
    this.#timer.setRef(false);
    this.#client.dispatch(request, this);
  }

  /** Ends it without a word. */
  stop(): void {
    this.#unheard = true;
    this.#cut();
  }

  onConnect(): void {
    if (this.#over) throw new Error('The stream was given up');
  }

  onHeaders(status: number, headers: Buffer[]): boolean {
    if (this.#over || status < 200) return true;
    const where = `The watch at ${this.#options.url}`;
    try {
      this.#head = headOf(status, headers, where);
      if (status === 200) {
        if (!this.#head.contentType.startsWith('text/event-stream'))
          throw new ClerkError(
            'REGISTRY_INVALID',
            `${where} was answered with no stream of events; is that the address of a registry`,
          );
        this.#timer?.cancel();
        this.#listener.onSign();
      }
    } catch (error) {
      this.#end(error);
    }
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#over) return true;
    try {
      if (this.#head?.status === 200) {
        this.#listener.onSign();
        this.#parser.feed(this.#decoder.decode(chunk, { stream: true }));
      } else this.#refusal.take(chunk);
    } catch (error) {
      this.#end(
        isClerkError(error)
          ? error
          : new ClerkError(
              'REGISTRY_INVALID',
              `The watch at ${this.#options.url} sent an event that cannot be read: ${reasonOf(error)}`,
              { cause: error },
            ),
      );
    }
    return true;
  }

  onComplete(): void {
    const status = this.#head?.status ?? 0;
    this.#end(
      status === 200
        ? new Error('it ended the stream')
        : errorOf(status, this.#refusal.body(), `The watch at ${this.#options.url}`),
    );
  }

  onError(error: Error): void {
    this.#end(error);
  }

  onUpgrade(): void {
    this.#end(new Error('it changed the protocol unasked'));
  }

  #end(error: unknown): void {
    if (this.#over) return;
    this.#cut();
    const reason = isClerkError(error) ? error : this.#options.failure(error);
    queueMicrotask(() => {
      if (!this.#unheard) this.#listener.onEnd(reason);
    });
  }

  #cut(): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    void this.#client.destroy();
  }
}
