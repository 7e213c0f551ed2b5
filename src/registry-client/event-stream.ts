import { createParser } from 'eventsource-parser';
import type { Client, Dispatcher } from 'undici';
import type { Clock, Timer } from '../core/clock.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import { parseJson } from '../core/parse-json.js';
import type { RequestHandler } from '../core/transport.js';
import { decodeError } from '../protocol/error-codec.js';
import type { StreamListener } from './connection.js';
import {
  JsonBodyReader,
  readResponseHead,
  maxRegistryResponseBytes,
  type ResponseHead,
} from './json-response.js';

export interface EventStreamOptions {
  readonly url: string;
  readonly clock: Clock;
  /** Timeout from the call of `start` to the response headers. */
  readonly startTimeoutMs: number;
  readonly connectionError: (error: unknown) => ClerkError;
  readonly destroyConnecting: () => void;
  readonly onHead: ((head: ResponseHead) => void) | undefined;
}

/**
 * Maximum number of lines with an unknown field in a stream. The parser creates an error with a stack for each such
 * line, which takes CPU time.
 */
const maxUnknownLines = 100;
/**
 * Maximum length of a text with `\r` that the parser gets at once. For each line, the parser searches the whole text
 * for both kinds of line ends, so a long text would take quadratic time.
 */
const maxSearchedLength = 1_024;

/**
 * A stream of server-sent events on a separate connection. The stream ends at the first error and does not reconnect.
 * After the response headers, only the listener limits the time between bytes.
 *
 * @see [C1.7](../../docs/guarantees.md#c1-7)
 */
export class EventStream implements RequestHandler {
  readonly #client: Client;
  readonly #options: EventStreamOptions;
  readonly #listener: StreamListener;
  readonly #decoder = new TextDecoder();
  readonly #subject: string;
  readonly #errorBody: JsonBodyReader;
  readonly #parser = createParser({
    onEvent: ({ event, id, data }) => {
      this.#frameBytes = 0;
      if (this.#hasEnded) return;
      this.#listener.onEvent({ type: event ?? 'message', id: id ?? '', data: parseJson(data) });
    },
    onError: () => {
      if (++this.#unknownLines > maxUnknownLines)
        throw new Error(`more than ${String(maxUnknownLines)} lines have an unknown field`);
    },
  });
  /** Received bytes since the last complete event. */
  #frameBytes = 0;
  #unknownLines = 0;
  #timer: Timer | undefined;
  #head: ResponseHead | undefined;
  #hasEnded = false;
  #isStopped = false;

  constructor(client: Client, options: EventStreamOptions, listener: StreamListener) {
    this.#client = client;
    this.#options = options;
    this.#listener = listener;
    this.#subject = `The watch at ${options.url}`;
    this.#errorBody = new JsonBodyReader(this.#subject);
  }

  start(request: Dispatcher.DispatchOptions): void {
    const { clock, startTimeoutMs } = this.#options;
    this.#timer = clock.setTimer(
      () => this.#end(new Error(`the server opened no event stream within ${String(startTimeoutMs)} ms`)),
      startTimeoutMs,
    );
    this.#timer.setRef(false);
    this.#client.dispatch(request, this);
  }

  stop(): void {
    this.#isStopped = true;
    this.#closeConnection();
  }

  onConnect(): void {
    if (this.#hasEnded) throw new Error('The stream was stopped');
    this.#listener.onRequest?.();
  }

  onHeaders(status: number, headers: Buffer[]): boolean {
    if (this.#hasEnded || status < 200) return true;
    try {
      this.#head = readResponseHead(status, headers, this.#subject);
      this.#options.onHead?.(this.#head);
      if (status === 200) {
        if (!this.#head.contentType.startsWith('text/event-stream'))
          throw new ClerkError(
            'REGISTRY_INVALID',
            `${this.#subject} received a response that is not an event stream; check that this is the URL of a registry server`,
          );
        this.#timer?.cancel();
        this.#listener.onActivity();
      }
    } catch (error) {
      this.#end(error);
    }
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#hasEnded) return true;
    try {
      if (this.#head?.status === 200) {
        this.#listener.onActivity();
        // Count all bytes of the chunk, because a short part of the chunk may keep the whole chunk in memory.
        this.#frameBytes += chunk.length;
        if (this.#frameBytes > maxRegistryResponseBytes)
          throw new Error(`the event has more than ${String(maxRegistryResponseBytes)} bytes`);
        this.#parse(this.#decoder.decode(chunk, { stream: true }));
      } else this.#errorBody.append(chunk);
    } catch (error) {
      this.#end(
        isClerkError(error)
          ? error
          : new ClerkError(
              'REGISTRY_INVALID',
              `${this.#subject} received an invalid event: ${errorMessage(error)}; check that this is the URL of a registry server of the same version as this program`,
              { cause: error },
            ),
      );
    }
    return true;
  }

  onComplete(): void {
    const { status, contentType } = this.#head as ResponseHead;
    this.#end(
      status === 200
        ? new Error('the server ended the stream')
        : decodeError(status, this.#errorBody.parse(contentType), this.#subject),
    );
  }

  onError(error: Error): void {
    this.#end(error);
  }

  onUpgrade(): void {
    this.#end(new Error('the server switched to another protocol'));
  }

  #parse(text: string): void {
    // Lines of a registry end with `\n`. A text without `\r` is passed as a whole, since it is searched only once.
    const length = text.includes('\r') ? maxSearchedLength : text.length;
    for (let at = 0; at < text.length; at += length) this.#parser.feed(text.slice(at, at + length));
  }

  #end(error: unknown): void {
    if (this.#hasEnded) return;
    this.#closeConnection();
    const reason = isClerkError(error) ? error : this.#options.connectionError(error);
    queueMicrotask(() => {
      if (!this.#isStopped) this.#listener.onEnd(reason);
    });
  }

  #closeConnection(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#timer?.cancel();
    void this.#client.destroy();
    this.#options.destroyConnecting();
  }
}
