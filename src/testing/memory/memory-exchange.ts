/**
 * One request on a memory connection, told to a handler in the order that the transport port promises. Whatever the
 * handler throws ends the request, and nothing is called after `onError` or `onComplete`.
 */
import type { RequestHandler } from '../../core/transport.js';
import type { MemoryConnection } from './memory-connection.js';
import { connectionReset, streamRefused } from './socket-errors.js';
import type { MemoryRequest, ServerReply } from './memory-request.js';

/** What became of one attempt to send a request, as its client saw it. */
export interface MemoryAttempt {
  /** Instance id of the endpoint. */
  readonly endpoint: string;
  /** Its address that was used. */
  readonly address: string;
  /** Value of the call id's header, when the request had one. */
  readonly callId: string | undefined;
  /**
   * The status of a complete answer, or `refused`, `reset`, `truncated`, `stream-refused`; `connecting` while no connection stands,
   * `no-response` while nothing was heard since it was sent, `unsent` when its sender lost interest before it was sent.
   */
  result: string;
}

/** See the file's header. */
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
    /** Called once, when the connection is free again or was lost. */
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
      // Nothing was written: the connection stays as it was.
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

  /** Its sender gives it up: the connection goes with it. */
  abort(reason: Error): void {
    if (this.#isEnded) return;
    if (this.attempt?.result === 'connecting') this.#record('unsent');
    this.#fail(reason);
  }

  /** The connection was cut by the other side. */
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

  /** Runs now, or when the handler lets the answer flow again; never, when it is over by then. */
  #whenFlowing(step: () => void): void {
    if (this.#isEnded) return;
    if (this.#flowing) step();
    else this.#pausedStep = step;
  }

  #resume(): void {
    this.#flowing = true;
    const held = this.#pausedStep;
    this.#pausedStep = undefined;
    if (held) this.#whenFlowing(held);
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
