import type { RequestHandler } from '../../core/transport.js';
import type { MemoryConnection } from './memory-connection.js';
import { connectionReset, streamRefused } from './socket-errors.js';
import type { MemoryRequest, ServerReply } from './memory-request.js';

/** One attempt to send a request, as observed by the client. */
export interface MemoryAttempt {
  /** Instance id of the endpoint. */
  readonly endpoint: string;
  /** Address that the attempt used. */
  readonly address: string;
  /** Value of the header with the call id; undefined when the request has no such header. */
  readonly callId: string | undefined;
  /**
   * The status of the response if the response was complete. Otherwise one of these values:
   *
   * - `connecting`: no connection is established yet
   * - `refused`: the server refused the connection
   * - `unsent`: the request was cancelled before sending
   * - `no-response`: the request was sent, and no complete response has arrived yet
   * - `stream-refused`: the server rejected the request without executing the request
   * - `reset`: the server reset the connection
   * - `truncated`: the response ended before its body was complete
   */
  result: string;
}

/**
 * One request on a memory connection. The callbacks of the handler are called in the order that {@link
 * RequestHandler} states. An exception that the handler throws aborts the request. No callback is called after
 * `onError` or `onComplete`.
 */
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
    /** Called once, when the request has ended. The connection is then idle or closed. */
    readonly onEnd: () => void,
  ) {}

  /** Sends the request. */
  start(): void {
    const { handler, connection } = this;
    connection.exchange = this;
    try {
      handler.onConnect((reason) => {
        this.abort(reason ?? new Error('The request was aborted'));
      });
    } catch (error) {
      if (this.#isEnded) return;
      // No byte was written, so the connection stays usable.
      this.#record('unsent');
      this.#end();
      handler.onError(error as Error);
      this.onEnd();
      return;
    }
    if (this.#isEnded) return;
    this.#record('no-response');
    connection.write({
      request: this.request,
      callId: this.callId,
      connection,
      respond: (treatment, broken) => {
        connection.deliver(() => {
          this.#deliverHead(treatment, broken);
        });
      },
      refuseStream: () => {
        connection.deliver(() => {
          this.#refuseStream();
        });
      },
    });
    handler.onRequestSent?.();
  }

  /** Aborts the request and closes the connection. */
  abort(reason: Error): void {
    if (this.#isEnded) return;
    if (this.attempt?.result === 'connecting') this.#record('unsent');
    this.#fail(reason);
  }

  /** Called when the server has reset the connection. */
  onConnectionLost(error: Error): void {
    if (this.#isEnded) return;
    this.#record('reset');
    this.#fail(error);
  }

  #refuseStream(): void {
    if (this.#isEnded) return;
    this.#record('stream-refused');
    this.#end();
    this.handler.onError(streamRefused());
    this.onEnd();
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
      const resume = (): void => {
        this.#resume();
      };
      this.#flowing = handler.onHeaders(statusCode, raw, resume, '');
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
      this.#record(String(statusCode));
      this.#end();
      handler.onComplete([]);
      this.onEnd();
    });
  }

  /**
   * Runs a step of the response now, or, if the handler has paused the response, when the handler resumes the
   * response. When the request ends first, the step does not run.
   */
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
