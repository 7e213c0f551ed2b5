import type { Clock } from '../../core/clock.js';
import { StoredHeaders } from './stored-headers.js';
import type { HandlerExecution } from './handler-execution.js';
import { BoundedBuffer } from './bounded-buffer.js';

/** Maximum time for which a response is read after the client has closed the connection, in ms. */
const maxReadOnMs = 60_000;

/**
 * Records the response of a fetch-style handler. After the client has closed the connection, recording continues for
 * up to 60,000 ms. A response that cannot be recorded, such as an upgrade, counts as interrupted.
 *
 * @returns the response to send
 */
export function recordFetchResponse(
  response: unknown,
  execution: HandlerExecution,
  maxBytes: number,
  clock: Clock,
): unknown {
  if (
    !(response instanceof Response) ||
    response.status < 200 ||
    response.bodyUsed ||
    response.body?.locked === true
  ) {
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
  const reader = body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const buffer = new BoundedBuffer(maxBytes);
  // After `abandon`, the reader reports the end of the stream although the response is incomplete.
  let isAbandoned = false;

  const next = async (): Promise<Uint8Array | undefined> => {
    try {
      const { done, value } = await reader.read();
      if (!done) {
        buffer.append(value);
        return value;
      }
    } catch (error) {
      execution.interrupt();
      throw error;
    }
    const bytes = buffer.toBytes();
    if (!isAbandoned) execution.complete(bytes && { status, headers: storedHeaders, body: bytes });
    return undefined;
  };

  const readRemaining = async (reason: unknown): Promise<void> => {
    const abandon = (): void => {
      isAbandoned = true;
      execution.interrupt();
      void reader.cancel(reason).catch(() => undefined);
    };
    const timer = clock.setTimer(abandon, maxReadOnMs);
    timer.setRef(false);
    try {
      while ((await next()) !== undefined && !buffer.isExceeded);
      if (buffer.isExceeded) abandon();
    } catch {
      // `next` has already interrupted the execution.
    } finally {
      timer.cancel();
    }
  };

  const stream = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const chunk = await next();
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel: (reason) => void readRemaining(reason),
    },
    // With this value, the stream of the handler is read only when the client reads.
    { highWaterMark: 0 },
  );
  return new Response(stream, { status, statusText, headers: response.headers });
}
