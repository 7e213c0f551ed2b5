/**
 * One request on a memory connection, told to a handler in the order that the transport port promises. Whatever the
 * handler throws ends the request, and nothing is called after `onError` or `onComplete`.
 */
import type { WireHandler } from '../core/transport.js';
import type { MemoryConnection } from './memory-connection.js';
import { reset, streamRefused } from './memory-failure.js';
import type { MemoryRequest, Treatment } from './memory-request.js';

/** What became of one attempt to send a request, as its client saw it. */
export interface MemoryAttempt {
  /** Instance id of the endpoint. */
  readonly endpoint: string;
  /** Its address that was used. */
  readonly address: string;
  /** Value of the call id's header, when the request had one. */
  readonly callId: string | undefined;
  /**
   * The status of a complete answer, or `refused`, `reset`, `truncated`, `withdrawn`; `connecting` while no connection stands,
   * `silent` while nothing was heard since it was sent, `unsent` when its sender lost interest before it was sent.
   */
  result: string;
}

/** See the file's header. */
export class MemoryExchange {
  #over = false;
  #flowing = true;
  #held: (() => void) | undefined;

  constructor(
    readonly connection: MemoryConnection,
    readonly request: MemoryRequest,
    readonly handler: WireHandler,
    readonly attempt: MemoryAttempt | undefined,
    readonly callId: string | undefined,
    /** Called once, when the connection is free again or was lost. */
    readonly onOver: () => void,
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
      if (this.#over) return;
      // Nothing was written: the connection stays as it was.
      this.#note('unsent');
      this.#end();
      handler.onError(error as Error);
      this.onOver();
      return;
    }
    if (this.#over) return;
    this.#note('silent');
    connection.write({
      request: this.request,
      callId: this.callId,
      connection,
      answer: (treatment, broken) => {
        connection.carry(() => {
          this.#head(treatment, broken);
        });
      },
      refuse: () => {
        connection.carry(() => {
          this.#withdraw();
        });
      },
    });
    handler.onRequestSent?.();
  }

  /** Its sender gives it up: the connection goes with it. */
  abort(reason: Error): void {
    if (this.#over) return;
    if (this.attempt?.result === 'connecting') this.#note('unsent');
    this.#fail(reason);
  }

  /** The connection was cut by the other side. */
  lose(error: Error): void {
    if (this.#over) return;
    this.#note('reset');
    this.#fail(error);
  }

  #withdraw(): void {
    if (this.#over) return;
    this.#note('withdrawn');
    this.#end();
    this.handler.onError(streamRefused());
    this.onOver();
  }

  #head(treatment: Treatment, broken: boolean): void {
    if (this.#over) return;
    const { handler } = this;
    const statusCode = treatment.statusCode ?? 200;
    const whole =
      this.request.method === 'HEAD' || statusCode === 204 || statusCode === 304 ? '' : treatment.body;
    const body = Buffer.from(whole ?? '');
    const headers = {
      'content-type': 'application/json',
      'content-length': String(body.length),
      ...treatment.headers,
    };
    const raw = Object.entries(headers)
      .flat()
      .map((text) => Buffer.from(text, 'latin1'));
    this.#guarded(() => {
      handler.onResponseStarted?.();
      const resume = (): void => {
        this.#resume();
      };
      this.#flowing = handler.onHeaders(statusCode, raw, resume, '');
    });
    const rest = (): void => {
      this.#whenFlowing(() => {
        this.#body(statusCode, broken ? body.subarray(0, body.length >> 1) : body, broken);
      });
    };
    if ((treatment.bodyDelayMs ?? 0) > 0) this.connection.server.later(treatment.bodyDelayMs ?? 0, rest);
    else rest();
  }

  #body(statusCode: number, body: Buffer, broken: boolean): void {
    const { handler } = this;
    if (body.length > 0) {
      this.#guarded(() => {
        this.#flowing = handler.onData(body);
      });
    }
    this.#whenFlowing(() => {
      if (broken) {
        this.#note('truncated');
        this.#fail(reset());
        return;
      }
      this.#note(String(statusCode));
      this.#end();
      handler.onComplete([]);
      this.onOver();
    });
  }

  /** Runs now, or when the handler lets the answer flow again; never, when it is over by then. */
  #whenFlowing(step: () => void): void {
    if (this.#over) return;
    if (this.#flowing) step();
    else this.#held = step;
  }

  #resume(): void {
    this.#flowing = true;
    const held = this.#held;
    this.#held = undefined;
    if (held) this.#whenFlowing(held);
  }

  #guarded(call: () => void): void {
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
    this.onOver();
  }

  #end(): void {
    this.#over = true;
    this.#held = undefined;
    this.connection.exchange = undefined;
  }

  #note(result: string): void {
    if (this.attempt) this.attempt.result = result;
  }
}
