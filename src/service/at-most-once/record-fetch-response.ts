import type { Clock } from '../../core/clock.js';
import { StoredHeaders } from './stored-headers.js';
import type { HandlerExecution } from './handler-execution.js';
import { BoundedBuffer } from './bounded-buffer.js';

/** Maximum time for which a response is read after the client has closed the connection, in ms. */
const maxReadOnMs = 60_000;

/**
 * Records the response of a fetch-style handler while the client reads the response. After the client has closed the
 * connection, the rest of the response is read for the store, for up to 60,000 ms. A value that is not a `Response`,
 * and a response that cannot be replayed (such as an upgrade), is returned unchanged. The call then counts as
 * interrupted.
 *
 * @returns the response to send instead of `response`
 */
export function recordFetchResponse(
  response: unknown,
  execution: HandlerExecution,
  maxBytes: number,
  clock: Clock,
): unknown {
  if (!(response instanceof Response) || response.status < 200 || response.bodyUsed) {
    execution.interrupt();
    return response;
  }
  const { status, statusText, body } = response;
  const headers = new StoredHeaders();
  for (const [name, value] of response.headers) headers.append(name, value);
  const storedHeaders = headers.entries();
  if (body === null) {
    execution.complete({ status, headers: storedHeaders, body: new Uint8Array(0) });
    return response;
  }
  if (body.locked) {
    execution.interrupt();
    return response;
  }
  const onComplete = (buffer: BoundedBuffer): void => {
    const bytes = buffer.toBytes();
    execution.complete(bytes && { status, headers: storedHeaders, body: bytes });
  };
  const recorded = new RecordedStream(
    body.getReader() as Reader,
    new BoundedBuffer(maxBytes),
    onComplete,
    () => execution.interrupt(),
    clock,
  );
  return new Response(recorded.stream, { status, statusText, headers: response.headers });
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

class RecordedStream {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #reader: Reader;
  readonly #buffer: BoundedBuffer;
  readonly #onComplete: (tape: BoundedBuffer) => void;
  readonly #onInterrupted: () => void;
  readonly #clock: Clock;
  /**
   * Whether reading the rest of the response was given up. The reader then reports the end of the stream although the
   * response is incomplete, so nothing is stored.
   */
  #isAbandoned = false;

  constructor(
    reader: Reader,
    buffer: BoundedBuffer,
    onComplete: (tape: BoundedBuffer) => void,
    onInterrupted: () => void,
    clock: Clock,
  ) {
    this.#reader = reader;
    this.#buffer = buffer;
    this.#onComplete = onComplete;
    this.#onInterrupted = onInterrupted;
    this.#clock = clock;
    this.stream = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const chunk = await this.#next();
          if (chunk === undefined) controller.close();
          else controller.enqueue(chunk);
        },
        cancel: (reason) => void this.#readRemaining(reason),
      },
      // With a high-water mark of 0, the stream of the handler is read only when the client reads.
      { highWaterMark: 0 },
    );
  }

  /** Returns the next chunk; undefined at the end. */
  async #next(): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await this.#reader.read();
      if (done) {
        if (!this.#isAbandoned) this.#onComplete(this.#buffer);
        return undefined;
      }
      this.#buffer.append(value);
      return value;
    } catch (error) {
      this.#onInterrupted();
      throw error;
    }
  }

  /** Reads the rest of the response for the store, after the client has closed the connection. */
  async #readRemaining(reason: unknown): Promise<void> {
    const abandon = (): void => {
      this.#isAbandoned = true;
      this.#onInterrupted();
      void this.#reader.cancel(reason).catch(() => undefined);
    };
    const timer = this.#clock.setTimer(abandon, maxReadOnMs);
    timer.setRef(false);
    try {
      while ((await this.#next()) !== undefined && !this.#buffer.isExceeded);
      if (this.#buffer.isExceeded) abandon();
    } catch {
      // `#next` has already reported the interruption.
    } finally {
      timer.cancel();
    }
  }
}
