import { pieceBytes } from '../../core/body-piece.js';
import type { RequestHandler } from '../../core/transport.js';
import type { MemoryConnection } from './memory-connection.js';
import { connectionReset, streamRefused } from './socket-errors.js';
import type { MemoryRequest, ServerReply } from './memory-request.js';

/** One attempt to send a request, as the client observes it. */
export interface MemoryAttempt {
  /** Instance id of the endpoint. */
  readonly endpoint: string;
  /** Address that the attempt used. */
  readonly address: string;
  /** Call id of the request; undefined when the request has no call id. */
  readonly callId: string | undefined;
  /**
   * The status of a complete response, or one of these values:
   *
   * - `connecting`: no connection is established yet
   * - `refused`: the server refused the connection
   * - `unsent`: the request was cancelled before it was sent
   * - `no-response`: the request was sent, and no complete response has arrived yet
   * - `stream-refused`: the server rejected the request without executing it
   * - `reset`: the server reset the connection
   * - `truncated`: the response ended before its body was complete
   */
  result: string;
}

/** One request on a memory connection. An exception of the request handler aborts the request. */
export class MemoryExchange {
  #isEnded = false;
  #flowing = true;
  #pausedStep: (() => void) | undefined;

  constructor(
    readonly connection: MemoryConnection,
    readonly request: MemoryRequest,
    readonly handler: RequestHandler,
    readonly attempt: MemoryAttempt | undefined,
    readonly callId: string | undefined,
    readonly onEnd: () => void,
  ) {}

  start(): void {
    const { handler, connection } = this;
    connection.exchange = this;
    try {
      handler.onConnect((reason) => this.abort(reason ?? new Error('The request was aborted')));
    } catch (error) {
      if (this.#isEnded) return;
      // The request was not written, so the connection stays usable.
      this.#endUsable('unsent', () => handler.onError(error as Error));
      return;
    }
    if (this.#isEnded) return;
    this.#record('no-response');
    this.#upload(bytesOf(this.request.body));
  }

  /** Sends the rest of the body at the speed at which the server reads. The server then receives the request. */
  #upload(rest: Uint8Array): void {
    const { handler, connection } = this;
    const { server } = connection;
    if (this.#isEnded) return;
    if (rest.length > 0 && server.readBytesPerMs < Infinity) {
      const piece = rest.subarray(0, pieceBytes);
      handler.onBodySent?.(piece);
      server.schedule(piece.length / server.readBytesPerMs, () => this.#upload(rest.subarray(piece.length)));
      return;
    }
    connection.write({
      request: this.request,
      callId: this.callId,
      connection,
      respond: (reply, isTruncated) => connection.deliver(() => this.#deliverHead(reply, isTruncated)),
      refuseStream: () => connection.deliver(() => this.#refuseStream()),
    });
    handler.onRequestSent?.();
  }

  abort(reason: Error): void {
    if (this.#isEnded) return;
    if (this.attempt?.result === 'connecting') this.#record('unsent');
    this.#fail(reason);
  }

  onConnectionLost(error: Error): void {
    if (this.#isEnded) return;
    this.#record('reset');
    this.#fail(error);
  }

  #refuseStream(): void {
    if (!this.#isEnded) this.#endUsable('stream-refused', () => this.handler.onError(streamRefused()));
  }

  #deliverHead(reply: ServerReply, isTruncated: boolean): void {
    if (this.#isEnded) return;
    const { handler } = this;
    const statusCode = reply.statusCode ?? 200;
    const bodyText =
      this.request.method === 'HEAD' || statusCode === 204 || statusCode === 304 ? '' : reply.body;
    const body = Buffer.from(bodyText ?? '');
    const headers = {
      'content-type': 'application/json',
      'content-length': String(body.length),
      ...reply.headers,
    };
    const raw = Object.entries(headers)
      .flat()
      .map((text) => Buffer.from(text, 'latin1'));
    this.#callHandler(() => {
      handler.onResponseStarted?.();
      this.#flowing = handler.onHeaders(statusCode, raw, () => this.#resume(), '');
    });
    const deliverRest = (): void => {
      this.#whenFlowing(() => {
        this.#deliverBody(statusCode, isTruncated ? body.subarray(0, body.length >> 1) : body, isTruncated);
      });
    };
    if ((reply.bodyDelayMs ?? 0) > 0) this.connection.server.schedule(reply.bodyDelayMs ?? 0, deliverRest);
    else deliverRest();
  }

  #deliverBody(statusCode: number, body: Buffer, isTruncated: boolean): void {
    const { handler } = this;
    if (body.length > 0) {
      this.#callHandler(() => {
        this.#flowing = handler.onData(body);
      });
    }
    this.#whenFlowing(() => {
      if (isTruncated) {
        this.#record('truncated');
        this.#fail(connectionReset());
        return;
      }
      this.#endUsable(String(statusCode), () => handler.onComplete([]));
    });
  }

  /** If the handler has paused the response, the step runs when the handler resumes it. */
  #whenFlowing(step: () => void): void {
    if (this.#isEnded) return;
    if (this.#flowing) step();
    else this.#pausedStep = step;
  }

  #resume(): void {
    this.#flowing = true;
    const step = this.#pausedStep;
    this.#pausedStep = undefined;
    if (step) this.#whenFlowing(step);
  }

  #callHandler(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.abort(error as Error);
    }
  }

  #endUsable(result: string, notify: () => void): void {
    this.#record(result);
    this.#end();
    notify();
    this.onEnd();
  }

  #fail(error: Error): void {
    this.#end();
    this.connection.close();
    this.handler.onError(error);
    this.onEnd();
  }

  #end(): void {
    this.#isEnded = true;
    this.#pausedStep = undefined;
    this.connection.exchange = undefined;
  }

  #record(result: string): void {
    if (this.attempt) this.attempt.result = result;
  }
}

function bytesOf(body: unknown): Uint8Array {
  if (typeof body === 'string') return Buffer.from(body);
  return body instanceof Uint8Array ? body : new Uint8Array();
}
