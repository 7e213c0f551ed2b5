import type { Clock } from '../../core/clock.js';
import { StoredHeaders } from './stored-headers.js';
import type { HandlerExecution } from './handler-execution.js';
import { BoundedBuffer } from './bounded-buffer.js';

/** Maximum time for which a response is read after its client closed the connection, in ms. */
const maxReadOnMs = 60_000;

/**
 * Records the response of a fetch-style handler while its client reads it. When the client closes the
 * connection, the rest is read for the store, for up to 60,000 ms. Values that are not a response, and
 * responses that cannot be replayed (upgrade, error), are returned unchanged and count as interrupted.
 *
 * @returns the response to send in its place
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
  /** An abandoned stream ends as if it were complete. */
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
      // The handler's stream is not read ahead of the client.
      { highWaterMark: 0 },
    );
  }

  /** The next chunk; undefined at the end. */
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

  /** The client closed the connection. */
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
      // Already counted as interrupted.
    } finally {
      timer.cancel();
    }
  }
}
